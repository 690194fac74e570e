package neighbors_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
)

// A few people on one link, of whom one talks with two others: whoever crashes is lost within
// 8 s, however few they are and whoever watches.
func TestCrashOnASmallLink(t *testing.T) {
	for _, size := range []int{3, 4, 5, 6, 8} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			for trial := range uint64(12) {
				rng := rand.New(rand.NewPCG(trial, uint64(size)))
				b := makeBed(t, 7000+trial*10+uint64(size), simnet.Profile{Delay: time.Millisecond})
				var all []*person
				for i := range size {
					p := b.join(fmt.Sprintf("p%d", i))
					p.kill()
					p.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 10, 0, byte(10 + i)}), 6789)
					p.links = []netip.Prefix{netip.MustParsePrefix("10.10.0.0/24")}
					p.start()
					all = append(all, p)
				}
				for i, p := range all { // the first is everybody's friend, the rest has met
					for _, q := range all[i+1:] {
						p.ping(q)
						if i == 0 {
							q.ping(p)
						}
						b.run(100 * time.Millisecond)
					}
				}
				for range 10 + rng.IntN(40) {
					all[1].say("p0", "we talk")
					b.run(time.Duration(100+rng.IntN(200)) * time.Millisecond)
				}
				b.run(time.Duration(rng.IntN(30)) * time.Second)
				all[2].kill()
				b.until(8*time.Second, "the crash is noticed", func() bool { return !all[0].sees("p2") })
			}
		})
	}
}
