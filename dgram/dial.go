package dgram

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
)

// dialer is the calling side of an Endpoint: whom it calls, and the handshakes that it begins.
type dialer struct {
	*Endpoint
	dials    map[netip.AddrPort]*dial // at most maxDials + maxAskedDials
	contacts *contacts                // how many HELLOs may leave
}

// dial is one contact under way: HELLO until a CHALLENGE comes, then HANDSHAKE
// until an ACCEPT verifies (spec/theory.md 2.1).
//
//	HELLO, again, ... ──── no answer ────▶ Unanswered
//	  │ CHALLENGE
//	  ▼
//	HANDSHAKE, again ──── no answer: once more HELLO, with a new nonce
//	  │ ACCEPT
//	  ▼
//	association
type dial struct {
	to     netip.AddrPort
	local  netip.Addr // our address to which a CHALLENGE came
	want   []Peer     // whose keys are expected, at most maxWant
	anyone bool       // any key that answers will do
	quiet  bool       // nobody asked for it: it ends without an event
	asked  bool       // the person waits for it
	near   bool       // begun by an answer to our announcement, and does nothing but obey it
	link   bool       // it has obeyed such an answer
	renews *association
	punch  *punch // nil: an ordinary one

	nonce  [wire.NonceSize]byte
	hello  []byte    // re-sent byte for byte
	hellos int       // sent, less those that a CHALLENGE showed to be needless
	rounds int       // CHALLENGEs obeyed, each for a different HELLO
	said   time.Time // when the last HELLO was sent
	guess  guess
	trip   time.Duration // the round trip, as far as this dial has seen; 0: unknown

	echo     [wire.NonceSize]byte // of the CHALLENGE being answered
	answered [][wire.CookieSize + 2*wire.KeySize]byte
	attempts []*attempt // for echo, at most maxChallenges
	shakes   int        // how often each was sent
	waiting  bool       // for an ACCEPT rather than for a CHALLENGE
	stage    Stage
	began    time.Time
	timer    timing.Timer[owner]
}

// Dial contacts an address. want lists the sessions that may answer, by their keys;
// messages that wait for the one that does travel inside the handshake. Empty means
// whoever is there, who then learns that we are online and nothing else. Dial on a running
// dial joins it, and re-sends HELLO if the last is older than dialAgain: the caller may
// know that the peer is back. It ends with Associated or with Unanswered; there may be more
// than one Associated if keys are renewed.
func (e *Endpoint) Dial(now time.Time, addr netip.AddrPort, want []Peer) error {
	return e.dialer.dial(now, addr, want, false)
}

// DialAsked is Dial for what the person asked for and waits for: it has a budget and room
// of its own, which nothing caused by others can use up.
func (e *Endpoint) DialAsked(now time.Time, addr netip.AddrPort, want []Peer) error {
	return e.dialer.dial(now, addr, want, true)
}

func (dl *dialer) dial(now time.Time, addr netip.AddrPort, want []Peer, asked bool) error {
	addr = unmapped(addr)
	if !reachable(addr) {
		return ErrAddress
	}
	if d := dl.dials[addr]; d != nil {
		d.expect(want)
		d.quiet, d.near, d.began = false, false, now
		d.asked = d.asked || asked
		if asked && d.hellos == 0 && !d.waiting {
			dl.timers.Set(&d.timer, now) // it was waiting for the common budget, or for the other side
		}
		if !d.waiting && d.mayRepeat(now) {
			if _, ok := dl.contacts.take(now, addr, d.asked); ok && d.resting() {
				d.hellos, d.punch = 0, nil
				dl.sayHello(now, d)
			} else if ok {
				dl.sayAgain(now, d)
			}
		}
		return nil
	}
	if !dl.roomForDial(asked) {
		return ErrDials
	}
	if _, ok := dl.contacts.take(now, addr, asked); !ok {
		return ErrBudget
	}
	d := dl.newDial(addr)
	d.began, d.asked = now, asked
	d.expect(want)
	dl.greet(now, d)
	return nil
}

// mayRepeat says whether joining a dial re-sends HELLO: only if the last is long enough ago.
func (d *dial) mayRepeat(now time.Time) bool {
	return d.resting() || d.punch == nil && now.Sub(d.said) >= dialAgain
}

// spent says that a dial has sent all its HELLOs.
func (d *dial) spent() bool {
	if d.punch != nil {
		return d.hellos >= punchSends || d.punch.left == 0
	}
	return d.hellos >= dialSends
}

// rest makes a dial that has sent all its HELLOs, and waited after each, wait until dialLast
// is over, since an answer may still come. Joining it then begins anew.
func (dl *dialer) rest(now time.Time, d *dial) (more bool) {
	end := d.said.Add(dialLast)
	if d.resting() || !end.After(now) {
		return false
	}
	d.hellos = max(dialSends, punchSends) + 1
	dl.timers.Set(&d.timer, end)
	return true
}

// resting says that a dial has nothing more to send.
func (d *dial) resting() bool { return d.hellos > max(dialSends, punchSends) }

