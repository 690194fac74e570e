package main

import (
	"context"
	"net/netip"
	"time"

	"darkchat/neighbors"
	"darkchat/neighbors/seed"
)

// lookAgain is the time between two looks for a seed that has no address.
const lookAgain = time.Minute

// resolver is the outside half of the seed Source: it looks up names again when the Source has had
// no answer for a while.
type resolver struct {
	source *seed.Source
	hosts  map[string]seedHost
}

// newResolver makes the Source with the addresses that were found at the start.
func newResolver(hosts []seedHost, known map[string][]netip.AddrPort) *resolver {
	r := &resolver{hosts: map[string]seedHost{}}
	var names []string
	for _, h := range hosts {
		names = append(names, h.String())
		r.hosts[h.String()] = h
	}
	r.source = seed.New(names)
	for name, addrs := range known {
		r.source.Resolved(name, addrs)
	}
	if len(known) == len(r.hosts) {
		for range len(r.source.Wanted()) {
			<-r.source.Wanted() // all of them were looked up a moment ago
		}
	}
	return r
}

// serve answers the Source's requests until ctx ends, and looks up names without an address again.
func (r *resolver) serve(ctx context.Context, loop *neighbors.Loop, find lookup) {
	missing := map[string]bool{} // at most one entry a seed
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-r.source.Wanted():
			missing[name] = !r.answer(ctx, loop, name, find)
		case <-again.C:
			for name, is := range missing {
				missing[name] = is && !r.answer(ctx, loop, name, find)
			}
		}
	}
}

// answer looks up one seed and tells the Source. Without an answer the old addresses stay.
func (r *resolver) answer(ctx context.Context, loop *neighbors.Loop, name string, find lookup) bool {
	limited, stop := context.WithTimeout(ctx, startTimeout)
	defer stop()
	addrs, err := resolve(limited, r.hosts[name], find)
	if err != nil {
		return false
	}
	loop.Do(ctx, func(_ time.Time, n *neighbors.Node) {
		r.source.Resolved(name, addrs)
		n.WakeSource(r.source.Name())
	})
	return true
}
