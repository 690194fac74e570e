package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/neighbors/lan"
)

// lookEvery is the time between two looks at the interfaces and the contacts file.
const lookEvery = 2 * time.Second

// watcher is the outside half of the Sources lan and file: it checks whether the machine's
// interfaces, or the contacts file, have changed, and tells the node.
type watcher struct {
	loop   *neighbors.Loop
	ground ground
	last   neighbors.LocalNetwork
	finders
	ears   []*dgram.AnnounceSocket
	notice func(string)
}

// hear opens the sockets on which announcements are heard, one a family, and lets the loop read
// them. If another program keeps the port for itself the node is deaf to announcements, but its
// own are still answered.
func (w *watcher) hear() {
	if w.lan == nil {
		return
	}
	for _, group := range []netip.AddrPort{lan.Group4, lan.Group6} {
		ear, err := dgram.ListenAnnounce(group)
		if err == nil {
			w.ears = append(w.ears, ear)
			w.loop.Hear(ear)
		} else if group.Addr().Is4() {
			w.notice(fmt.Sprintf("only answers to our own announcements are heard here, not those of others: UDP port %d: %v", lan.Port, err))
		}
	}
	w.join()
}

// join hears the groups where we announce ourselves.
func (w *watcher) join() {
	var where []int
	for _, o := range w.last.Outlets {
		if !slices.Contains(where, o.Interface) {
			where = append(where, o.Interface)
		}
	}
	for _, ear := range w.ears {
		ear.Join(where)
	}
}

// serve watches until ctx ends.
func (w *watcher) serve(ctx context.Context) {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			w.lookAround(ctx)
			w.lookUp(ctx)
		}
	}
}

// lookAround tells the node when our interfaces have changed.
func (w *watcher) lookAround(ctx context.Context) {
	if w.ground.local.Addr().Unmap().IsLoopback() {
		return // the node does not depend on them
	}
	s := w.ground.surroundings(interfaces())
	if s.Equal(w.last) {
		w.join() // a join that was refused may work now
		return
	}
	w.last = s
	w.join()
	w.loop.Do(ctx, func(now time.Time, n *neighbors.Node) {
		if n.SetLocalNetwork(now, s) && w.lan != nil {
			w.lan.Changed()
			n.WakeSource(w.lan.Name())
		}
	})
}

// lookUp reads the contacts file when it has changed. An error in it is reported, and its old
// entries stay.
func (w *watcher) lookUp(ctx context.Context) {
	if w.people == nil {
		return
	}
	people, changed, err := w.people.look()
	if err != nil {
		w.notice(err.Error() + "; its old entries are used until it is fixed")
	}
	if !changed {
		return
	}
	w.loop.Do(ctx, func(_ time.Time, n *neighbors.Node) {
		w.people.source.Replace(people)
		n.RenewSource(w.people.source.Name())
	})
}
