package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// Attacks on how people find each other: learning who is looked for and who knows whom, and making
// a node call somebody.

// impostor: strangers wait to be told of a search. One that hears of it returns under a fresh key
// that claims the name.
func impostor(ctx context.Context, a *assault) {
	var mu sync.Mutex
	claimed := map[string]bool{}
	var claimants sync.WaitGroup
	a.each(20, a.Near, numbered("spy"), 0, func(s *stranger) {
		s.heard = func(_ time.Time, e dgram.Event) {
			name, ok := searched(e)
			mu.Lock()
			defer mu.Unlock()
			if !ok || name == "" || claimed[name] || len(claimed) >= 100 {
				return
			}
			claimed[name] = true
			a.tally.note("searches overheard", 1)
			claimants.Go(func() {
				a.each(1, a.Near, func(int) string { return name }, 0, func(c *stranger) { c.stay(ctx, nil) })
			})
		}
		s.stay(ctx, nil)
	})
	claimants.Wait()
}

// searched says whether an event is somebody's question for a person, and by which name.
func searched(e dgram.Event) (name string, ok bool) {
	r, ok := e.(dgram.Received)
	if !ok {
		return "", false
	}
	p, ok := r.Message.Body.(wire.Ping)
	return p.Name, ok && p.Scope == wire.ScopeFind && len(p.By) == 0
}

// guesses: strangers who call themselves seeds ask for names that they guess, without end,
// and listen for whom the victim asks. What they learn is counted.
func guesses(ctx context.Context, a *assault) {
	names := append([]string{"zed", "kim", "max"}, a.Friends...)
	var mu sync.Mutex
	told, asked := map[string]bool{}, map[string]bool{}
	a.each(20, a.Near, numbered("guess"), identity.FlagSeed|identity.FlagRelay, func(s *stranger) {
		s.heard = func(_ time.Time, e dgram.Event) {
			r, ok := e.(dgram.Received)
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch p, ok := r.Message.Body.(wire.Ping); {
			case ok && len(p.By) > 0:
				told[string(p.Session)] = true
			case ok && p.Scope == wire.ScopeFind && len(p.User) > 0:
				asked[string(p.User)] = true
			}
		}
		number := uint64(time.Now().UnixMilli())
		s.stay(ctx, func(now time.Time) time.Time {
			number++
			name := names[number%uint64(len(names))]
			if number%2 == 0 {
				name = fmt.Sprintf("%s%d", name, number%10_000) // most of a dictionary misses
			}
			p := wire.Ping{Scope: wire.ScopeFind, Name: name, Record: s.signed}
			t := identity.Ticket{Asker: s.record.Session, Introducer: identity.SessionID(s.victim), Name: name, Number: number}
			p.Ticket = wire.Ticket{Number: number, Sig: t.Sign(s.key)}
			if s.say(now, p) {
				return now
			}
			return now.Add(time.Millisecond)
		})
	})
	a.tally.note("sessions told of", int64(len(told)))
	a.tally.note("keys asked for", int64(len(asked)))
}

// thirdHost: strangers introduce people who do not exist to the victim, at addresses of
// somebody else's. What the victim sends there is counted, and the budget that it takes is
// missing for the calls that the victim's person asks for.
func thirdHost(ctx context.Context, a *assault) {
	const ports = 64
	var at []netip.AddrPort
	for range ports {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Third, 0)))
		if err != nil {
			a.tally.errors.Add(1)
			continue
		}
		defer conn.Close()
		at = append(at, conn.LocalAddr().(*net.UDPAddr).AddrPort())
		go func() {
			b := make([]byte, 2048)
			for {
				n, _, err := conn.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				a.tally.note("bytes at the third host", int64(n))
			}
		}()
	}
	if len(at) < 4 {
		return
	}
	a.each(20, a.Near, numbered("broker"), 0, func(s *stranger) {
		turn := 0
		s.stay(ctx, func(now time.Time) time.Time {
			asker, err := person(fmt.Sprintf("nobody%d", turn), 0)
			if err != nil {
				return now.Add(time.Second)
			}
			turn++
			p := wire.Ping{Scope: wire.ScopeFind, Name: s.User, By: s.record.Session[:], Session: asker.record.Session[:], Record: asker.signed}
			for i := range 4 {
				p.Addrs = append(p.Addrs, at[(4*turn+i)%len(at)])
			}
			t := identity.Ticket{Asker: asker.record.Session, Introducer: s.record.Session, Name: s.User, Number: uint64(now.UnixMilli())}
			p.Ticket = wire.Ticket{Number: t.Number, Sig: t.Sign(asker.key)}
			if s.say(now, p) {
				return now
			}
			return now.Add(time.Millisecond)
		})
	})
}
