package neighbors

import (
	"cmp"
	"net/netip"
	"slices"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// maxContactAddrs bounds the addresses of one entry, as readers of contacts files do.
const maxContactAddrs = 8

// usualPort is where a client listens unless told otherwise, and firstBorrowed the first of
// the ports that systems lend for a while (Linux; IANA says 49152).
const (
	usualPort     = 6789
	firstBorrowed = 32768
)

// whereabouts are the addresses at which somebody is, or is likely to be again. A program that
// spoke once and said goodbye leaves a port behind where nobody will ever be. So sessions that
// left count only with a port that is not borrowed, one a host, and only if the user has no
// session that is here or was lost.
func (es *edges) whereabouts(user identity.UserKey) (list []netip.AddrPort) {
	all := slices.Clone(es.book.SessionsOf(user))
	rank := func(s book.Session) int {
		switch e := es.byID[s.ID]; {
		case e != nil && e.online:
			return 0
		case s.State != identity.StateGone:
			return 1
		case len(s.Seen) > 0 && s.Seen[0].Addr.Port() == usualPort:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(all, func(a, b book.Session) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.LastHeard.Compare(a.LastHeard))
	})
	var borrowed []netip.AddrPort
	for _, s := range all {
		var at []netip.AddrPort // newest first
		if path, _, ok := es.ep.Path(wire.PeerID(s.ID)); ok && !dgram.Relayed(path.Addr()) {
			at = append(at, path)
		}
		for _, seen := range s.Seen {
			at = append(at, seen.Addr)
		}
		here, elsewhere := rank(s) == 0, len(list)
		for i, a := range at {
			switch {
			case hasHost(at[:i], a), !here && hasHost(list[:elsewhere], a):
			case rank(s) >= 2 && a.Port() >= firstBorrowed:
				borrowed = portable(borrowed, a)
			default:
				list = portable(list, a)
			}
		}
	}
	if len(list) == 0 && len(borrowed) > 0 {
		return borrowed[:1] // better than nothing: the port may have been chosen
	}
	return list
}

func hasHost(list []netip.AddrPort, a netip.AddrPort) bool {
	return slices.ContainsFunc(list, func(b netip.AddrPort) bool { return a.Addr() == b.Addr() })
}

// portable adds the addresses that mean the same on another machine.
func portable(list []netip.AddrPort, more ...netip.AddrPort) []netip.AddrPort {
	for _, a := range more {
		ip := a.Addr()
		if !a.IsValid() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() {
			continue
		}
		if len(list) < maxContactAddrs && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}
