package dgram

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// gathering collects the answers to our last announcement. Anybody on the link can answer it
// ten thousand times, so it is not first come, first served: the answers of the first moments
// are drawn at random, host by host. Every IP that answered gets one turn before any gets a
// second, and the families take turns, since one host may have any number of IPv6 addresses.
// IPs that were obeyed lately without success come last.
//
// The random order is a keyed hash of the address: answering twice gives no second chance, and
// a full list keeps the lowest values, whatever the order of arrival.
type gathering struct {
	until    time.Time // when the answers are drawn; zero: that is done
	key      [16]byte
	families [2][]answerer         // by rank, at most maxGathered each
	served   map[netip.Addr]int    // CHALLENGEs obeyed per IP, at most maxAnswers + maxLateAnswers
	late     int                   // of those, how many after the draw; at most maxLateAnswers
	vain     map[netip.Addr]uint64 // IPs obeyed in vain, and in which announcement; at most maxGathered, then all are forgotten
	round    uint64
}

// answerer is one IP that answered, with its answers: at most answersOfIP.
type answerer struct {
	ip   netip.Addr
	rank rank
	list []answer // by lot
}

type answer struct {
	lot uint64
	o   Opened
}

// rank is the order in which IPs get their turns.
type rank struct {
	vain uint64 // the last announcement in which it was obeyed in vain; 0: none
	lot  uint64
}

func (r rank) compare(s rank) int {
	return cmp.Or(cmp.Compare(r.vain, s.vain), cmp.Compare(r.lot, s.lot))
}

// begin prepares for the answers to another announcement. IPs that were obeyed and did not shake
// hands count as in vain; authenticated has taken out those that did.
func (g *gathering) begin(now time.Time, random *lockedReader) {
	g.round++
	if g.vain == nil || len(g.vain)+len(g.served) > maxGathered {
		g.vain = map[netip.Addr]uint64{}
	}
	for ip := range g.served { // the order does not matter
		g.vain[ip] = g.round
	}
	mustRead(random, g.key[:])
	g.until, g.families, g.served, g.late = now.Add(gatherTime), [2][]answerer{}, map[netip.Addr]int{}, 0
}

// met notes that somebody at that IP shook hands: it was not in vain.
func (g *gathering) met(ip netip.Addr) {
	delete(g.served, ip)
	delete(g.vain, ip)
}

// lot is the pseudo-random number for some bytes.
func (g *gathering) lot(parts ...[]byte) uint64 {
	h := sha256.New()
	h.Write(g.key[:])
	for _, p := range parts {
		h.Write(p)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// add takes one CHALLENGE in. It reports false when there is no room for it.
func (g *gathering) add(o Opened) bool {
	ip := o.from.Addr()
	family := &g.families[family(ip)]
	r := rank{g.vain[ip], g.lot(ip.AsSlice())}
	i, found := slices.BinarySearchFunc(*family, r, func(a answerer, r rank) int { return a.rank.compare(r) })
	if !found {
		if i == maxGathered {
			return false
		}
		if len(*family) == maxGathered {
			*family = (*family)[:maxGathered-1]
		}
		*family = slices.Insert(*family, i, answerer{ip: ip, rank: r})
	}
	return (*family)[i].add(g.lot(o.from.Addr().AsSlice(), binary.BigEndian.AppendUint16(nil, o.from.Port()), o.packet.Cookie, o.packet.E, o.packet.S), o)
}

// add takes in one more answer of an IP; of too many the lowest by lot stay.
func (a *answerer) add(lot uint64, o Opened) bool {
	i, found := slices.BinarySearchFunc(a.list, lot, func(x answer, lot uint64) int { return cmp.Compare(x.lot, lot) })
	if found || i == answersOfIP {
		return false
	}
	if len(a.list) == answersOfIP {
		a.list = a.list[:answersOfIP-1]
	}
	a.list = slices.Insert(a.list, i, answer{lot, o})
	return true
}

// draw lists the answers to obey, in order: at most maxAnswers.
func (g *gathering) draw() (list []Opened) {
	g.until = time.Time{}
	most := max(len(g.families[0]), len(g.families[1]))
	for turn := range answersOfIP {
		for i := range most {
			for _, family := range g.families {
				if i < len(family) && turn < len(family[i].list) && len(list) < maxAnswers {
					list = append(list, family[i].list[turn].o)
				}
			}
		}
	}
	g.families = [2][]answerer{}
	return list
}
