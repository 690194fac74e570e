package shell

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
)

// What \net says of a NAT agrees with the addresses above it, and a person who has named a seed is
// not advised to name one.
func TestNetSaysWhatIsKnownOfTheNAT(t *testing.T) {
	at := func(list ...string) (addrs []netip.AddrPort) {
		for _, a := range list {
			addrs = append(addrs, netip.MustParseAddrPort(a))
		}
		return addrs
	}
	const dead = "seed.example:8888"
	for _, x := range []struct {
		v           neighbors.NetView
		says, never string
	}{
		{neighbors.NetView{NAT: neighbors.NATSome, Observed: at("203.0.113.101:6789"), Seeds: []string{"seed"}}, "A NAT in between", "not known:"},
		{neighbors.NetView{NAT: neighbors.NATUnknown}, "a seed (-sip) would tell", dead},
		{neighbors.NetView{NAT: neighbors.NATUnknown, Silent: []string{dead}}, "no seed has answered yet", "-sip"},
		{neighbors.NetView{NAT: neighbors.NATUnknown, Silent: []string{dead}}, "No answer from the seed " + dead, "-sip"},
		{neighbors.NetView{NAT: neighbors.NATUnknown, Seeds: []string{"seed"}}, "no seed has reported yet", "-sip"},
		{neighbors.NetView{NAT: neighbors.NATUnknown, Observed: at("203.0.113.1:1", "203.0.113.2:1"), Seeds: []string{"seed"}}, "do not agree", "-sip"},
	} {
		var pg page
		newNet(x.v).text(&pg, view{now: noon, zone: time.UTC, width: 80})
		if got := pg.out.String(); !strings.Contains(got, x.says) || strings.Contains(got, x.never) {
			t.Errorf("%+v: %q, want %q and not %q", x.v, got, x.says, x.never)
		}
	}
	if got := string(newEncoder().line(newNet(neighbors.NetView{NAT: neighbors.NATSome, Silent: []string{dead}}))); !strings.Contains(got, `"nat":"some","seeds":[],"silent":["`+dead+`"]`) {
		t.Errorf("as JSON: %s", got)
	}
}
