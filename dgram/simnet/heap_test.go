package simnet

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	ann   = netip.MustParseAddrPort("192.0.2.1:6789")
	bob   = netip.MustParseAddrPort("192.0.2.2:6789")
	start = time.Unix(1_000_000, 0)
)

// arrivals sends count numbered datagrams, one a millisecond, and lists what comes.
func arrivals(n *Net, count int) (got []string, at []time.Duration) {
	now := start
	for i := range count {
		n.Send(now, ann, bob, []byte{byte(i >> 8), byte(i)})
		now = now.Add(time.Millisecond)
	}
	for next := n.Next(); !next.IsZero(); next = n.Next() {
		for _, d := range n.Deliver(next) {
			got = append(got, fmt.Sprintf("%x", d.Bytes))
			at = append(at, next.Sub(start))
		}
	}
	return got, at
}

func TestPerfectNetKeepsOrder(t *testing.T) {
	n := New(1, Profile{Delay: 10 * time.Millisecond})
	got, at := arrivals(n, 100)
	for i := range 100 {
		if len(got) != 100 || got[i] != fmt.Sprintf("%04x", i) || at[i] != time.Duration(10+i)*time.Millisecond {
			t.Fatalf("%v at %v", got, at)
		}
	}
	if n.Deliver(start.Add(time.Hour)) != nil {
		t.Fatal("something comes again")
	}
	for i := range 100 {
		n.Send(start, ann, bob, []byte{byte(i)})
	}
	for i, d := range n.Deliver(start.Add(time.Hour)) {
		if d.Bytes[0] != byte(i) {
			t.Fatalf("%d is number %d of those sent at one instant", d.Bytes[0], i)
		}
	}
}

func TestNothingComesEarly(t *testing.T) {
	n := New(1, Profile{Delay: time.Second})
	n.Send(start, ann, bob, []byte("x"))
	if d := n.Deliver(start.Add(time.Second - 1)); d != nil {
		t.Fatalf("%v", d)
	}
	d := n.Deliver(start.Add(time.Second))
	if len(d) != 1 || d[0].From != ann || d[0].To != bob {
		t.Fatalf("%v", d)
	}
}

func TestChances(t *testing.T) {
	const count = 10_000
	near := func(name string, got, want int) {
		if got < want*9/10 || got > want*11/10 {
			t.Errorf("%s: %d, want about %d", name, got, want)
		}
	}
	got, _ := arrivals(New(1, Profile{Loss: 0.3}), count)
	near("with loss", len(got), count*7/10)
	got, _ = arrivals(New(1, Profile{Duplicate: 0.3}), count)
	near("with duplicates", len(got), count*13/10)
	got, at := arrivals(New(1, Profile{Reorder: 0.3, Delay: 10 * time.Millisecond}), count)
	late := 0
	for i := 1; i < len(got); i++ {
		if got[i] < got[i-1] {
			late++
		}
		if at[i] < at[i-1] {
			t.Fatal("time goes back")
		}
	}
	if late < count/5 || len(got) != count {
		t.Errorf("%d of %d overtaken", late, len(got))
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	p := Profile{Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Delay: time.Millisecond, Jitter: 5 * time.Millisecond}
	run := func(seed uint64) (string, uint64) {
		n := New(seed, p)
		got, _ := arrivals(n, 6000)
		_, sum := n.Sum()
		return n.Trace() + strings.Join(got, " "), sum
	}
	trace, sum := run(1)
	again, sumAgain := run(1)
	if trace != again || sum != sumAgain {
		t.Fatal("the same seed gives another run")
	}
	if other, sumOther := run(2); other == trace || sumOther == sum {
		t.Fatal("another seed gives the same run")
	}
	one, two := New(1, Profile{}), New(1, Profile{})
	one.Send(start, ann, bob, []byte("one"))
	two.Send(start, ann, bob, []byte("two"))
	if _, sum := one.Sum(); sum == func() uint64 { _, s := two.Sum(); return s }() {
		t.Fatal("other contents have the same sum")
	}
	if !strings.HasPrefix(trace, "(1904 datagrams before)\n") {
		t.Errorf("%.100s", trace)
	}
}

func TestTraceTells(t *testing.T) {
	n := New(1, Profile{Loss: 1})
	n.Label(func(b []byte) string { return "says " + string(b) })
	n.Send(start, ann, bob, []byte("hi"))
	n.Send(start.Add(time.Millisecond), bob, ann, make([]byte, MTU+1))
	want := "          0s 192.0.2.1:6789 > 192.0.2.2:6789    2 B  says hi  lost\n"
	if got := n.Trace(); !strings.HasPrefix(got, want) || !strings.Contains(got, "too large") {
		t.Errorf("%s", got)
	}
}

func TestCutAndHeal(t *testing.T) {
	n := New(1, Profile{Delay: time.Second})
	n.Send(start, ann, bob, []byte("in the air"))
	n.Cut(bob.Addr(), ann.Addr())
	n.Send(start, bob, ann, []byte("cut"))
	if d := n.Deliver(start.Add(time.Minute)); d != nil {
		t.Fatalf("%v", d)
	}
	n.Heal(ann.Addr(), bob.Addr())
	n.Send(start, bob, ann, []byte("healed"))
	if d := n.Deliver(start.Add(time.Minute)); len(d) != 1 || string(d[0].Bytes) != "healed" {
		t.Fatalf("%v", d)
	}
}

func TestSendCopies(t *testing.T) {
	n := New(1, Profile{Duplicate: 1})
	b := []byte("one")
	n.Send(start, ann, bob, b)
	copy(b, "two")
	d := n.Deliver(start)
	if len(d) != 2 || string(d[0].Bytes) != "one" || string(d[1].Bytes) != "one" {
		t.Fatalf("%q", d)
	}
	d[0].Bytes[0] = 'x'
	if bytes.Equal(d[0].Bytes, d[1].Bytes) {
		t.Fatal("two copies share their bytes")
	}
}

func TestAirIsBounded(t *testing.T) {
	n := New(1, Profile{Delay: time.Second})
	for range maxFlying + 10 {
		n.Send(start, ann, bob, nil)
	}
	if d := n.Deliver(start.Add(time.Second)); len(d) != maxFlying {
		t.Fatalf("%d arrive", len(d))
	}
}
