package dgram

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/timing"
)

// rate is how a token bucket fills: tokens a second, and how many at once.
type rate struct{ perSecond, burst float64 }

func newBucket(r rate) *timing.Bucket {
	b := timing.NewBucket(r.perSecond, r.burst)
	return &b
}

// limiter is one token bucket for each key. It is bounded: the key asked for longest ago is
// forgotten, which refills its bucket; so every limiter needs an overall limit behind it. It
// is not safe for many goroutines.
type limiter[K comparable] struct {
	rate    rate
	buckets *simplelru.LRU[K, *timing.Bucket]
}

func newLimiter[K comparable](r rate, keys int) limiter[K] {
	l, err := simplelru.NewLRU[K, *timing.Bucket](keys, nil)
	if err != nil {
		panic("BUG: a limiter needs room: " + err.Error())
	}
	return limiter[K]{r, l}
}

// bucket returns the bucket of a key.
func (l limiter[K]) bucket(k K) *timing.Bucket {
	b, ok := l.buckets.Get(k)
	if !ok {
		b = newBucket(l.rate)
		l.buckets.Add(k, b)
	}
	return b
}

// contacts are the budgets of our own HELLOs, and what we know of slow paths for them. Only the
// loop uses them. HELLOs that the person asked for have an extra budget, which nobody else can
// use up.
type contacts struct {
	near     near
	all      timing.Bucket
	prefixes limiter[netip.Prefix]
	links    limiter[netip.AddrPort]
	asked    timing.Bucket
	askedOf  limiter[netip.Prefix] // for near addresses, by address
	trips    trips
}

func newContacts(n near, seed bool) *contacts {
	c := &contacts{
		near:     n,
		all:      timing.NewBucket(helloRate, helloBurst),
		prefixes: newLimiter[netip.Prefix](rate{helloPrefixRate, helloPrefixBurst}, maxPrefixes),
		links:    newLimiter[netip.AddrPort](rate{helloLinkRate, helloLinkBurst}, maxPrefixes),
		asked:    timing.NewBucket(askedRate, askedBurst),
		askedOf:  newLimiter[netip.Prefix](rate{askedPrefixRate, askedPrefixBurst}, maxPrefixes),
		trips:    newTrips(n),
	}
	if seed {
		c.all = timing.NewBucket(helloRateSeed, helloBurstSeed)
	}
	return c
}

// take asks for one HELLO. ok false: not before the returned time. asked: the person waits for
// the result.
func (c *contacts) take(now time.Time, to netip.AddrPort, asked bool) (at time.Time, ok bool) {
	near, p := c.near(to.Addr()), prefixOf(to.Addr())
	if near || Relayed(to.Addr()) {
		p = netip.PrefixFrom(to.Addr().WithZone(""), to.Addr().BitLen()) // it reaches that host or session, or nobody
	}
	b := c.prefixes.bucket(p)
	if near {
		b = c.links.bucket(to)
	}
	if at, ok = takeBoth(now, b, &c.all); ok || !asked {
		return at, ok
	}
	own, ok := takeBoth(now, c.askedOf.bucket(p), &c.asked)
	return sooner(at, own), ok
}

// takeBoth takes one token out of each of two buckets, or none. ok false: not before at.
func takeBoth(now time.Time, a, b *timing.Bucket) (at time.Time, ok bool) {
	for _, x := range []*timing.Bucket{a, b} {
		if at = x.At(now, 1); at.After(now) {
			return at, false
		}
	}
	a.Take(now, 1)
	b.Take(now, 1)
	return now, true
}

// admission is the limits on what strangers make us compute. The readers share it.
type admission struct {
	mu         sync.Mutex
	near       near
	challenges timing.Bucket
	shakes     timing.Bucket
	datas      timing.Bucket // DATA of peers that are not pinned
	quiet      timing.Bucket // a little for each of them, when that is used up
	prefixes   limiter[netip.Prefix]
	links      limiter[netip.AddrPort]
	hosts      limiter[netip.Addr] // of hosts on our own links
	fresh      timing.Bucket       // of networks and hosts heard for the first time in a while
	reserve    timing.Bucket
	reserved   map[netip.Addr]*timing.Bucket // at most maxReserved
}

