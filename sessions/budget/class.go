package budget

import "net/netip"

// Class is who somebody is to this node's user, the best first.
type Class uint8

// The classes. A blocked user is answered "not trusted" before a budget is asked.
const (
	Own      Class = iota // another session of this user
	Known                 // pinned or verified
	Seed                  // a seed that this user named
	Link                  // met on one of our own links, and known from nowhere else
	Stranger              // everybody else
	numClasses
)

// Classes is the number of classes.
const Classes = int(numClasses)

// String gives the word that \stats and spec/registry.csv use.
func (c Class) String() string {
	return [numClasses]string{"own", "known", "seed", "link", "stranger"}[min(c, Stranger)]
}

// divided says whether a class's share is divided further, by user key and by network.
func (c Class) divided() bool { return c == Link || c == Stranger }

// Payer is who pays.
type Payer struct {
	Class  Class
	Key    [32]byte     // the user's
	Prefix netip.Prefix // from Network; the zero Prefix: not known, and not bounded
}

// Network is the network that an address counts for: its /24 or /56, where one owner may have
// all addresses, and on one of our own links (near) the address itself. This machine counts for
// none: programs on it need no addresses to be many.
func Network(a netip.Addr, near bool) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 56
	switch {
	case !a.IsValid() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback():
		return netip.Prefix{}
	case near && a.Is4():
		bits = 32
	case near:
		bits = 128
	case a.Is4():
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}
