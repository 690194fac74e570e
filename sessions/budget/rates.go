package budget

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxAccounts bounds the keys, and the networks, whose rates are remembered for one pool.
// Who was not heard of for longest is forgotten, and begins anew: the bound of the class
// stands behind it.
const maxAccounts = 4096

// rates is who has spent what of one rate.
type rates struct {
	shares   *Shares
	classes  [numClasses]bucket
	keys     *simplelru.LRU[account, *bucket]
	prefixes *simplelru.LRU[netip.Prefix, *bucket]
}

// account is a key in a class: who was on our link may be a stranger tomorrow.
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

// spend takes cost from every share that it counts against, or from none.
func (r *rates) spend(now time.Time, by Payer, cost float64) bool {
	list := make([]debit, 0, Classes+2)
	if by.Class.divided() {
		list = append(list, debit{accountOf(r.keys, by.account()), r.shares.Key})
		if by.Prefix.IsValid() {
			list = append(list, debit{accountOf(r.prefixes, by.Prefix), r.shares.Prefix})
		}
	}
	for c := range r.classes[:by.Class+1] {
		if r.shares.All[c] != unbound {
			list = append(list, debit{&r.classes[c], r.shares.All[c]})
		}
	}
	for _, d := range list {
		if !d.from.has(now, d.of, cost) {
			return false
		}
	}
	for _, d := range list {
		d.from.spent += cost
	}
	return true
}

// debit is a bucket and how it fills.
type debit struct {
	from *bucket
	of   Amount
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
}

// has says whether cost is there now. What costs more than a whole bucket is let through
// when the bucket is full, and has to be waited for longer.
func (b *bucket) has(now time.Time, of Amount, cost float64) bool {
	if now.After(b.at) {
		if !b.at.IsZero() {
			b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*of.PerSecond)
		}
		b.at = now
	}
	return b.spent+min(cost, of.Most) <= of.Most
}
