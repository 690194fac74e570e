package shell

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// \ping takes HOST, HOST PORT, HOST:PORT, [v6]:PORT and bare v6; a missing port
// is our own.
func TestPingAddresses(t *testing.T) {
	for _, c := range []struct {
		args string
		host string
		port uint16
		err  string // part of it
	}{
		{"127.0.0.1", "127.0.0.1", 7001, ""},
		{"127.0.0.1 7002", "127.0.0.1", 7002, ""},
		{"127.0.0.1:7002", "127.0.0.1", 7002, ""},
		{"localhost:1", "localhost", 1, ""},
		{"example.org 65535", "example.org", 65535, ""},
		{"[::1]:7002", "::1", 7002, ""},
		{"[::1]", "::1", 7001, ""},
		{"[::1] 7002", "::1", 7002, ""},
		{"::1", "::1", 7001, ""},
		{"2001:db8::5 9", "2001:db8::5", 9, ""},
		{"fe80::1%eth0", "fe80::1%eth0", 7001, ""},
		{"127.0.0.1 0", "", 0, "out of range"},
		{"127.0.0.1 65536", "", 0, "out of range"},
		{"127.0.0.1 99999999999999999999999", "", 0, "out of range"},
		{"127.0.0.1 -1", "", 0, "not a port"},
		{"127.0.0.1 http", "", 0, "not a port"},
		{"127.0.0.1:", "", 0, "not a port"},
		{"127.0.0.1:1 2", "", 0, "given twice"},
		{":7002", "", 0, "missing"},
		{"[]:7002", "", 0, "missing"},
		{"[::1", "", 0, "as ["},
		{"[::1]x", "", 0, "as ["},
		{"1:2:3", "", 0, "as ["},
	} {
		got, err := parsePlace(strings.Fields(c.args), 7001)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("parsePlace(%s) error = %v, want one with %q", c.args, err, c.err)
			}
			continue
		}
		if err != nil || got != (place{c.host, c.port}) {
			t.Errorf("parsePlace(%s) = %v, %v, want %s %d", c.args, got, err, c.host, c.port)
		}
	}
}

// A name may have several addresses: each is tried once, at most sixteen; v4 in v6
// is v4. A link-local address says on which link it is, or what to type is told.
func TestResolve(t *testing.T) {
	look := func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "many":
			var all []netip.Addr
			for _, s := range []string{"::ffff:10.0.0.1", "10.0.0.1", "::", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"} {
				all = append(all, netip.MustParseAddr(s))
			}
			return all, nil
		case "none":
			return []netip.Addr{netip.IPv4Unspecified()}, nil
		}
		return nil, errors.New("lookup: no such host")
	}
	for host, want := range map[string]string{
		"many":             "[10.0.0.1:5 10.0.0.2:5 10.0.0.3:5 10.0.0.4:5 10.0.0.5:5]",
		"fe80::1%eth0":     "[[fe80::1%eth0]:5]",
		"fe80::1%3":        "[[fe80::1%3]:5]",
		"fe80::1":          "fe80::1%eth0 or fe80::1%wlan0",
		"fe80::1%eth9":     "there is no interface eth9 here: fe80::1%eth0 or",
		"2001:db8::1":      "[[2001:db8::1]:5]",
		"::ffff:127.0.0.1": "[127.0.0.1:5]",
		"0.0.0.0":          "not the address of a node",
		"224.0.0.1":        "not the address of a node",
		"none":             "not the address of a node",
		"nowhere":          "no host of that name",
	} {
		all, err := place{host, 5}.resolve(t.Context(), look, func() []string { return []string{"eth0", "wlan0"} })
		got := ""
		for i, a := range all {
			got += map[bool]string{true: "[", false: " "}[i == 0] + a.String()
		}
		got += "]"
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("resolve(%s) = %s, want %s", host, got, want)
		}
	}
}
