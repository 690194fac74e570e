package dgram

import (
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
)

// announcements is an Endpoint's state about announcements, its own and others'.
type announcements struct {
	*Endpoint
	own announcement
	gathering
	announcers     *simplelru.LRU[netip.AddrPort, *announcer]  // at most maxAnnouncers
	pendingReplies []pendingReply                              // at most maxPendingReplies
	replyAt        time.Time                                   // when the earliest of them is due
	hosts          *simplelru.LRU[netip.Addr, *announcingHost] // at most maxAnnouncers
	replyBudget    [2]timing.Bucket                            // CHALLENGEs for announcements: IPv6, IPv4
}

func newAnnouncements(e *Endpoint) *announcements {
	announcers, err := simplelru.NewLRU[netip.AddrPort, *announcer](maxAnnouncers, nil)
	hosts, err2 := simplelru.NewLRU[netip.Addr, *announcingHost](maxAnnouncers, nil)
	if err != nil || err2 != nil {
		panic("BUG: the bound of announcers must be positive")
	}
	return &announcements{
		Endpoint: e, announcers: announcers, hosts: hosts,
		replyBudget: [2]timing.Bucket{timing.NewBucket(answerRate, answerBurst), timing.NewBucket(answerRate, answerBurst)},
	}
}

// announcer is what is remembered of one address on our own links that announced itself or
// authenticated. At most maxAnnouncers; the one silent for longest is forgotten, which costs
// no more than one needless answer.
type announcer struct {
	nonce     [wire.NonceSize]byte // of the last announcement
	last      time.Time            // when it came
	row       time.Time            // the first of a series with gaps below announceRow
	answered  time.Time            // our last CHALLENGE for one
	peer      wire.PeerID          // the last to authenticate from there
	authentic bool
}

// announcingHost is one IP from which announcements come: the programs of a machine.
type announcingHost struct {
	budget   timing.Bucket // of its announcements that we handle
	answered time.Time     // our last CHALLENGE for one
}

// pendingReply is an announcement that waits for our answer. There are at most maxPendingReplies.
type pendingReply struct {
	echo  [wire.NonceSize]byte
	from  []path // the paths by which it came, on several interfaces or families; at most maxReplyPaths
	known bool   // its sender is in touch with us: no answer
	at    time.Time
}

// heardAnnouncement handles an announcement. The answer is one CHALLENGE by unicast, after a random
// wait, so that not everybody on a link answers at once; a peer with which we are already in
// touch gets none (spec/wire.md 6.7). The address that it first came from decides that:
// anybody can repeat the same HELLO afterwards.
func (an *announcements) heardAnnouncement(now time.Time, o Opened) {
	p := path{o.from, o.local}
	i := slices.IndexFunc(an.pendingReplies, func(r pendingReply) bool { return r.echo == o.echo })
	if i >= 0 {
		if r := &an.pendingReplies[i]; len(r.from) < maxReplyPaths && !slices.Contains(r.from, p) {
			r.from = append(r.from, p)
			an.note(now, o)
		}
		return
	}
	if !an.host(o.from.Addr()).budget.Take(now, 1) || !an.roomForReply(o.from.Addr()) {
		an.drop(DroppedFull)
		return
	}
	c := an.note(now, o)
	wait := answerWaitLeast + time.Duration(randomUint64(an.random)%uint64(answerWaitMost-answerWaitLeast))
	an.pendingReplies = append(an.pendingReplies, pendingReply{echo: o.echo, from: []path{p}, known: an.inTouch(now, c), at: now.Add(wait)})
	an.replyAt = sooner(an.replyAt, now.Add(wait))
}

// note remembers that an announcement came from an address.
func (an *announcements) note(now time.Time, o Opened) *announcer {
	c := an.announcer(o.from)
	if c.nonce != o.echo {
		if now.Sub(c.last) > announceRow {
			c.row = now
		}
		c.nonce, c.last = o.echo, now
	}
	return c
}

// announcer returns what is remembered of an address.
func (an *announcements) announcer(a netip.AddrPort) *announcer {
	c, ok := an.announcers.Get(a)
	if !ok {
		c = &announcer{}
		an.announcers.Add(a, c)
	}
	return c
}

// host returns what is remembered of an IP.
func (an *announcements) host(ip netip.Addr) *announcingHost {
	h, ok := an.hosts.Get(ip)
	if !ok {
		h = &announcingHost{budget: timing.NewBucket(answerRateOfIP, answerBurstOfIP)}
		an.hosts.Add(ip, h)
	}
	return h
}

