package neighbors

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// notSent says that the system refused to send to an address, and why; the Loop calls it. Most
// refusals are no different from a datagram lost on the way. But if this machine has no route to
// the address at all, a \ping of it ends at once and says so. It reports whether one did.
func (rq *requests) notSent(to netip.AddrPort, err error) (ended bool) {
	why := noWay(err)
	if why == "" {
		return false
	}
	for _, q := range slices.Clone(rq.list) {
		if q.kind == pingAddr && q.addr == to && q.peer.IsZero() {
			rq.end(q, Failed{q.token, fmt.Sprintf("nothing can be sent to %s: %s", to, why)})
			ended = true
		}
	}
	return ended
}

// noWay says why the system sends nothing to an address, and what to check; empty: the next try
// may succeed.
func noWay(err error) string {
	switch {
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no route there; check that it is connected to a network, and the address"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "this machine does not let it out; check its own firewall, and the address"
	}
	return ""
}
