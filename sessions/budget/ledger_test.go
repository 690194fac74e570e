package budget_test

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/sessions/budget"
)

// anybody draws a payer: few keys and networks, so that they meet.
func anybody(t *rapid.T) budget.Payer {
	p := budget.Payer{Class: budget.Class(rapid.IntRange(0, budget.Classes-1).Draw(t, "class"))}
	p.Key[0] = byte(rapid.IntRange(0, 30).Draw(t, "key"))
	if n := rapid.IntRange(0, 8).Draw(t, "network"); n > 0 {
		p.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, byte(n), 0}), 24)
	}
	return p
}

func divided(c budget.Class) bool { return c == budget.Link || c == budget.Stranger }

// claims is the slow model of a room: a list of who has what.
type claims struct {
	list []claim
	of   budget.Shares
}

type claim struct {
	by budget.Payer
	n  int
}

func (c *claims) sum(f func(budget.Payer) bool) (n int) {
	for _, x := range c.list {
		if f(x.by) {
			n += x.n
		}
	}
	return n
}

func (c *claims) fits(by budget.Payer, n int) bool {
	within := func(have int, a budget.Amount) bool { return a.Most == 0 || float64(have+n) <= a.Most }
	for class := budget.Own; class <= by.Class; class++ {
		if !within(c.sum(func(p budget.Payer) bool { return p.Class >= class }), c.of.All[class]) {
			return false
		}
	}
	if !divided(by.Class) {
		return true
	}
	same := func(p budget.Payer) bool { return p.Class == by.Class && p.Key == by.Key }
	near := func(p budget.Payer) bool { return p.Class == by.Class && p.Prefix == by.Prefix }
	return within(c.sum(same), c.of.Key) && (!by.Prefix.IsValid() || within(c.sum(near), c.of.Prefix))
}

// Whatever is claimed, moved and given back, a Ledger says what the slow model says; nobody
// gets more than their share; and what is guaranteed to the better classes is there.
func TestRoomsAgainstSlowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Bool().Draw(t, "seed")
		l := budget.New(seed)
		row := budget.Table[rapid.SampledFrom([]budget.Pool{budget.Edges, budget.Handles, budget.Held, budget.Circuits}).Draw(t, "pool")]
		model := &claims{of: row.Client}
		if seed {
			model.of = row.Seed
		}
		if most := rapid.IntRange(5, 120).Draw(t, "bound"); true {
			l.Bound(row.Pool, most)
			for c := range model.of.All {
				model.of.All[c].Most = min(model.of.All[c].Most, float64(most))
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			by, n := anybody(t), rapid.IntRange(1, 3).Draw(t, "n")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2, 3:
				want := model.fits(by, n)
				if got := l.Claim(row.Pool, by, n); got != want {
					t.Fatalf("%s: %+v claims %d: %v, the model %v", row.Name, by, n, got, want)
				}
				if want {
					model.list = append(model.list, claim{by, n})
					continue
				}
				checkYields(t, l, row.Pool, model, by)
			case 4:
				if len(model.list) > 0 {
					i := rapid.IntRange(0, len(model.list)-1).Draw(t, "which")
					l.Free(row.Pool, model.list[i].by, model.list[i].n)
					model.list = append(model.list[:i], model.list[i+1:]...)
				}
			case 5:
				if len(model.list) > 0 {
					i := rapid.IntRange(0, len(model.list)-1).Draw(t, "which")
					to := model.list[i].by
					to.Class = min(to.Class, by.Class) // somebody is better known than before
					l.Move(row.Pool, model.list[i].by, to, model.list[i].n)
					model.list[i].by = to
				}
			}
			for c := range budget.Classes {
				class := budget.Class(c)
				if got, want := l.Used(row.Pool, class), model.sum(func(p budget.Payer) bool { return p.Class == class }); got != want {
					t.Fatalf("%s: %v has %d, the model says %d", row.Name, class, got, want)
				}
			}
		}
	})
}

// checkYields: those who must give way are of a worse class, or of a network of the same class
// that has at least two more.
func checkYields(t *rapid.T, l *budget.Ledger, of budget.Pool, model *claims, by budget.Payer) {
	g, ok := l.Yields(of, by)
	if !ok {
		return
	}
	have := func(g budget.Group) int { return model.sum(func(p budget.Payer) bool { return p.Group() == g }) }
	switch {
	case g.Class < by.Class || have(g) == 0:
		t.Fatalf("%+v has to give way to %+v and has %d", g, by, have(g))
	case g.Class == by.Class && have(g) < have(by.Group())+2:
		t.Fatalf("%+v with %d has to give way to %+v with %d", g, have(g), by, have(by.Group()))
	}
	for _, x := range model.list {
		if x.by.Class > max(g.Class, by.Class) || x.by.Class == g.Class && have(x.by.Group()) > have(g) {
			t.Fatalf("%+v has to give way, and %+v has more or is worse", g, x.by)
		}
	}
}

