package budget

import (
	"net/netip"
	"time"
)

// Ledger is what everybody has used of each pool. It is not safe for many goroutines.
type Ledger struct {
	pools   [numPools]pool
	refused [numPools][numClasses]uint64
}

// pool is one of them: a rate or a room.
type pool struct {
	Shares
	rates *rates
	rooms *rooms
}

// New makes an empty Ledger, with the shares of a client or of a seed.
func New(seed bool) *Ledger {
	l := &Ledger{}
	for i, row := range Table {
		p := &l.pools[i]
		p.Shares = row.Client
		if seed {
			p.Shares = row.Seed
		}
		if row.Rate {
			p.rates = newRates(&p.Shares)
		} else {
			p.rooms = newRooms()
		}
	}
	return l
}

// Bound lowers every class's share of a room to at most n.
func (l *Ledger) Bound(of Pool, n int) {
	for c := range l.pools[of].All {
		l.pools[of].All[c].Most = min(l.pools[of].All[c].Most, float64(n))
	}
}

// Spend takes cost from a rate. False: it is used up for this payer, and the work must not be
// done.
func (l *Ledger) Spend(now time.Time, of Pool, by Payer, cost float64) bool {
	if l.pools[of].rates.spend(now, by, cost) {
		return true
	}
	l.refused[of][by.Class]++
	return false
}

// Claim takes n of a room. False: there is no room for this payer. The claim must be given back
// by Free, with the same payer.
func (l *Ledger) Claim(of Pool, by Payer, n int) bool {
	p := &l.pools[of]
	if p.rooms.fits(&p.Shares, by, n) {
		p.rooms.add(by, n)
		return true
	}
	l.refused[of][by.Class]++
	return false
}

// Take is Claim for what exists already, as after a start: it cannot fail.
func (l *Ledger) Take(of Pool, by Payer, n int) { l.pools[of].rooms.add(by, n) }

// Fits is Claim without taking.
func (l *Ledger) Fits(of Pool, by Payer, n int) bool {
	p := &l.pools[of]
	return p.rooms.fits(&p.Shares, by, n)
}

// OwnFull says whether the payer's own key or network has no room for n more.
func (l *Ledger) OwnFull(of Pool, by Payer, n int) bool {
	p := &l.pools[of]
	return !p.rooms.own(&p.Shares, by, n)
}

// Free gives n of a room back.
func (l *Ledger) Free(of Pool, by Payer, n int) { l.pools[of].rooms.add(by, -n) }

// Move transfers a claim to another payer: somebody was pinned, or has a new address. It cannot
// fail, since no more is used than before.
func (l *Ledger) Move(of Pool, from, to Payer, n int) {
	l.pools[of].rooms.add(from, -n)
	l.pools[of].rooms.add(to, n)
}

// Used is how much of a room a class has.
func (l *Ledger) Used(of Pool, c Class) int { return l.pools[of].rooms.classes[c] }

// Of is how much of a room a payer's key has, where keys count: within Link and Stranger.
func (l *Ledger) Of(of Pool, by Payer) int { return l.pools[of].rooms.keys[by.account()] }

// Most is how much of a pool a class and all worse ones together may have; 0: no bound.
func (l *Ledger) Most(of Pool, c Class) float64 { return l.pools[of].All[c].Most }

// Group is those of one class and network.
type Group struct {
	Class  Class
	Prefix netip.Prefix
}

// Group is the payer's group. Networks count only within Link and Stranger.
func (p Payer) Group() Group {
	if !p.Class.divided() {
		return Group{Class: p.Class}
	}
	return Group{p.Class, p.Prefix}
}

// Yields says which group must give up a place for a payer for whom there is no room: the worst
// class that is worse than the payer's, and there the network with most; otherwise, in the payer's
// own class, a network with at least two more than theirs, so that many from one place do not keep
// others out. ok is false if there is no such group, or if the payer's own key or network is full:
// then the payer is refused.
func (l *Ledger) Yields(of Pool, by Payer) (g Group, ok bool) {
	p := &l.pools[of]
	if !p.rooms.own(&p.Shares, by, 1) {
		return g, false
	}
	return p.rooms.yields(&p.Shares, by)
}

// EachRefused calls f for each pool and class, even where nothing was refused, in a fixed order;
// name is that of \stats.
func (l *Ledger) EachRefused(f func(name string, n uint64)) {
	for i, row := range Table {
		for c, n := range l.refused[i] {
			f("refused_"+row.Name+"_"+Class(c).String(), n)
		}
	}
}
