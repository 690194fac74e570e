package shell

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"darkchat/neighbors"
)

// place is where \ping goes: a host, by name or number, and a port.
type place struct {
	host string
	port uint16
}

var (
	errNoHost    = errors.New(`an address is missing: \ping HOST [PORT]`)
	errTwoPorts  = errors.New(`the port is given twice: \ping HOST PORT or \ping HOST:PORT`)
	errBracket   = errors.New(`write an IPv6 address with a port as [2001:db8::1]:6789`)
	errNoAddress = errors.New("that is not the address of a node")
)

// parsePlace reads HOST [PORT], HOST:PORT, [v6], [v6]:PORT. Without a port it is own.
func parsePlace(args []string, own uint16) (place, error) {
	host, port, given, err := splitPort(args[0])
	if err != nil {
		return place{}, err
	}
	if len(args) > 1 {
		if given {
			return place{}, errTwoPorts
		}
		port, given = args[1], true
	}
	if host == "" {
		return place{}, errNoHost
	}
	p := place{host: host, port: own}
	if given {
		n, err := strconv.ParseUint(port, 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return place{}, fmt.Errorf("%q is not a port number", port)
		}
		if err != nil || n < 1 || n > 65535 {
			return place{}, fmt.Errorf("port %s is out of range: 1 to 65535", port)
		}
		p.port = uint16(n)
	}
	return p, nil
}

// SplitPort reads what a person types for a host, after -sip too: HOST, HOST:PORT, an address,
// [v6] or [v6]:PORT. The port is as it was typed.
func SplitPort(s string) (host, port string, given bool, err error) { return splitPort(s) }

func splitPort(s string) (host, port string, given bool, err error) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, rest, ok = strings.Cut(rest, "]")
		if !ok {
			return "", "", false, errBracket
		}
		if rest == "" {
			return host, "", false, nil
		}
		port, ok = strings.CutPrefix(rest, ":")
		if !ok {
			return "", "", false, errBracket
		}
		return host, port, true, nil
	}
	switch strings.Count(s, ":") {
	case 0:
		return s, "", false, nil
	case 1:
		host, port, _ = strings.Cut(s, ":")
		return host, port, true, nil
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return "", "", false, errBracket
	}
	return s, "", false, nil
}

// maxDialled bounds the addresses of one name, which are all tried at once.
const maxDialled = 16

type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// linkNames lists the interfaces of this machine that are up.
func linkNames() (names []string) {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	return names
}

// resolve turns a place into addresses: at most maxDialled, each once. links names our
// interfaces.
func (p place) resolve(ctx context.Context, look lookup, links func() []string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddr(p.host); err == nil {
		a = a.Unmap()
		if a.IsUnspecified() || a.IsMulticast() {
			return nil, errNoAddress
		}
		if err := neighbors.CheckZone(a, links()); err != nil {
			return nil, err
		}
		return []netip.AddrPort{netip.AddrPortFrom(a, p.port)}, nil
	}
	found, err := look(ctx, p.host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%s is not a user known here and no host of that name was found: check the name, or give its IP address", p.host)
	}
	var all []netip.AddrPort
	for _, a := range found {
		ap := netip.AddrPortFrom(a.Unmap(), p.port)
		if !contains(all, ap) && len(all) < maxDialled && !a.IsUnspecified() && !a.IsMulticast() {
			all = append(all, ap)
		}
	}
	if len(all) == 0 {
		return nil, errNoAddress
	}
	if len(all) == 1 {
		return all, neighbors.CheckZone(all[0].Addr(), links())
	}
	return all, nil
}

func contains(all []netip.AddrPort, a netip.AddrPort) bool {
	for _, b := range all {
		if a == b {
			return true
		}
	}
	return false
}
