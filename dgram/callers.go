package dgram

import (
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// calls is what an Endpoint keeps about announcements, its own and others'.
type calls struct {
	said    announcement
	callers *simplelru.LRU[netip.AddrPort, *caller] // at most maxCallers
	knocks  []knock                                 // at most maxKnocks
	knockAt time.Time                               // the earliest of them
	answers *bucket                                 // CHALLENGEs for announcements
}

func newCalls() calls {
	callers, err := simplelru.NewLRU[netip.AddrPort, *caller](maxCallers, nil)
	if err != nil {
		panic("BUG: the bound of callers must be positive")
	}
	return calls{callers: callers, answers: newBucket(answerRate, answerBurst)}
}

// caller is what is remembered of one address on our own links that announced itself
// or authenticated. At most maxCallers; who was silent for longest is forgotten, and
// that costs no more than one needless answer.
type caller struct {
	nonce     [nonceSize]byte // of the last announcement
	last      time.Time       // when it came
	row       time.Time       // the first of a row of them, with less than announceRow between two
	answered  time.Time       // our last CHALLENGE for one
	peer      PeerID          // who authenticated from there last
	authentic bool
}

// knock is an announcement that waits for our answer. They are at most maxKnocks.
type knock struct {
	echo  [nonceSize]byte
	from  []path // it may come by several interfaces and families; at most maxKnockPaths
	known bool   // whoever says it is in touch with us: no answer
	at    time.Time
}

// heardCall treats the HELLO of somebody who announces himself. The answer is one
// CHALLENGE by unicast, later, so that not all of a link answer at once; somebody
// with whom we are in touch already gets none (spec/wire.md 6.7).
func (e *Endpoint) heardCall(now time.Time, o Opened) {
	c, ok := e.calls.callers.Get(o.from)
	if !ok {
		c = &caller{}
		e.calls.callers.Add(o.from, c)
	}
	if c.nonce != o.echo {
		if now.Sub(c.last) > announceRow {
			c.row = now
		}
		c.nonce, c.last = o.echo, now
	}
	known := e.inTouch(now, c)
	i := slices.IndexFunc(e.calls.knocks, func(k knock) bool { return k.echo == o.echo })
	if i < 0 {
		if len(e.calls.knocks) >= maxKnocks {
			e.tally.add(DroppedFull)
			return
		}
		wait := answerWaitLeast + time.Duration(randomUint64(e.random)%uint64(answerWaitMost-answerWaitLeast))
		e.calls.knocks = append(e.calls.knocks, knock{echo: o.echo, at: now.Add(wait)})
		i = len(e.calls.knocks) - 1
		e.calls.knockAt = sooner(e.calls.knockAt, e.calls.knocks[i].at)
	}
	k := &e.calls.knocks[i]
	k.known = k.known || known
	p := path{o.from, o.local}
	if len(k.from) < maxKnockPaths && !slices.Contains(k.from, p) {
		k.from = append(k.from, p)
	}
}

// inTouch says whether the peer at c and we hear each other. Who announces himself in
// a row and has said nothing since it began may have lost the keys: a new program at
// the old address. He is a stranger again.
func (e *Endpoint) inTouch(now time.Time, c *caller) bool {
	if !c.authentic || !e.Confirmed(c.peer) {
		return false
	}
	heard := e.LastHeard(c.peer)
	return now.Sub(heard) < inTouchTime && (c.row.Equal(c.last) || heard.After(c.row))
}

// answerCalls sends the CHALLENGEs whose time has come. Of the addresses of one
// announcement the one that was answered longest ago is chosen: one answer each time
// is enough, and if one way is closed the next time takes another.
func (e *Endpoint) answerCalls(now time.Time) {
	if e.calls.knockAt.IsZero() || e.calls.knockAt.After(now) {
		return
	}
	rest := e.calls.knocks[:0]
	e.calls.knockAt = time.Time{}
	for _, k := range e.calls.knocks {
		if k.at.After(now) {
			rest = append(rest, k)
			e.calls.knockAt = sooner(e.calls.knockAt, k.at)
			continue
		}
		if !k.known {
			e.answerCall(now, k)
		}
	}
	clear(e.calls.knocks[len(rest):])
	e.calls.knocks = rest
}

func (e *Endpoint) answerCall(now time.Time, k knock) {
	var to path
	var chosen *caller
	for _, p := range k.from {
		c, ok := e.calls.callers.Peek(p.to)
		if ok && (chosen == nil || c.answered.Before(chosen.answered)) {
			to, chosen = p, c
		}
	}
	if chosen == nil || !e.calls.answers.take(now, 1) {
		e.tally.add(DroppedChallenges)
		return
	}
	d := e.opener.challenge(now, Opened{kind: kindHello, from: to.to, local: to.local}, k.echo[:])
	if d.reply == nil {
		return
	}
	chosen.answered = now
	e.send(kindChallenge, to, d.reply)
	e.expireAt = sooner(e.expireAt, now.Add(epochAccept))
}

// authenticated notes who is at an address on our own links, and says whether the
// handshake came of our answer to an announcement.
func (e *Endpoint) authenticated(now time.Time, peer PeerID, from netip.AddrPort) (called bool) {
	if !e.near(from.Addr()) {
		return false
	}
	c, ok := e.calls.callers.Get(from)
	if !ok {
		c = &caller{}
		e.calls.callers.Add(from, c)
	}
	c.peer, c.authentic = peer, true
	return !c.answered.IsZero() && now.Sub(c.answered) <= answerLife
}
