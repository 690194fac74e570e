package shell

import (
	"net/netip"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

var _ Node = (*shelltest.Node)(nil)

// bob and carol are whom the node of most tests knows: bob is online in two sessions.
func bob() neighbors.UserView {
	at := netip.MustParseAddrPort("127.0.0.1:7002")
	return neighbors.UserView{Name: "bob", Fingerprint: "aaaa-bbbb-cccc-dddd", Online: true, State: neighbors.Online, Trust: "pinned",
		Sessions: []neighbors.SessionView{
			{ID: "7f3a000000000001", Addr: at, Online: true, State: neighbors.Online, LastHeard: noon},
			{ID: "9b00000000000002", State: neighbors.Offline},
		}}
}

func carol() neighbors.UserView {
	return neighbors.UserView{Name: "carol", Fingerprint: "eeee-ffff-gggg-hhhh", State: neighbors.Offline, Trust: "verified",
		Sessions: []neighbors.SessionView{{ID: "c000000000000003", State: neighbors.Offline, LastHeard: noon}}}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
