package simnet

import (
	"bytes"
	"container/heap"
	"net/netip"
	"time"
)

// maxFlying bounds the datagrams in the air; one more is lost.
const maxFlying = 1 << 16

// Delivery is one datagram that arrives.
type Delivery struct {
	From, To netip.AddrPort
	Bytes    []byte // the receiver's own copy
}

// flight is one copy in the air.
type flight struct {
	at    time.Time
	order uint64
	what  Delivery
}

// flights is a heap: soonest first, and what was sent first among equals.
type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	if !f[i].at.Equal(f[j].at) {
		return f[i].at.Before(f[j].at)
	}
	return f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push is for container/heap.
func (f *flights) Push(x any) { *f = append(*f, x.(flight)) }

// Pop is for container/heap.
func (f *flights) Pop() any {
	last := (*f)[len(*f)-1]
	(*f)[len(*f)-1] = flight{}
	*f = (*f)[:len(*f)-1]
	return last
}

// Send puts a datagram into the network at now; b may be reused. On delivery the caller
// finds out whether anybody is at that address.
func (n *Net) Send(now time.Time, from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.say(now, from, to, b) {
		return
	}
	from = n.leave(now, from, to)
	delays, fate := n.plan(from, to, len(b))
	n.fly(now, from, to, b, delays, fate)
}

// fly puts a copy of b in the air for each of delays, as far as there is room, and
// notes its fate.
func (n *Net) fly(now time.Time, from, to netip.AddrPort, b []byte, delays []time.Duration, fate string) {
	for _, d := range delays {
		if len(n.flying) == maxFlying {
			fate = "no room"
			break
		}
		n.order++
		heap.Push(&n.flying, flight{now.Add(d), n.order, Delivery{from, to, bytes.Clone(b)}})
	}
	n.trace.note(now, from, to, b, fate)
}

// Next returns when the next datagram arrives, the zero Time if none is in the air.
func (n *Net) Next() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.flying) == 0 {
		return time.Time{}
	}
	return n.flying[0].at
}

// Deliver returns what has arrived by now, in the order of arrival.
func (n *Net) Deliver(now time.Time) []Delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []Delivery
	for len(n.flying) > 0 && !n.flying[0].at.After(now) {
		f := heap.Pop(&n.flying).(flight)
		if n.cuts[pairOf(f.what.From.Addr(), f.what.To.Addr())] {
			n.trace.note(f.at, f.what.From, f.what.To, f.what.Bytes, "cut in the air")
			continue
		}
		to, ok := n.enter(f.at, f.what.From, f.what.To)
		if !ok {
			n.trace.note(f.at, f.what.From, f.what.To, f.what.Bytes, "dropped by a NAT")
			continue
		}
		f.what.To = to
		out = append(out, f.what)
	}
	return out
}
