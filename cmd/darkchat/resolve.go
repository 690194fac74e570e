package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// lookup finds the addresses of a host; net.DefaultResolver.LookupNetIP has
// this shape once the network is given.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

func systemLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// lookUpSeeds finds the addresses of the seeds before anything is opened: a mistyped host must
// not look like a seed that is down. Seeds without an address become notices as long as another
// seed has one.
func lookUpSeeds(ctx context.Context, c config) (addrs map[string][]netip.AddrPort, notices []string, err error) {
	ctx, stop := context.WithTimeout(ctx, startTimeout)
	defer stop()
	return resolveAll(ctx, c.seeds, systemLookup)
}

func resolveAll(ctx context.Context, seeds []seedHost, find lookup) (addrs map[string][]netip.AddrPort, notices []string, err error) {
	addrs = map[string][]netip.AddrPort{}
	for _, s := range seeds {
		found, fault := resolve(ctx, s, find)
		if fault != nil {
			notices = append(notices, fault.Error())
			continue
		}
		addrs[s.String()] = found
	}
	if len(seeds) > 0 && len(addrs) == 0 {
		return nil, nil, errors.New(strings.Join(notices, "; "))
	}
	return addrs, notices, nil
}

// resolve finds the addresses of one seed.
func resolve(ctx context.Context, s seedHost, find lookup) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s.host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), s.port)}, nil
	}
	found, err := find(ctx, s.host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("-sip %s has no address: check its spelling and this machine's name service, or give the address itself", s.host)
	}
	var addrs []netip.AddrPort
	for _, a := range found {
		addrs = append(addrs, netip.AddrPortFrom(a.Unmap(), s.port))
	}
	return addrs, nil
}