// roomForDial says whether one more dial may be under way. A resting one gives way.
func (dl *dialer) roomForDial(asked bool) bool {
	most := maxDials
	if asked {
		most += maxAskedDials
	}
	if len(dl.dials) < most {
		return true
	}
	var last *dial
	for _, d := range dl.dials { // the order does not matter: of equals the address decides
		if d.resting() && !d.waiting && (last == nil || d.said.Before(last.said) || d.said.Equal(last.said) && d.to.Compare(last.to) < 0) {
			last = d
		}
	}
	if last != nil {
		dl.fail(last, last.stage)
	}
	return last != nil
}

func (dl *dialer) newDial(addr netip.AddrPort) *dial {
	d := &dial{to: addr}
	d.timer.Owner.dial = d
	dl.dials[addr] = d
	return d
}

// expect adds sessions that may answer.
func (d *dial) expect(want []Peer) {
	if len(want) == 0 {
		d.anyone = true
	}
	for _, p := range want {
		if i := slices.IndexFunc(d.want, func(q Peer) bool { return q.ID == p.ID }); i >= 0 {
			d.want[i] = p
		} else if len(d.want) < maxWant {
			d.want = append(d.want, p)
		}
	}
}

// endDial forgets a dial and its attempts.
func (dl *dialer) endDial(d *dial) {
	dl.dropAttempts(d)
	dl.table.change(func() { delete(dl.table.hellos, d.nonce) })
	dl.timers.Stop(&d.timer)
	delete(dl.dials, d.to)
}

func (dl *dialer) dropAttempts(d *dial) {
	dl.table.change(func() {
		for _, t := range d.attempts {
			delete(dl.table.attempts, t.index)
		}
	})
	for _, t := range d.attempts {
		if l := dl.links[t.want.ID]; l != nil && l.offered == t {
			l.offered = nil
		}
	}
	d.attempts, d.answered = nil, nil
}

// fail ends a dial that led to no association.
func (dl *dialer) fail(d *dial, stage Stage) {
	dl.endDial(d)
	if !d.quiet {
		dl.emit(Unanswered{d.to, stage})
	}
}

// greet sends a HELLO with a new nonce. The budget has been asked.
func (dl *dialer) greet(now time.Time, d *dial) {
	old := d.nonce
	mustRead(dl.random, d.nonce[:])
	dl.table.change(func() {
		delete(dl.table.hellos, old)
		dl.table.hellos[d.nonce] = d.to
	})
	d.hello = wire.AppendHello(make([]byte, 0, wire.HelloSize), d.nonce[:])
	d.waiting, d.guess = false, guess{}
	dl.sayHello(now, d)
}

func (dl *dialer) sayHello(now time.Time, d *dial) {
	d.hellos++
	dl.sayAgain(now, d)
	wait := dl.backOff(d.to, d.hellos, dl.tripTo(d))
	if d.punch != nil {
		d.punch.left--
		wait = dl.punchWait(min(d.hellos, punchSends))
	}
	dl.timers.Set(&d.timer, now.Add(wait))
}

func (dl *dialer) sayAgain(now time.Time, d *dial) {
	d.said = now
	d.guess.said(now)
	dl.send(wire.PacketHello, path{d.to, d.local}, d.hello)
}

// backOff returns the wait after the nth send: doubling, and no less than a known round trip;
// a quarter more or less, so that nodes that were cut off together do not come back together.
func (dl *dialer) backOff(to netip.AddrPort, n int, trip time.Duration) time.Duration {
	wait := max(firstWait(dl.near, to.Addr())<<(n-1), reliable.TripWait(trip))
	jitter := time.Duration(randomUint64(dl.random) % uint64(wait/2))
	return wait*3/4 + jitter
}

// overtaken says whether all wanted sessions have meanwhile called us from that very address,
// and use the resulting associations: then our own dial would only bring second keys.
func (dl *dialer) overtaken(d *dial) bool {
	if d.anyone || d.began.IsZero() || d.renews != nil {
		return false
	}
	for _, w := range d.want {
		l := dl.links[w.ID]
		if l == nil || !slices.ContainsFunc(l.list, func(a *association) bool {
			return a.confirmed && a.path.to == d.to && !a.made.Before(d.began)
		}) {
			return false
		}
	}
	return true
}

// ringDial does what is due at a dial.
func (dl *dialer) ringDial(now time.Time, d *dial) {
	if dl.overtaken(d) {
		dl.endDial(d)
		return
	}
	if d.waiting && d.shakes < shakeSends {
		d.shakes++
		for _, t := range d.attempts {
			dl.send(wire.PacketHandshake, path{d.to, d.local}, t.bytes, t.messages...)
		}
		dl.timers.Set(&d.timer, now.Add(dl.backOff(d.to, d.shakes, dl.tripTo(d))))
		return
	}
	if d.near || d.spent() {
		if d.near || d.waiting || !dl.rest(now, d) {
			dl.fail(d, d.stage)
		}
		return
	}
	if at, ok := dl.contacts.take(now, d.to, d.asked); !ok {
		dl.timers.Set(&d.timer, at)
		return
	}
	if d.waiting || d.hellos == 0 {
		dl.greet(now, d) // our address may have changed, and the cookie with it
		return
	}
	dl.sayHello(now, d)
}
