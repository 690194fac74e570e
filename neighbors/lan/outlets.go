package lan

import (
	"net/netip"
	"strconv"

	"darkchat/dgram"
	"darkchat/neighbors"
)

// Port is where announcements are heard. It is not a chat port: all nodes on a host share it, and
// each has a chat port of its own.
const Port = 6788

// The groups. The IPv4 group is in the local scope of RFC 2365, which no router passes on. The
// IPv6 group has link scope and the transient bit, since nobody assigned it to us (RFC 4291 2.7),
// and a group id from the range for such groups (RFC 3307 4.3).
var (
	Group4 = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 70, 77}), Port)
	Group6 = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0xff, 1: 0x12, 12: 0xdc, 14: 0x67, 15: 0x88}), Port)
)

// Interface is what the system says of one of ours.
type Interface struct {
	Index     int
	Prefixes  []netip.Prefix // our addresses there
	Multicast bool
	Broadcast bool
}

// Outlets lists how an announcement leaves: by every interface, to the group of each family in
// which we have an address there, and to the broadcast address of each IPv4 prefix, for networks
// that hold multicast back. IPv4 comes first: a listener that hears several answers the first.
// four and six say which families our socket has.
func Outlets(interfaces []Interface, four, six bool) (all []dgram.Outlet) {
	for _, i := range interfaces {
		had4, had6 := false, false
		var broadcasts []dgram.Outlet
		for _, p := range i.Prefixes {
			a := p.Addr()
			switch {
			case a.Is4() && four:
				if i.Multicast && !had4 {
					all = append(all, dgram.Outlet{To: Group4, Local: a, Interface: i.Index})
				}
				had4 = true
				if to := neighbors.Broadcast(p); i.Broadcast && to.IsValid() {
					broadcasts = append(broadcasts, dgram.Outlet{To: netip.AddrPortFrom(to, Port), Local: a, Interface: i.Index})
				}
			case !a.Is4() && six:
				had6 = true
			}
		}
		if had6 && i.Multicast {
			zone := Group6.Addr().WithZone(strconv.Itoa(i.Index))
			all = append(all, dgram.Outlet{To: netip.AddrPortFrom(zone, Port), Interface: i.Index})
		}
		all = append(all, broadcasts...)
	}
	return all
}
