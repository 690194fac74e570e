// Package simnet is a network in memory: it loses, repeats, reorders and delays
// datagrams as its Profile says, repeatably for a seed.
//
// It works in two ways. As an event heap (Send, Next, Deliver) it is pure: it is told the
// time, and the same calls give the same results. Listen returns sockets for whole
// programs inside a testing/synctest bubble, where time is fake but goroutines run in any
// order.
package simnet

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Profile says how bad the network is. Chances are from 0 to 1.
type Profile struct {
	Loss      float64
	Duplicate float64       // a second copy, with a delay of its own
	Reorder   float64       // held back, so that up to three Delay+Jitter of later datagrams overtake it
	Delay     time.Duration // one way
	Jitter    time.Duration // up to this much more, for each copy
}

// MTU is the largest UDP payload that passes: Ethernet's, over IPv4. Nothing is fragmented.
const MTU = 1472

// Net is one network. All methods are safe for many goroutines.
type Net struct {
	mu      sync.Mutex
	rng     *rand.Rand
	profile Profile
	cuts    map[pair]bool
	nats    []*NAT
	flying  flights
	order   uint64 // of the next copy sent
	conns   map[netip.AddrPort]*Conn
	groups  map[link][]member
	links   []link // the keys of groups, in the order of the first Join
	trace   trace
}

// New returns a network without any host. The seed decides every chance.
func New(seed uint64, p Profile) *Net {
	return &Net{
		rng:     rand.New(rand.NewPCG(seed, 0x6461726b63686174)),
		profile: p,
		cuts:    map[pair]bool{},
		conns:   map[netip.AddrPort]*Conn{},
	}
}

// SetProfile changes the profile for datagrams sent from now on.
func (n *Net) SetProfile(p Profile) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.profile = p
}

// plan draws the fate of one datagram: the delay of each copy. It draws the same number of
// chances whatever happens, so that one changed datagram does not change the fate of all
// later ones.
func (n *Net) plan(from, to netip.AddrPort, size int) (delays []time.Duration, fate string) {
	p := n.profile
	lost, twice, late := n.rng.Float64() < p.Loss, n.rng.Float64() < p.Duplicate, n.rng.Float64() < p.Reorder
	first, second, held := n.rng.Float64(), n.rng.Float64(), n.rng.Float64()
	switch {
	case size > MTU:
		return nil, "too large"
	case n.cuts[pairOf(from.Addr(), to.Addr())]:
		return nil, "cut"
	case lost:
		return nil, "lost"
	}
	delay := func(chance float64) time.Duration { return p.Delay + time.Duration(chance*float64(p.Jitter)) }
	d := delay(first)
	if late {
		d += time.Duration(held * 3 * float64(p.Delay+p.Jitter))
		fate = "held back"
	}
	delays = append(delays, d)
	if twice {
		delays = append(delays, delay(second))
		fate = "twice"
	}
	return delays, fate
}

// pair is two hosts, in order.
type pair struct{ a, b netip.Addr }

func pairOf(a, b netip.Addr) pair {
	a, b = a.Unmap(), b.Unmap()
	if b.Less(a) {
		a, b = b, a
	}
	return pair{a, b}
}

// Cut parts two hosts, in both directions, until Heal. Datagrams in the air between them are
// lost too. A host behind a NAT is known by its outside address here.
func (n *Net) Cut(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[pairOf(a, b)] = true
}

// Heal joins them again.
func (n *Net) Heal(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cuts, pairOf(a, b))
}
