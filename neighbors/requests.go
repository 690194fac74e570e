package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// request is one wish of the person that ends with an event of its own.
type request struct {
	token    Token
	kind     requestKind
	addr     netip.AddrPort // \ping of an address
	find     find           // \add, \ping of a user
	deadline time.Time
	next     time.Time // when to ask, or to probe, again
	peer     sessions.SessionID
	probes   []uint64 // ids of the probes sent, at most one a half second
	asked    int
	unknown  int // of those who were asked know nobody of that name
	started  time.Time
}

type requestKind uint8

const (
	pingAddr requestKind = iota
	pingUser
	addUser
	explodeAll
)

// requests holds what is under way, at most maxRequests, oldest first.
type requests struct {
	last Token
	list []*request
}

func (n *Node) request(now time.Time, kind requestKind, limit time.Duration) (*request, error) {
	if len(n.requests.list) >= maxRequests {
		return nil, ErrBusy
	}
	n.requests.last++
	// A little before the limit, so that the person is told within it.
	q := &request{token: n.requests.last, kind: kind, deadline: now.Add(limit - limit/20), started: now}
	n.requests.list = append(n.requests.list, q)
	n.wake(now)
	return q, nil
}

func (n *Node) end(q *request, e Event) {
	for i, p := range n.requests.list {
		if p == q {
			n.requests.list = append(n.requests.list[:i:i], n.requests.list[i+1:]...)
			n.tell(e)
			return
		}
	}
}

// Ping asks whoever answers at addr who it is.
func (n *Node) Ping(now time.Time, addr netip.AddrPort) (Token, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	for _, own := range n.cfg.Listen {
		if own == addr || own.Port() == addr.Port() && addr.Addr().IsLoopback() && !n.cfg.LoopbackOnly {
			return 0, fmt.Errorf("%s is this node itself: give the other's port, \\ping HOST PORT", addr)
		}
	}
	if !n.dialable(addr, netip.Addr{}) {
		if n.cfg.LoopbackOnly && !addr.Addr().IsLoopback() {
			return 0, fmt.Errorf("this node listens on loopback alone and cannot reach %s; start it without -listen", addr)
		}
		return 0, fmt.Errorf("%s is not the address of a node", addr)
	}
	q, err := n.request(now, pingAddr, PingTimeout)
	if err != nil {
		return 0, err
	}
	q.addr = addr
	return q.token, nil
}

// PingUser probes a known user.
func (n *Node) PingUser(now time.Time, typed string) (Token, error) {
	user, only, err := n.resolve(typed)
	if err != nil {
		return 0, err
	}
	q, err := n.request(now, pingUser, PingTimeout)
	if err != nil {
		return 0, err
	}
	q.find = find{user: user, name: typed}
	if only != nil {
		q.peer = *only
	}
	return q.token, nil
}

// Add asks seeds and neighbours for a user by name.
func (n *Node) Add(now time.Time, name string) (Token, error) {
	if user, _, err := n.resolve(name); err == nil {
		q, err := n.request(now, addUser, AddTimeout)
		if err != nil {
			return 0, err
		}
		q.find = find{user: user, name: name, sent: map[uint64]bool{}}
		n.pin(now, user)
		if online := n.onlineSessions(user); len(online) > 0 {
			// Told again: who asks waits for this line, or for an error.
			for _, id := range online {
				n.contacts.again(now, n, id, CameOnline{User: n.book.Label(user), Session: id.String(), Trust: n.book.Trust(user).String()})
			}
			n.end(q, Done{q.token})
		} else {
			n.seek(now, user)
		}
		return q.token, nil
	}
	if err := sessions.CheckName(name); err != nil {
		return 0, fmt.Errorf("%q cannot be a name: %w", name, err)
	}
	mapped, err := sessions.MapName(name)
	if err != nil {
		return 0, fmt.Errorf("%q cannot be a name: %w", name, err)
	}
	if own, _ := sessions.MapName(n.cfg.Name); own == mapped {
		return 0, fmt.Errorf("%s is your own name", name)
	}
	q, err := n.request(now, addUser, AddTimeout)
	if err != nil {
		return 0, err
	}
	q.find = find{name: mapped, sent: map[uint64]bool{}}
	return q.token, nil
}

// advanceRequests asks again, probes again and ends what took too long.
func (n *Node) advanceRequests(now time.Time) (next time.Time) {
	for _, q := range append([]*request(nil), n.requests.list...) {
		switch {
		case !q.deadline.After(now):
			n.end(q, n.failure(q))
			continue
		case !q.next.After(now):
			q.next = now.Add(n.advanceRequest(now, q))
		}
		next = earliest(next, earliest(q.next, q.deadline))
	}
	return next
}