func newAdmission(n near, seed bool) *admission {
	keys, all, link := maxPrefixes, rate{shakeRate, shakeBurst}, rate{shakeLinkRate, shakeLinkBurst}
	datas := rate{dataAllRate, dataAllBurst}
	if seed {
		keys, all, link = maxPrefixesSeed, rate{shakeRateSeed, shakeBurstSeed}, rate{shakeLinkRateSeed, shakeLinkBurstSeed}
		datas = rate{dataAllRateSeed, dataAllBurstSeed}
	}
	return &admission{
		near:       n,
		challenges: timing.NewBucket(challengeRate, challengeBurst),
		shakes:     timing.NewBucket(all.perSecond, all.burst),
		datas:      timing.NewBucket(datas.perSecond, datas.burst),
		quiet:      timing.NewBucket(dataQuietRate, dataQuietBurst),
		prefixes:   newLimiter[netip.Prefix](rate{shakePrefixRate, shakePrefixBurst}, keys),
		links:      newLimiter[netip.AddrPort](link, keys),
		hosts:      newLimiter[netip.Addr](rate{shakeHostRate, shakeHostBurst}, keys),
		fresh:      timing.NewBucket(shakeFreshRate, shakeFreshBurst),
		reserve:    timing.NewBucket(shakeReserveRate, shakeReserveBurst),
	}
}

// challenge asks to answer one datagram from an unproved address. There is one limit for all,
// by cost: strangers could fill any table of them.
func (a *admission) challenge(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.challenges.Take(now, 1)
}

// handshake asks for the DHs of one HANDSHAKE whose cookie is right. When the common tokens are
// used up, a network or host that has used none of its own lately still has some, so that many
// from few places keep no newcomer out. So does a reserved address.
func (a *admission) handshake(now time.Time, from netip.AddrPort) bool {
	near := a.near(from.Addr())
	a.mu.Lock()
	defer a.mu.Unlock()
	var own []*timing.Bucket
	switch {
	case !near:
		own = append(own, a.prefixes.bucket(prefixOf(from.Addr())))
	case from.Addr().IsLoopback():
		own = append(own, a.links.bucket(from))
	default:
		own = append(own, a.hosts.bucket(from.Addr().WithZone("")), a.links.bucket(from))
	}
	fresh, may := own[0].Full(now), true
	for _, b := range own {
		may = b.Take(now, 1) && may
	}
	if may && (a.shakes.Take(now, 1) || fresh && a.fresh.Take(now, 1)) {
		return true
	}
	reserved := a.reserved[from.Addr()]
	return reserved != nil && reserved.Take(now, 1) && a.reserve.Take(now, 1)
}

// data asks to open one DATA of a peer that is not pinned. It takes from the association's own
// share first, then from what all of those have together and, when that is used up, from a
// little for each: peers that send without end do not drown a newcomer. It comes before the
// AEAD, which costs more than this question.
func (a *admission) data(now time.Time, of *reading) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if of.spent == nil {
		of.spent, of.little = newBucket(rate{dataRate, dataBurst}), newBucket(rate{dataLittleRate, dataLittleBurst})
	}
	if !of.spent.Take(now, 1) {
		return false
	}
	return a.datas.Take(now, 1) || of.little.Take(now, 1) && a.quiet.Take(now, 1)
}

// setReserved replaces the addresses with tokens of their own.
func (a *admission) setReserved(addrs []netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.reserved
	a.reserved = make(map[netip.Addr]*timing.Bucket, min(len(addrs), maxReserved))
	for _, addr := range addrs[:min(len(addrs), maxReserved)] {
		addr = addr.Unmap()
		b := old[addr]
		if b == nil {
			b = newBucket(rate{shakeReservedRate, shakeReservedBurst})
		}
		a.reserved[addr] = b
	}
}

// isReserved says whether an address is a pinned user's.
func (a *admission) isReserved(addr netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reserved[addr] != nil
}

// reading is how the readers handle the DATA of an association.
type reading struct {
	favoured atomic.Bool    // of a pinned peer: handled before others'
	spent    *timing.Bucket // for one that is not favoured; under admission's lock
	little   *timing.Bucket // for when all of those have used up theirs; likewise
}
