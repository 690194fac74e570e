package budget

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxAccounts bounds the keys, and the networks, whose rates are remembered for one pool. The
// one idle for longest is forgotten, and begins anew; the bound of the class still holds.
const maxAccounts = 4096

// rates is who has spent what of one rate.
type rates struct {
	shares   *Shares
	classes  [numClasses]bucket
	keys     *simplelru.LRU[account, *bucket]
	prefixes *simplelru.LRU[netip.Prefix, *bucket]
}

// account is a key in a class: a user who was on our link may be a stranger tomorrow.
type account struct {
	class Class
	key   [32]byte
}

func (p Payer) account() account { return account{p.Class, p.Key} }

func newRates(s *Shares) *rates {
	keys, err := simplelru.NewLRU[account, *bucket](maxAccounts, nil)
	prefixes, err2 := simplelru.NewLRU[netip.Prefix, *bucket](maxAccounts, nil)
	if err != nil || err2 != nil {
		panic("BUG: the bound of accounts must be positive")
	}
	return &rates{shares: s, keys: keys, prefixes: prefixes}
}

// A part of what Link and Stranger have is reserved for payers whose network has not asked for
// any of it for a while, so that many from few places keep no newcomer waiting.
const (
	keptForFresh = 0.25
	freshAfter   = time.Minute // how long it must not have asked
	freshAsks    = 4           // and how often it may ask then
)

// spend takes cost from every share that it counts against, or from none.
func (r *rates) spend(now time.Time, by Payer, cost float64) bool {
	list := make([]debit, 0, Classes+2)
	fresh := false
	if by.Class.divided() {
		list = append(list, debit{accountOf(r.keys, by.account()), r.shares.Key, 0})
		if by.Prefix.IsValid() {
			network := accountOf(r.prefixes, by.Prefix)
			fresh = network.asks(now) <= freshAsks
			list = append(list, debit{network, r.shares.Prefix, 0})
		}
	}
	for c := range r.classes[:by.Class+1] {
		if r.shares.All[c] == unbound {
			continue
		}
		kept := 0.0
		if Class(c).divided() && !fresh {
			kept = keptForFresh * r.shares.All[c].Most
		}
		list = append(list, debit{&r.classes[c], r.shares.All[c], kept})
	}
	for _, d := range list {
		if !d.from.has(now, d.of, cost+d.kept) {
			return false
		}
	}
	for _, d := range list {
		d.from.spent += cost
	}
	return true
}

// debit is a bucket, how it fills, and how much of it is reserved for others.
type debit struct {
	from *bucket
	of   Amount
	kept float64
}

func accountOf[K comparable](l *simplelru.LRU[K, *bucket], k K) *bucket {
	b, ok := l.Get(k)
	if !ok {
		b = &bucket{}
		l.Add(k, b)
	}
	return b
}

// bucket is a token bucket that begins full.
type bucket struct {
	spent float64
	at    time.Time // of spent
	asked time.Time // last
	count int       // of asks since the last long pause
}

// fill gives back tokens for the time that has passed.
func (b *bucket) fill(now time.Time, of Amount) {
	if now.After(b.at) {
		if !b.at.IsZero() {
			b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*of.PerSecond)
		}
		b.at = now
	}
}

// asks counts an ask, and returns how many there were since the last long pause.
func (b *bucket) asks(now time.Time) int {
	if now.Sub(b.asked) >= freshAfter {
		b.count = 0
	}
	b.asked = now
	b.count++
	return b.count
}

// has says whether cost is available now. A cost above a whole bucket is allowed when the bucket
// is full; refilling then takes longer.
func (b *bucket) has(now time.Time, of Amount, cost float64) bool {
	b.fill(now, of)
	return b.spent+min(cost, of.Most) <= of.Most
}
