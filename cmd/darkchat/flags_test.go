package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/sessions/store"
)

// The paper, 2.1: "with the exception of username, all parameters will revert to default
// values if no value is specified."
func TestPaperDefaults(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/xdg")
	c, err := parseFlags(nil)
	if err != nil {
		t.Fatal(err)
	}
	lan, _ := neighbors.ProfileNamed("lan")
	want := config{profile: lan, port: 6789, readers: 5, presence: []string{"lan", "seed", "file"}, state: "/xdg/darkchat", wait: 10 * time.Second, log: "text", history: 100_000}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if c, err = parseFlags([]string{"-s"}); err != nil || c.port != 8888 || c.portGiven || c.memory != 256<<20 {
		t.Errorf("a seed listens on 8888 and takes 256 MB: %+v, %v", c, err)
	}
}

// The paper, figure 1, and what has come since.
func TestPaperFigure1(t *testing.T) {
	c, err := parseFlags(strings.Fields("-u Ann -p 7001 -t 4 -sip [2001:db8::1],host.example -sip 10.0.0.1 -sp 1,2 -sp 3 " +
		"-s=false -listen [::1] -presence file,seed -state /s -identity /i -json -stay -wait 0s -log json -v -profile quiet -hold off -history 9 -intro link"))
	if err != nil {
		t.Fatal(err)
	}
	quiet, _ := neighbors.ProfileNamed("quiet")
	want := config{
		profile: quiet, holdOff: true, intro: neighbors.IntroLink, history: 9, user: "Ann", port: 7001, portGiven: true, readers: 4, readersGiven: true, listen: netip.MustParseAddr("::1"),
		seeds:    []seedHost{{"2001:db8::1", 1}, {"host.example", 2}, {"10.0.0.1", 3}},
		presence: []string{"file", "seed"}, state: "/s", identity: "/i", json: true, stay: true, log: "json", verbose: true,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if c, err = parseFlags([]string{"-sip", "a,b", "-sp", "9", "-p", "0", "-presence", "seed", "-ephemeral"}); err != nil ||
		c.port != 0 || !c.portGiven || c.seeds[1] != (seedHost{"b", 9}) || c.state != "" {
		t.Errorf("one -sp is for all seeds, -p 0 is any port, -ephemeral has no folder: %+v, %v", c, err)
	}
	if c, err = parseFlags([]string{"-sip", "a:1,b, [2001:db8::1]:3,[2001:db8::1],2001:db8::1"}); err != nil ||
		!slices.Equal(c.seeds, []seedHost{{"a", 1}, {"b", 8888}, {"2001:db8::1", 3}, {"2001:db8::1", 8888}, {"2001:db8::1", 8888}}) {
		t.Errorf("a port of its own: %+v, %v", c.seeds, err)
	}
	if c, err = parseFlags([]string{"-interfaces", "^eth"}); err != nil || !c.interfaces.MatchString("eth0") || c.interfaces.MatchString("beth0") {
		t.Errorf("-interfaces: %v, %v", c.interfaces, err)
	}
	if c, err = parseFlags([]string{"-presence", "none"}); err != nil || len(c.presence) != 0 {
		t.Errorf("none is no Source: %+v, %v", c, err)
	}
}

// The process tests say what a bad command line leads to; these are rows that
// only the parser sees.
func TestRefusedFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-intro", "some"}, {"-intro", ""}, {"-presence", ""}, {"-presence", "wan"}, {"-interfaces", "("}, {"-interfaces", ""}, {"-presence", "none,file"}, {"-presence", "none", "-sip", "a"},
		{"-listen", ""}, {"-listen", "ann"}, {"-listen", "224.0.0.251"}, {"-listen", "ff02::1"},
		{"-sip", "a:0"}, {"-sip", "a:b"}, {"-sip", "a:"}, {"-sip", ":8888"}, {"-sip", "[::1"}, {"-sip", "[::1]x"}, {"-sip", "a:1,b", "-sp", "2"}, {"-sip", "a:b:c"}, {"-sip", "a b"}, {"-sip", "a/b"}, {"-sip", "0.0.0.0"}, {"-sip", "a,,b"}, {"-sip", strings.Repeat("a", 254)},
		{"-sip", strings.Repeat("a,", maxSeeds) + "a"}, {"-sip", "a", "-sp", "1,2"},
		{"-state", ""}, {"-identity", ""}, {"-t", "1e1"}, {"-wait", "forever"}, {"-profile", "loud"}, {"-hold", "maybe"}, {"-history", "-1"}, {"-history", "10000001"}, {"-u", "a\nb"}, {"-p"},
	} {
		if c, err := parseFlags(args); err == nil {
			t.Errorf("%q gives %+v", args, c)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_STATE_HOME", "")
	if _, err := parseFlags(nil); err == nil || !strings.Contains(err.Error(), "-state") {
		t.Errorf("without a home there is no folder: %v", err)
	}
}

func TestHelpTellsTheTruth(t *testing.T) {
	if _, err := parseFlags([]string{"-x", "-h"}); errors.Is(err, errHelp) {
		t.Error("a bad flag before -h is a bad flag")
	}
	if _, err := parseFlags([]string{"-h"}); !errors.Is(err, errHelp) {
		t.Errorf("-h gives %v", err)
	}
	for _, part := range []string{
		fmt.Sprintf("UDP port (%d, a seed %d", defaultClientPort, defaultSeedPort),
		fmt.Sprintf("1 to %d (%d)", maxReaders, defaultReaders),
		fmt.Sprintf("the seeds' port (%d)", defaultSeedPort),
		fmt.Sprintf("(%v)", defaultWait),
		fmt.Sprintf("erase them (%d)", store.DefaultHistory),
		fmt.Sprintf("(%dMB)", defaultMemory>>20),
		presenceLAN + "," + presenceSeed + "," + presenceFile + " (the default)",
	} {
		if !strings.Contains(helpText, part) {
			t.Errorf("the help does not say %q", part)
		}
	}
	lines := strings.Split(strings.TrimSuffix(helpText, "\n"), "\n")
	if len(lines) > 40 {
		t.Errorf("%d lines are more than a screen", len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("longer than a line: %s", l)
		}
	}
}

func TestMemoryOfASeed(t *testing.T) {
	for size, want := range map[string]int64{"64MB": 64 << 20, "1gb": 1 << 30, "100M": 100 << 20, "134217728": 128 << 20} {
		if c, err := parseFlags([]string{"-s", "-memory", size}); err != nil || c.memory != want {
			t.Errorf("%s: %d, %v", size, c.memory, err)
		}
	}
	for _, args := range [][]string{{"-memory", "256MB"}, {"-s", "-memory", "1MB"}, {"-s", "-memory", "much"}, {"-s", "-memory", "-5GB"}, {"-s", "-memory", "9999999999GB"}} {
		if _, err := parseFlags(args); err == nil || !strings.Contains(err.Error(), "-memory") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestWhoIsMeant(t *testing.T) {
	never := strings.NewReader("")
	var out strings.Builder
	state := t.TempDir()
	for _, row := range []struct {
		c        config
		terminal bool
		typed    string
		want     string
		usage    bool
	}{
		{config{user: "ann", seed: true}, true, "bob\n", "ann", false},
		{config{seed: true}, true, "bob\n", "seed", false},
		{config{state: state}, true, "bob\n", "bob", true},
		{config{state: state}, true, "no good\n\n/\nbob\n", "bob", true},
		{config{state: state}, true, strings.Repeat("\n", askTimes), "", true},
		{config{state: state}, true, "", "", true},
		{config{state: state}, false, "bob\n", "", true},
		{config{}, false, "bob\n", "", true},
	} {
		name, usage, err := whoName(row.c, row.terminal, strings.NewReader(row.typed), &out)
		if name != row.want || (err == nil) != (row.want != "") || err != nil && usage != row.usage {
			t.Errorf("%+v, typed %q: %q, usage %v, %v", row.c, row.typed, name, usage, err)
		}
	}
	if _, usage, err := whoName(config{state: "flags_test.go"}, false, never, &out); err == nil || usage {
		t.Errorf("a state folder that is a file is no fault of the command line: %v", err)
	}
}

func TestSeedsAreLookedUp(t *testing.T) {
	find := func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "two.example" {
			return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
		}
		return nil, errors.New("no such host")
	}
	seeds := []seedHost{{"192.0.2.9", 1}, {"two.example", 2}, {"gone.example", 3}}
	addrs, notices, err := resolveAll(t.Context(), seeds, find)
	want := map[string][]netip.AddrPort{
		"192.0.2.9:1":   {netip.MustParseAddrPort("192.0.2.9:1")},
		"two.example:2": {netip.MustParseAddrPort("192.0.2.1:2"), netip.MustParseAddrPort("[2001:db8::1]:2")},
	}
	if err != nil || !reflect.DeepEqual(addrs, want) || len(notices) != 1 {
		t.Errorf("%v, %v, %v", addrs, notices, err)
	}
	if _, _, err := resolveAll(t.Context(), seeds[2:], find); err == nil || !strings.Contains(err.Error(), "gone.example") {
		t.Errorf("no seed has an address: %v", err)
	}
	if addrs, _, err := resolveAll(t.Context(), nil, find); err != nil || len(addrs) != 0 {
		t.Errorf("no seeds at all: %v, %v", addrs, err)
	}
}

func TestAddressesThatOthersCanUse(t *testing.T) {
	var near []netip.Prefix
	for _, s := range []string{"127.0.0.1/8", "10.0.0.7/24", "192.168.1.7/24", "::1/128", "2001:db8::7/64", "fe80::1/64"} {
		near = append(near, netip.MustParsePrefix(s))
	}
	for _, c := range []struct {
		near   []netip.Prefix
		routed string
		four   bool
		want   string
	}{
		{near, "", false, "[10.0.0.7 192.168.1.7 2001:db8::7]"},
		{near, "", true, "[10.0.0.7 192.168.1.7]"},
		{near[:1], "", false, "[127.0.0.1]"},
		{near, "192.168.1.7", false, "[192.168.1.7 10.0.0.7 2001:db8::7]"},
		{near, "2001:db8::7", false, "[2001:db8::7 10.0.0.7 192.168.1.7]"},
		{near, "2001:db8::7 192.168.1.7", false, "[192.168.1.7 2001:db8::7 10.0.0.7]"},
		{near, "2001:db8::7 192.168.1.7", true, "[192.168.1.7 10.0.0.7]"},
		{near, "198.51.100.1", false, "[10.0.0.7 192.168.1.7 2001:db8::7]"},
	} {
		var routed []netip.Addr
		for _, s := range strings.Fields(c.routed) {
			routed = append(routed, netip.MustParseAddr(s))
		}
		if got := fmt.Sprint(usable(routed, c.near, nil, nil, c.four)); got != c.want {
			t.Errorf("usable(%v, %v) = %s, want %s", routed, c.near, got, c.want)
		}
	}
}

// The source address of the default route is one of ours, and the first that others are told.
func TestTheAddressOfTheWayOutComesFirst(t *testing.T) {
	var out []netip.Addr
	for _, i := range interfaces() {
		for _, a := range i.routed {
			if !slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Addr() == a }) {
				t.Errorf("%v is no address of %s", a, i.name)
			}
			if i.announces(nil) && a.Is4() {
				out = append(out, a)
			}
		}
	}
	s := ground{local: netip.MustParseAddrPort("0.0.0.0:1")}.surroundings(interfaces())
	if len(out) > 0 && s.Listen[0].Addr() != out[0] { // a machine without a way out shows nothing here
		t.Errorf("listens at %v, the way out is from %v", s.Listen, out)
	}
}

// A link on which nobody gives out addresses is one all the same: what its machines made up
// for themselves is told, behind what there is elsewhere, and not where a link has better.
func TestAddressesOfALinkAlone(t *testing.T) {
	up := net.FlagUp | net.FlagRunning | net.FlagMulticast | net.FlagBroadcast
	made := func(name string, flags net.Flags, prefixes ...string) (i iface) {
		i.name, i.flags, i.virtual = name, flags, virtualNames.MatchString(name)
		for _, p := range prefixes {
			i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
		}
		return i
	}
	loop := made("lo", net.FlagUp|net.FlagRunning|net.FlagLoopback, "127.0.0.1/8", "::1/128")
	cable := made("eth1", up, "169.254.3.4/16", "fe80::1/64")
	for _, c := range []struct {
		all  []iface
		want string
	}{
		{[]iface{loop, cable}, "[169.254.3.4:9]"},
		{[]iface{cable, made("eth0", up, "10.0.0.7/24", "2001:db8::7/64")}, "[10.0.0.7:9 [2001:db8::7]:9 169.254.3.4:9]"},
		{[]iface{loop, made("eth0", up, "169.254.9.9/16", "10.0.0.7/24")}, "[10.0.0.7:9]"},
		{[]iface{loop, made("docker0", up, "169.254.9.9/16")}, "[127.0.0.1:9]"},
		{[]iface{loop, made("dns", up, "169.254.20.10/32")}, "[127.0.0.1:9]"},
		{[]iface{loop, made("eth0", up, "fe80::1/64")}, "[127.0.0.1:9]"},
		{[]iface{loop, made("eth0", net.FlagUp, "169.254.3.4/16")}, "[127.0.0.1:9]"},
	} {
		for _, local := range []string{"[::]:9", "0.0.0.0:9"} {
			want := c.want
			if local == "0.0.0.0:9" {
				want = strings.Replace(want, " [2001:db8::7]:9", "", 1)
			}
			s := ground{local: netip.MustParseAddrPort(local)}.surroundings(c.all)
			if got := fmt.Sprint(s.Listen); got != want {
				t.Errorf("%v at %s: %s, want %s", c.all, local, got, want)
			}
		}
	}
}