// advanceRequest does the next step of q and returns how long to wait for the one after.
func (n *Node) advanceRequest(now time.Time, q *request) time.Duration {
	switch q.kind {
	case pingAddr:
		if q.peer.IsZero() {
			q.peer, _ = n.peerAt(q.addr)
		}
		if !q.peer.IsZero() {
			q.send(now, n, q.peer)
		}
		if q.peer.IsZero() || len(q.probes) == 2 {
			n.dialAsked(now, q.addr, nil) // somebody else may be there by now
		}
		return time.Second / 2
	case pingUser:
		for _, s := range n.book.SessionsOf(q.find.user) {
			if !q.peer.IsZero() && s.ID != q.peer {
				continue
			}
			if n.ep.Live(dgram.PeerID(s.ID)) {
				q.send(now, n, s.ID)
			}
			if q.asked == 1 || !n.ep.Live(dgram.PeerID(s.ID)) {
				n.callSession(now, s, true)
			}
		}
		q.asked++
		return time.Second / 2
	case addUser:
		asked := n.askFor(now, q.find)
		q.asked += asked
		if asked == 0 && q.asked == 0 && n.alone() {
			q.deadline = earliest(q.deadline, q.started.Add(askNobody))
		}
		if asked == 0 {
			return 100 * time.Millisecond // nobody to ask yet: a seed may be about to answer
		}
		return askAgain
	}
	return time.Hour
}

// alone tells whether there is nobody who could be about to answer.
func (n *Node) alone() bool {
	for _, p := range n.plugins {
		if len(p.hints) > 0 {
			return false
		}
	}
	return len(n.edges) == 0
}

func (n *Node) failure(q *request) Event {
	text := ""
	switch q.kind {
	case explodeAll:
		return n.explodeEnd()
	case pingAddr:
		text = fmt.Sprintf("no answer from %s: check the address and the port, that darkchat runs there, and that its firewall lets UDP in", q.addr)
	case pingUser:
		text = fmt.Sprintf("no answer from %s%s; texts are kept and delivered when he is back", q.find.name, n.lastStages(q.find.user))
	case addUser:
		switch {
		case !q.find.user.IsZero():
			text = fmt.Sprintf("%s does not answer; texts are kept and delivered when he is back", q.find.name)
		case q.asked == 0:
			text = fmt.Sprintf("there is nobody to ask for %s: \\ping HOST [PORT] reaches a first node, -sip names a seed", q.find.name)
		default:
			text = fmt.Sprintf("nobody here can reach %s: check the name, or \\ping his address", q.find.name)
		}
	}
	return Failed{q.token, text}
}

// requestAssociated: somebody answered at addr.
func (n *Node) requestAssociated(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	for _, q := range n.requests.list {
		switch {
		case q.kind == pingAddr && q.addr == addr:
			q.peer = id
			q.send(now, n, id)
		case q.kind == pingUser:
			if s, ok := n.book.Session(id); ok && s.User == q.find.user && (q.peer.IsZero() || q.peer == id) {
				q.send(now, n, id)
			}
		}
	}
}

func (q *request) send(now time.Time, n *Node, to sessions.SessionID) {
	q.probes = append(q.probes, n.ep.Probe(now, dgram.PeerID(to)))
}

// requestOnline: a session came online; an \add may have been waiting for it.
func (n *Node) requestOnline(now time.Time, s sessions.Session) {
	for _, q := range append([]*request(nil), n.requests.list...) {
		if q.kind == addUser && q.find.means(s, n) {
			n.pin(now, s.User)
			n.end(q, Done{q.token})
		}
	}
}

// pingSettled: a probe or an \add was answered.
func (n *Node) pingSettled(now time.Time, a dgram.Settled) {
	n.exploded(a)
	id := sessions.SessionID(a.Peer)
	s, ok := n.book.Session(id)
	if !ok {
		return
	}
	for _, q := range append([]*request(nil), n.requests.list...) {
		switch q.kind {
		case pingAddr, pingUser:
			if !slices.Contains(q.probes, a.ID) || a.Result != dgram.ResultDelivered {
				continue
			}
			at, _, _ := n.ep.Path(a.Peer)
			addr, path := n.shownAddr(at)
			if q.kind == pingAddr {
				addr, path = q.addr, PathDirect
			}
			n.pin(now, s.User)
			n.contacts.flush(n, id) // online comes before pong
			n.end(q, Pong{Token: q.token, Addr: addr, User: n.book.Label(s.User), Session: id.String(), RTT: a.RTT, Path: path})
		case addUser:
			if q.find.sent[a.ID] && a.Result != dgram.ResultDelivered {
				q.unknown++
				if q.unknown >= q.asked && now.Sub(q.started) >= askGiveUp {
					n.end(q, n.failure(q))
				}
			}
		}
	}
}

// unanswered: nobody, or somebody else, was there.
func (n *Node) unanswered(_ time.Time, u dgram.Unanswered) {
	n.stageOf(u)
	for _, q := range append([]*request(nil), n.requests.list...) {
		if q.kind != pingAddr || q.addr != u.Addr || !q.peer.IsZero() {
			continue
		}
		switch u.Stage {
		case dgram.StageMismatch:
			n.end(q, Failed{q.token, fmt.Sprintf("another key than expected answers at %s", q.addr)})
		case dgram.StageRefused:
			n.end(q, Failed{q.token, fmt.Sprintf("%s refused us: it is this node itself, or it blocks us", q.addr)})
		}
	}
}
