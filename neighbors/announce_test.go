package neighbors_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// becomes has an attacker say another state of its own.
func (r *raw) becomes(to wire.PeerID, state identity.State, d time.Duration) {
	r.bed.t.Helper()
	r.record.Seq++
	r.record.State = state
	signed, err := identity.Sign(r.key, r.record)
	if err != nil {
		r.bed.t.Fatal(err)
	}
	r.ep.SetRecord(signed)
	var body wire.Body = wire.Online{Record: signed}
	if state == identity.StateGone {
		body = wire.Offline{Record: signed}
	}
	r.says(to, wire.Message{ID: r.ep.NextID(), Body: body}, d)
	r.ep.Probe(r.bed.now, to)
	r.turn()
	r.bed.run(d)
}

// told counts the events about a session, and returns the last word on whether it is here.
func (p *person) told(id string) (events int, online bool) {
	for _, e := range p.screen {
		switch e := e.(type) {
		case neighbors.CameOnline:
			if e.Session == id {
				events, online = events+1, true
			}
		case neighbors.WentOffline:
			if e.Session == id {
				events, online = events+1, false
			}
		case neighbors.WentAway:
			if e.Session == id {
				events++
			}
		}
	}
	return events, online
}

// Of people who come and go all the time the person is told now and then, and in the end how it is: of
// a stranger once a second, of a friend with a broken program ten times at once before that.
func TestRestlessIsToldRarely(t *testing.T) {
	for _, known := range []bool{false, true} {
		for _, end := range []identity.State{identity.StateGone, identity.StateOnline} {
			b := newBed(t, 960, simnet.Profile{Delay: time.Millisecond})
			ann := b.join("ann")
			m := b.attacker(1, "mallory", "198.19.1.7:6789")
			m.meets(ann)
			if known {
				do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "mallory") })
			}
			began := b.now
			for range 100 { // behind each goodbye there is a handshake: no more than one network may have
				m.becomes(ann.id(), identity.StateAway, 40*time.Millisecond)
				m.becomes(ann.id(), identity.StateGone, 40*time.Millisecond)
				m.becomes(ann.id(), identity.StateOnline, 40*time.Millisecond)
			}
			span := int(b.now.Sub(began) / time.Second)
			m.becomes(ann.id(), end, 4*time.Millisecond)
			b.run(5 * time.Second)
			events, online := ann.told(m.record.Session.String())
			most := 12 + 6 + span
			if known {
				most += 6
			}
			if events < 3 || events > most {
				t.Errorf("known %v: %d events in %d s", known, events, span)
			}
			if online != (end == identity.StateOnline) || online != ann.sees("mallory") {
				t.Errorf("known %v: told online %v in the end, it said %v", known, online, end)
			}
			b.run(10 * time.Second)
			left := 0
			for _, e := range all[neighbors.Notice](ann) {
				if strings.Contains(e.Text, "who comes and goes are left out") {
					left++
				}
			}
			if left == 0 || left > span/10+3 {
				t.Errorf("known %v: %d lines about what was left out", known, left)
			}
		}
	}
}

// What a friend does in ordinary use is told exactly, and at once.
func TestComingAndGoingIsToldExactly(t *testing.T) {
	b := newBed(t, 961, simnet.Profile{Delay: time.Millisecond})
	ann := b.join("ann")
	m := b.attacker(1, "bob", "198.19.1.7:6789")
	m.meets(ann)
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "bob") })
	before := len(ann.screen)
	for _, s := range []identity.State{identity.StateGone, identity.StateOnline, identity.StateAway, identity.StateOnline, identity.StateGone, identity.StateOnline} {
		m.becomes(ann.id(), s, 20*time.Millisecond)
	}
	m.becomes(ann.id(), identity.StateOnline, 20*time.Millisecond) // what comes after the goodbye's undoing counts
	var got []string
	for _, e := range ann.screen[before:] {
		got = append(got, fmt.Sprintf("%T", e))
	}
	want := []string{"neighbors.WentOffline", "neighbors.CameOnline", "neighbors.WentAway", "neighbors.WentAway", "neighbors.WentOffline", "neighbors.CameOnline"}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// However much strangers have used up the pool Told: of users that the person asks for the person is
// told at once, online before pong, and of a writer before the text.
func TestWhatThePersonAskedForIsToldAtOnce(t *testing.T) {
	b := newBed(t, 962, simnet.Profile{Delay: time.Millisecond})
	ann := b.join("ann")
	var crowd []*raw
	for i := range 38 {
		m := b.attacker(i, fmt.Sprintf("m%d", i), netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i), 1}), 6789).String())
		m.meets(ann)
		crowd = append(crowd, m)
	}
	for range 10 {
		for _, m := range crowd {
			m.becomes(ann.id(), identity.StateAway, time.Millisecond)
			m.becomes(ann.id(), identity.StateOnline, time.Millisecond)
		}
	}
	writer := b.attacker(50, "writer", "203.0.7.9:6789") // of a network that has had its share
	writer.ep.Dial(b.now, ann.addr, nil)
	writer.turn()
	b.run(10 * time.Millisecond)
	if _, online := ann.told(writer.record.Session.String()); online {
		t.Fatal("there is still room for strangers")
	}
	writer.says(ann.id(), wire.Message{ID: 9, Body: wire.Text{Parts: 1, Sent: 1, Text: "from a stranger"}}, 10*time.Millisecond)
	if len(ann.texts()) != 1 {
		t.Fatal("no text")
	}
	bob := b.join("bob")
	ann.ping(bob)
	b.until(time.Second, "the pong", func() bool { return count[neighbors.Pong](ann) == 1 })
	online := slices.IndexFunc(ann.screen, func(e neighbors.Event) bool {
		o, ok := e.(neighbors.CameOnline)
		return ok && o.User == "bob"
	})
	pong := slices.IndexFunc(ann.screen, func(e neighbors.Event) bool { _, ok := e.(neighbors.Pong); return ok })
	if online < 0 || online > pong {
		t.Errorf("online is event %d, pong %d", online, pong)
	}
	for i, e := range ann.screen {
		m, ok := e.(neighbors.Incoming)
		if !ok {
			continue
		}
		if !slices.ContainsFunc(ann.screen[:i], func(e neighbors.Event) bool {
			o, ok := e.(neighbors.CameOnline)
			return ok && o.Session == m.Session
		}) {
			t.Errorf("%q comes before who wrote it is told of", m.Text)
		}
	}
}
