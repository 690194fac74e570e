package neighbors

import (
	"net/netip"
	"slices"

	"darkchat/dgram"
	"darkchat/sessions"
)

// maxContactAddrs bounds the addresses of one entry, as readers of such files do.
const maxContactAddrs = 8

// Contacts lists this user and those that are pinned here, with the addresses where
// they were last: what a team hands round. A user without an address is among them.
func (n *Node) Contacts() []Contact {
	list := []Contact{{Name: n.cfg.Name, Fingerprint: sessions.Fingerprint(n.user), Addrs: portable(nil, n.cfg.Listen...)}}
	for _, u := range n.book.Users() {
		if u.Key == n.user || !u.Trust.Known() {
			continue
		}
		c := Contact{Name: u.Name, Fingerprint: sessions.Fingerprint(u.Key)}
		for _, s := range n.book.SessionsOf(u.Key) {
			if at, _, ok := n.ep.Path(dgram.PeerID(s.ID)); ok {
				c.Addrs = portable(c.Addrs, at)
			}
			for _, seen := range s.Seen {
				c.Addrs = portable(c.Addrs, seen.Addr)
			}
		}
		list = append(list, c)
	}
	return list
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