// Whatever worse classes spend, a better one gets what is guaranteed to it, at any time.
func TestRatesLeaveTheBetterTheirShare(t *testing.T) {
	for _, row := range budget.Table {
		if !row.Rate {
			continue
		}
		rapid.Check(t, func(t *rapid.T) {
			l := budget.New(false)
			now := time.Unix(1e9, 0)
			spent := [budget.Classes]float64{}
			began := now
			for range rapid.IntRange(1, 300).Draw(t, "steps") {
				now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond)
				by := anybody(t)
				cost := float64(rapid.IntRange(1, 3).Draw(t, "cost")) * row.Client.All[budget.Stranger].Most / 40
				if l.Spend(now, row.Pool, by, cost) {
					spent[by.Class] += cost
				} else if row.Client.All[by.Class] == (budget.Amount{}) {
					t.Fatalf("%s: %v is refused what is not bound", row.Name, by.Class)
				}
				// A class with all worse ones never has more than its share of the time that passed.
				sum := 0.0
				for c := budget.Stranger; ; c-- {
					sum += spent[c]
					a := row.Client.All[c]
					if most := a.Most + a.PerSecond*now.Sub(began).Seconds(); a.Most > 0 && sum > most+1e-6 {
						t.Fatalf("%s: %v and worse have spent %v of %v", row.Name, c, sum, most)
					}
					if c == budget.Own {
						break
					}
				}
			}
		})
	}
}

// A stranger who asks for too much is refused for themselves first: another one still gets
// something.
func TestStrangersHurtThemselvesFirst(t *testing.T) {
	for _, row := range budget.Table {
		l := budget.New(false)
		now := time.Unix(1e9, 0)
		mallory := budget.Payer{Class: budget.Stranger, Prefix: netip.MustParsePrefix("203.0.113.0/24")}
		mallory.Key[0] = 1
		other := mallory
		other.Key[0] = 2
		other.Prefix = netip.MustParsePrefix("198.51.100.0/24")
		for range 1 << 16 {
			if row.Rate && !l.Spend(now, row.Pool, mallory, 1) || !row.Rate && !l.Claim(row.Pool, mallory, 1) {
				break
			}
		}
		if row.Rate && !l.Spend(now, row.Pool, other, 1) || !row.Rate && !l.Claim(row.Pool, other, 1) {
			t.Errorf("%s: one stranger has used up what is for all", row.Name)
		}
	}
}

// However many keys on few networks use up what is for all, a network that has used nothing
// lately gets something at once.
func TestNewcomersDoNotWait(t *testing.T) {
	for _, row := range budget.Table {
		if !row.Rate {
			continue
		}
		l := budget.New(false)
		now := time.Unix(1e9, 0)
		for i := range 40_000 { // 40 s
			now = now.Add(time.Millisecond)
			for n := range 40 {
				m := budget.Payer{Class: budget.Stranger, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, byte(n), 0}), 24)}
				m.Key[0], m.Key[1], m.Key[2], m.Key[3] = byte(i), byte(i>>8), byte(n), 1
				l.Spend(now, row.Pool, m, 1)
			}
			if i%10_000 == 9_999 {
				newcomer := budget.Payer{Class: budget.Stranger, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(i / 10_000), 0}), 24)}
				newcomer.Key[5] = byte(i / 10_000)
				if !l.Spend(now, row.Pool, newcomer, 1) {
					t.Errorf("%s: a newcomer waits after %d s", row.Name, i/1000)
				}
			}
		}
	}
}

// Each row is in its place and says why.
func TestTableIsInOrder(t *testing.T) {
	for i, row := range budget.Table {
		if row.Pool != budget.Pool(i) || row.Name == "" || row.Unit == "" || row.Why == "" {
			t.Errorf("row %d: %+v", i, row)
		}
		for _, s := range []budget.Shares{row.Client, row.Seed} {
			for c := 1; c < budget.Classes; c++ {
				if s.All[c-1].Most != 0 && s.All[c].Most > s.All[c-1].Most {
					t.Errorf("%s: %v has more than the better class", row.Name, budget.Class(c))
				}
			}
			if s.Key.Most == 0 || s.All[budget.Stranger].Most == 0 {
				t.Errorf("%s: strangers are not bound", row.Name)
			}
		}
	}
}

func BenchmarkSpend(b *testing.B) {
	for _, class := range []budget.Class{budget.Known, budget.Stranger} {
		b.Run(class.String(), func(b *testing.B) {
			l := budget.New(false)
			p := budget.Payer{Class: class, Prefix: netip.MustParsePrefix("203.0.113.0/24")}
			now := time.Unix(1e9, 0)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				l.Spend(now, budget.Work, p, 5)
			}
		})
	}
}

// Fresh keys from everywhere, one class after the other from the worst: each has its share
// to the last place, and what is left for the better ones is what the table says.
func TestSharesAreNested(t *testing.T) {
	for _, row := range budget.Table {
		if row.Rate {
			continue
		}
		l := budget.New(false)
		fresh := 0
		for c := budget.Stranger; ; c-- {
			most := row.Client.All[c].Most
			n := max(int(row.Client.Key.Most)/64, 1)
			for {
				fresh++
				by := budget.Payer{Class: c, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{9, byte(fresh >> 8), byte(fresh), 0}), 24)}
				by.Key[0], by.Key[1], by.Key[2] = byte(fresh), byte(fresh>>8), byte(c)
				if !l.Claim(row.Pool, by, n) {
					break
				}
			}
			sum := 0
			for k := c; int(k) < budget.Classes; k++ {
				sum += l.Used(row.Pool, k)
			}
			if float64(sum) > most || float64(sum+n) <= most {
				t.Errorf("%s: %v and worse have %d of %v", row.Name, c, sum, most)
			}
			if c == budget.Own {
				break
			}
		}
	}
}
