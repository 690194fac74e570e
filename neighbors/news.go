package neighbors

import (
	"bytes"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// How our neighbours are told that one of them changed state (spec/theory.md 6.2): the first
// change leaves at once, those of the next newsGap together. Nobody acknowledges news, so each
// item is told newsCopies times; if all copies are lost, the next comparison of lists tells it.
const (
	newsGap    = 200 * time.Millisecond
	newsCopies = 3
	newsAgain  = 400 * time.Millisecond // before the second copy; the third comes four times later
	newsPage   = 48                     // summaries in one message: they fit a datagram
	newsOnLink = 8                      // neighbours on our own link that we tell of a silent one there; they tell others
	maxNews    = 512                    // changes that wait to be told; the oldest goes
)

// news is the changes still to be told to the neighbours.
type news struct {
	items []newsItem // oldest change first, at most maxNews
	last  time.Time  // when a change was last told for the first time
	next  time.Time  // when the next change is due; zero: none is
}

// newsItem is one neighbour that has changed.
type newsItem struct {
	id   sessions.SessionID
	told int       // copies so far
	at   time.Time // of the next one
}

// saying is what we say of a neighbour that has changed.
type saying struct {
	of    *edge
	word  dgram.Summary
	known bool // our user knows them
}

// tells says whether we tell to about e: our user knows both, or e is on our link and to is near
// (spec/theory.md 6.1).
func (n *Node) tells(e, to *edge) bool { return n.tellsOf(e, n.known(e), to, n.known(to)) }

func (n *Node) tellsOf(e *edge, knownE bool, to *edge, knownTo bool) bool {
	if e.user == to.user || e.user == n.user || to.user == n.user || e.seed || to.seed {
		return false
	}
	if knownE && knownTo {
		return true
	}
	return e.link && e.online && n.nearEdge(to)
}

// known says whether our user knows the user of an edge.
func (n *Node) known(e *edge) bool { return n.book.Trust(e.user).Known() }

// nearEdge says whether a neighbour is on our link or site.
func (n *Node) nearEdge(e *edge) bool {
	at, _, ok := n.direct(e.id)
	return ok && (n.isNear(at) || n.onSite(at.Addr()))
}

// summaryOf makes our summary of a neighbour.
func (n *Node) summaryOf(e *edge) (s dgram.Summary, ok bool) {
	known, ok := n.book.Session(e.id)
	if !ok {
		return s, false
	}
	s = dgram.Summary{Session: dgram.PeerID(e.id), Seq: known.Seq, State: uint64(known.State)}
	switch {
	case known.State == sessions.StateGone:
	case !e.online:
		s.State = dgram.SummaryLost
	case !e.since.IsZero():
		s.State = dgram.SummarySuspect
	}
	return s, true
}

// queueNews queues the news that a neighbour changed: online, suspect, lost, gone, or a new
// record.
func (n *Node) queueNews(now time.Time, e *edge) {
	if e.seed || e.user == n.user || !n.left.IsZero() || !n.known(e) && !e.link {
		return
	}
	w := &n.news
	w.items = slices.DeleteFunc(w.items, func(i newsItem) bool { return i.id == e.id })
	if len(w.items) == maxNews {
		w.items = w.items[1:]
	}
	at := now
	if soon := w.last.Add(newsGap); soon.After(at) {
		at = soon
	}
	if calm := n.flapping(now, e); calm.After(at) {
		at = calm
	}
	w.items = append(w.items, newsItem{id: e.id, at: at})
	w.next = earliest(w.next, at)
	n.wake(at)
}

// advanceNews tells the changes that are due, together with those due within newsGap.
func (n *Node) advanceNews(now time.Time) (next time.Time) {
	w := &n.news
	if !due(w.next, now) {
		return w.next
	}
	var changed []*edge
	first := false
	w.next = time.Time{}
	kept := w.items[:0]
	for _, i := range w.items {
		e := n.edges[i.id]
		if e == nil {
			continue
		}
		if !i.at.After(now) || i.told > 0 && i.at.Sub(now) < newsGap {
			changed = append(changed, e)
			first = first || i.told == 0
			i.told++
			i.at = now.Add(newsAgain << (2 * (i.told - 1)))
		}
		if i.told < newsCopies {
			kept = append(kept, i)
			w.next = earliest(w.next, i.at)
		}
	}
	clear(w.items[len(kept):])
	w.items = kept
	if first {
		w.last = now // a further copy delays nothing new
	}
	if len(changed) > 0 {
		n.spreadNews(now, changed)
	}
	return w.next
}

// spreadNews sends summaries of changed neighbours to everybody who is told of them.
func (n *Node) spreadNews(now time.Time, changed []*edge) {
	slices.SortFunc(changed, func(a, b *edge) int { return bytes.Compare(a.id[:], b.id[:]) })
	said := make([]saying, 0, len(changed))
	for _, e := range changed {
		if s, ok := n.summaryOf(e); ok {
			said = append(said, saying{e, s, n.known(e)})
		}
	}
	live := n.live()
	fingers := n.fingers(live)
	for _, to := range live {
		page := make([]dgram.Summary, 0, len(said))
		known := n.known(to)
		for i := range said {
			w := &said[i]
			if w.of == to || !n.tellsOf(w.of, w.known, to, known) {
				continue
			}
			if w.of.link && to.link && !(w.known && known) {
				if w.word.State <= uint64(sessions.StateGone) || !slices.Contains(fingers, to) {
					continue // everybody on a link hears the others directly
				}
			}
			page = append(page, w.word)
		}
		n.sendNews(now, to, page)
	}
}

// fingers are the neighbours on our own link that are 1, 2, 4, ... places behind us on the ring
// of session ids, at most newsOnLink, as in Chord (Stoica et al. 2001). When each node tells its
// own fingers, everybody on the link knows after a few steps.
func (n *Node) fingers(live []*edge) (list []*edge) {
	ring := make([]*edge, 0, len(live))
	for _, e := range live {
		if e.link {
			ring = append(ring, e)
		}
	}
	slices.SortFunc(ring, func(a, b *edge) int {
		if after(n.self, a.id, b.id) {
			return -1
		}
		return 1
	})
	for i := 1; i <= len(ring) && len(list) < newsOnLink; i *= 2 {
		list = append(list, ring[i-1])
	}
	return list
}

// acquainted: from now on our user knows a neighbour. The others are told of it, it is told of
// them, and we ask for its list.
func (n *Node) acquainted(now time.Time, e *edge) {
	n.askForList(now, e)
	n.happened(now, changed{e})
	if !n.cfg.Seed {
		n.sendNews(now, e, n.told(e))
	}
}

// sendNews sends sorted summaries to one neighbour.
func (n *Node) sendNews(now time.Time, to *edge, list []dgram.Summary) {
	for len(list) > 0 {
		page := list[:min(len(list), newsPage)]
		list = list[len(page):]
		n.ep.Send(now, dgram.PeerID(to.id), dgram.Message{Body: dgram.List{Summaries: page}})
	}
}
