package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors/lan"
)

// An interface as tests make them: flags u(p) r(unning) m(ulticast) b(roadcast) p(oint-to-point) l(oopback).
func testInterface(index int, name, flags string, prefixes ...string) iface {
	f := iface{name: name, Interface: lan.Interface{Index: index}}
	for letter, flag := range map[string]net.Flags{
		"u": net.FlagUp, "r": net.FlagRunning, "m": net.FlagMulticast, "b": net.FlagBroadcast, "p": net.FlagPointToPoint, "l": net.FlagLoopback,
	} {
		if strings.Contains(flags, letter) {
			f.flags |= flag
		}
	}
	f.Multicast, f.Broadcast = f.flags&net.FlagMulticast != 0, f.flags&net.FlagBroadcast != 0
	f.virtual = virtualNames.MatchString(name) || f.flags&net.FlagPointToPoint != 0
	for _, p := range prefixes {
		f.Prefixes = append(f.Prefixes, netip.MustParsePrefix(p))
	}
	return f
}

var machine = []iface{
	testInterface(1, "lo", "url", "127.0.0.1/8", "::1/128"),
	testInterface(2, "eth0", "urmb", "10.1.2.3/20", "192.168.7.1/24", "2001:db8::7/64", "fe80::1/64"),
	testInterface(3, "docker0", "umb", "172.17.0.1/16"), // dead
	testInterface(4, "br-0123456789ab", "urmb", "172.18.0.1/16"),
	testInterface(5, "veth1a2b3c", "urmb", "fe80::2/64"),
	testInterface(6, "tun0", "urmp", "10.8.0.2/24"),
	testInterface(7, "wlan0", "urmb", "fe80::3/64"),
	testInterface(8, "eth1", "umb", "10.9.9.9/24"), // no cable
}

// Announcements leave by every link that has people on it, to the groups of the
// families there and to the broadcast address of the real mask; what leads only into
// this machine or a tunnel is left out, unless it is chosen by name.
func TestWhereItIsAnnounced(t *testing.T) {
	outlets := func(local, chosen string) (list []string) {
		g := ground{local: netip.MustParseAddrPort(local)}
		if chosen != "" {
			g.chosen = regexp.MustCompile(chosen)
		}
		for _, o := range g.surroundings(machine).Outlets {
			list = append(list, fmt.Sprint(o.Interface, " ", o.To.Addr()))
		}
		return list
	}
	for _, c := range []struct{ local, chosen, want string }{
		{"[::]:6789", "", "[2 239.255.70.77 2 ff12::dc00:6788%2 2 10.1.15.255 2 192.168.7.255 7 ff12::dc00:6788%7]"},
		{"0.0.0.0:6789", "", "[2 239.255.70.77 2 10.1.15.255 2 192.168.7.255]"},
		{"10.1.2.3:6789", "", "[2 239.255.70.77 2 10.1.15.255]"},
		{"[2001:db8::7]:6789", "", "[2 ff12::dc00:6788%2]"},
		{"[::]:6789", "^(tun|wlan)", "[6 239.255.70.77 7 ff12::dc00:6788%7]"},
		{"[::]:6789", "^docker", "[]"},
		{"127.0.0.1:6789", "", "[]"},
	} {
		if got := fmt.Sprint(outlets(c.local, c.chosen)); got != c.want {
			t.Errorf("from %s by %q: %s, want %s", c.local, c.chosen, got, c.want)
		}
	}
	if lan.Group4.Port() != lan.Port || lan.Group6.String() != "[ff12::dc00:6788]:6788" {
		t.Errorf("groups %v, %v", lan.Group4, lan.Group6)
	}
	// What others are told to type: where they are, first.
	s := ground{local: netip.MustParseAddrPort("0.0.0.0:1")}.surroundings(machine)
	if got := fmt.Sprint(s.Listen[:2]); got != "[10.1.2.3:1 192.168.7.1:1]" || !s.Equal(s) {
		t.Errorf("listens at %v", s.Listen)
	}
	// A tunnel is no place to meet people, even when all the rest goes through it.
	for _, c := range []struct{ name, routed, want string }{{"tun0", "10.8.0.2", "10.1.2.3:1"}, {"eth0", "192.168.7.1", "192.168.7.1:1"}} {
		all := slices.Clone(machine)
		for i := range all {
			if all[i].name == c.name {
				all[i].routed = []netip.Addr{netip.MustParseAddr(c.routed)}
			}
		}
		s := ground{local: netip.MustParseAddrPort("0.0.0.0:1")}.surroundings(all)
		if s.Listen[0].String() != c.want {
			t.Errorf("the way out is %s: listens at %v", c.name, s.Listen)
		}
	}
}

// What leads to guests of this machine alone, or has no link, is where nobody else is:
// that it comes and goes changes nothing for others. A tunnel may lead to people, and the
// way out does.
func TestWhereGuestsAre(t *testing.T) {
	guests := func(all []iface, chosen *regexp.Regexp) string {
		return fmt.Sprint(ground{local: netip.MustParseAddrPort("0.0.0.0:1"), chosen: chosen}.surroundings(all).Guests)
	}
	if got := guests(machine, nil); got != "[172.17.0.1/16 172.18.0.1/16 fe80::2/64 10.9.9.9/24]" {
		t.Errorf("guests are at %s", got)
	}
	if got := guests(machine, regexp.MustCompile("^br-")); got != "[172.17.0.1/16 fe80::2/64 10.9.9.9/24]" {
		t.Errorf("one bridge is chosen: guests are at %s", got)
	}
	all := slices.Clone(machine)
	all[3].routed = []netip.Addr{netip.MustParseAddr("172.18.0.1")}
	if got := guests(all, nil); got != "[172.17.0.1/16 fe80::2/64 10.9.9.9/24]" {
		t.Errorf("one bridge is the way out: guests are at %s", got)
	}
}

// The file of people is read again when it changed, and only then; a wrong one is told
// once.
func TestContactsAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), contactsName)
	f, err := readContacts(path)
	if err != nil {
		t.Fatal(err)
	}
	look := func(want string) {
		t.Helper()
		people, changed, err := f.look()
		if got := fmt.Sprint(people, changed, err != nil); got != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look("[] false false")
	write("ann 192.0.2.1:1\n")
	look("[{ann  [192.0.2.1:1]}] true false")
	look("[] false false")
	write("ann nowhere\n")
	look("[] false true")
	look("[] false false")
	write("bob 192.0.2.2:2\n")
	if err := os.Chtimes(path, time.Now(), time.Unix(1000, 0)); err != nil { // of the same length, at another time
		t.Fatal(err)
	}
	look("[{bob  [192.0.2.2:2]}] true false")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look("[] true false")
	write("ann nowhere\n")
	if _, err := readContacts(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a wrong file at the start: %v", err)
	}
}
