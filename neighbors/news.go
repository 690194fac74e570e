package neighbors

import (
	"bytes"
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
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

// gossip tells neighbours what changes at others, and hears it from them.
type gossip struct {
	*core
	news  news
	pulls recordPulls
}

func newGossip(c *core) *gossip {
	return &gossip{core: c, pulls: recordPulls{flying: map[uint64]recordPull{}}}
}

// news is the changes still to be told to the neighbours.
type news struct {
	items []newsItem // oldest change first, at most maxNews
	last  time.Time  // when a change was last told for the first time
	next  time.Time  // when the next change is due; zero: none is
}

// newsItem is one neighbour that has changed.
type newsItem struct {
	id   identity.SessionID
	told int       // copies so far
	at   time.Time // of the next one
}

// saying is what we say of a neighbour that has changed.
type saying struct {
	of    *edge
	word  wire.Summary
	known bool // our user knows them
}

// queueNews queues the news that a neighbour changed: online, suspect, lost, gone, or a new
// record.
func (g *gossip) queueNews(now time.Time, e *edge) {
	if e.seed || e.user == g.own.user || !g.own.left.IsZero() || !g.edges.known(e) && !e.link {
		return
	}
	w := &g.news
	w.items = slices.DeleteFunc(w.items, func(i newsItem) bool { return i.id == e.id })
	if len(w.items) == maxNews {
		w.items = w.items[1:]
	}
	at := now
	if soon := w.last.Add(newsGap); soon.After(at) {
		at = soon
	}
	if calm := g.damped(now, e); calm.After(at) {
		at = calm
	}
	w.items = append(w.items, newsItem{id: e.id, at: at})
	w.next = earliest(w.next, at)
	g.wake(at)
}

// advanceNews tells the changes that are due, together with those due within newsGap.
func (g *gossip) advanceNews(now time.Time) (next time.Time) {
	w := &g.news
	if !due(w.next, now) {
		return w.next
	}
	var changed []*edge
	first := false
	w.next = time.Time{}
	kept := w.items[:0]
	for _, i := range w.items {
		e := g.edges.byID[i.id]
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
		g.spreadNews(now, changed)
	}
	return w.next
}

// spreadNews sends summaries of changed neighbours to everybody who is told of them.
func (g *gossip) spreadNews(now time.Time, changed []*edge) {
	slices.SortFunc(changed, func(a, b *edge) int { return bytes.Compare(a.id[:], b.id[:]) })
	said := make([]saying, 0, len(changed))
	for _, e := range changed {
		if s, ok := g.edges.summaryOf(e); ok {
			said = append(said, saying{e, s, g.edges.known(e)})
		}
	}
	live := g.edges.live()
	fingers := g.fingers(live)
	for _, to := range live {
		page := make([]wire.Summary, 0, len(said))
		known := g.edges.known(to)
		for i := range said {
			w := &said[i]
			if w.of == to || !g.edges.tellsOf(w.of, w.known, to, known) {
				continue
			}
			if w.of.link && to.link && !(w.known && known) {
				if w.word.State <= uint64(identity.StateGone) || !slices.Contains(fingers, to) {
					continue // everybody on a link hears the others directly
				}
			}
			page = append(page, w.word)
		}
		g.sendNews(now, to, page)
	}
}

// fingers are the neighbours on our own link that are 1, 2, 4, ... places behind us on the ring
// of session ids, at most newsOnLink, as in Chord (Stoica et al. 2001). When each node tells its
// own fingers, everybody on the link knows after a few steps.
func (g *gossip) fingers(live []*edge) (list []*edge) {
	ring := make([]*edge, 0, len(live))
	for _, e := range live {
		if e.link {
			ring = append(ring, e)
		}
	}
	slices.SortFunc(ring, func(a, b *edge) int {
		if after(g.own.session, a.id, b.id) {
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
func (g *gossip) acquainted(now time.Time, e *edge) {
	g.askForList(now, e)
	g.happened(now, changed{e})
	if !g.cfg.Seed {
		g.sendNews(now, e, g.told(e))
	}
}

// sendNews sends sorted summaries to one neighbour.
func (g *gossip) sendNews(now time.Time, to *edge, list []wire.Summary) {
	for len(list) > 0 {
		page := list[:min(len(list), newsPage)]
		list = list[len(page):]
		g.ep.Send(now, wire.PeerID(to.id), wire.Message{Body: wire.List{Summaries: page}})
	}
}

// damped returns the time from which a neighbour's change may be told to others.
func (g *gossip) damped(now time.Time, e *edge) (from time.Time) {
	f := &e.damping
	switch {
	case f.decayed(now) <= dampingLimit:
		f.changed = now
	case f.changed.After(now): // already scheduled; it will carry the state at that time
	case f.changed.Add(dampingGap).After(now):
		f.changed = f.changed.Add(dampingGap)
	default:
		f.changed = now
	}
	return f.changed
}