// roomForReply makes room for an announcement that is to wait for our answer: one of the IP
// with the most gives way; if that is the newcomer's own IP, or all have equally many, chance
// decides. false: the newcomer gives way.
func (an *announcements) roomForReply(ip netip.Addr) bool {
	list := an.pendingReplies
	if len(list) < maxPendingReplies {
		return true
	}
	of := map[netip.Addr]int{ip: 1}
	most := 1
	for i := range list {
		a := list[i].from[0].to.Addr()
		of[a]++
		most = max(most, of[a])
	}
	drawn := int(randomUint64(an.random) % uint64(len(list)+1))
	for i := range list {
		k := (drawn + i) % (len(list) + 1)
		if k == len(list) {
			if of[ip] == most {
				return false
			}
			continue
		}
		if of[list[k].from[0].to.Addr()] == most {
			an.pendingReplies = slices.Delete(list, k, k+1)
			return true
		}
	}
	return false
}

// inTouch says whether the peer at c and we hear each other. A peer that announces itself
// repeatedly, and has said nothing else since the first time, may have lost the keys: a new
// program at the old address. It counts as a stranger again.
func (an *announcements) inTouch(now time.Time, c *announcer) bool {
	if !c.authentic || !an.Confirmed(c.peer) {
		return false
	}
	heard := an.LastHeard(c.peer)
	return now.Sub(heard) < inTouchTime && (c.row.Equal(c.last) || heard.After(c.row))
}

// sendReplies sends the CHALLENGEs that are due.
func (an *announcements) sendReplies(now time.Time) {
	if an.replyAt.IsZero() || an.replyAt.After(now) {
		return
	}
	rest := an.pendingReplies[:0]
	an.replyAt = time.Time{}
	for _, r := range an.pendingReplies {
		if r.at.After(now) {
			rest = append(rest, r)
			an.replyAt = sooner(an.replyAt, r.at)
			continue
		}
		if !r.known {
			an.reply(now, r)
		}
	}
	clear(an.pendingReplies[len(rest):])
	an.pendingReplies = rest
}

// reply answers an announcement at one of its addresses; one answer is enough. At random
// it picks the address that it came from first, or the one answered longest ago: if one path
// is closed the next announcement tries another, and false addresses that somebody adds do
// not take all the answers.
func (an *announcements) reply(now time.Time, r pendingReply) {
	to := r.from[0]
	if len(r.from) > 1 && randomUint64(an.random)&1 == 1 {
		to = slices.MinFunc(r.from, func(p, q path) int {
			return an.announcer(p.to).answered.Compare(an.announcer(q.to).answered)
		})
	}
	if !an.mayReply(now, to.to.Addr()) {
		an.drop(DroppedChallenges)
		return
	}
	d := an.opener.challenge(now, Opened{kind: wire.PacketHello, from: to.to, local: to.local}, r.echo[:])
	if d.reply == nil {
		return
	}
	an.announcer(to.to).answered, an.host(to.to.Addr()).answered = now, now
	an.send(wire.PacketChallenge, to, d.reply)
	an.expireAt = sooner(an.expireAt, now.Add(epochAccept))
}

// mayReply asks the budget of answers. Each family has its own, since one host may have any
// number of IPv6 addresses; and half of it is for IPs that were not answered lately.
func (an *announcements) mayReply(now time.Time, ip netip.Addr) bool {
	b := &an.replyBudget[family(ip)]
	h := an.host(ip)
	if !h.answered.IsZero() && now.Sub(h.answered) < announceRow && b.At(now, answerBurst/2+1).After(now) {
		return false
	}
	return b.Take(now, 1)
}

// family is the index of an IP's family: 0 IPv6, 1 IPv4.
func family(ip netip.Addr) int {
	if ip.Is4() {
		return 1
	}
	return 0
}

// authenticated notes who is at an address on our own links, and says whether the
// handshake resulted from our answer to an announcement.
func (an *announcements) authenticated(now time.Time, peer wire.PeerID, from netip.AddrPort) (called bool) {
	if !an.near(from.Addr()) {
		return false
	}
	an.met(from.Addr())
	c := an.announcer(from)
	c.peer, c.authentic = peer, true
	return !c.answered.IsZero() && now.Sub(c.answered) <= answerLife
}
