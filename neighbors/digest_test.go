package neighbors_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// lists takes the answers to requests for lists, and the requests, out of what came.
func (r *raw) lists() (pages []wire.List, questions []dgram.Received) {
	for _, e := range r.events {
		if m, ok := e.(dgram.Received); ok {
			switch b := m.Message.Body.(type) {
			case wire.List:
				if b.Request > 0 {
					pages = append(pages, b)
				}
			case wire.ListRequest:
				if len(b.Of) == 0 {
					questions = append(questions, m)
				}
			}
		}
	}
	r.events = nil
	return pages, questions
}

// listed asks for a list and returns the one page that comes.
func (r *raw) listed(to *person, q wire.ListRequest) wire.List {
	r.bed.t.Helper()
	r.events = nil
	q.Credit = 1
	r.says(to.id(), wire.Message{ID: r.ep.NextID(), Body: q}, 200*time.Millisecond)
	pages, _ := r.lists()
	if len(pages) != 1 {
		r.bed.t.Fatalf("%d pages", len(pages))
	}
	return pages[0]
}

// One difference sends that bucket of the list and no other; an asker that is told of nobody, or
// that asks a seed, sees its own list differ from nothing.
func TestOneDifferenceSendsItsBucket(t *testing.T) {
	v := &village{bed: newBed(t, 81, simnet.Profile{Delay: 5 * time.Millisecond})}
	const size = 60
	for i := range size {
		v.join(fmt.Sprintf("p%02d", i))
	}
	hub, other, goes := v.nodes[0], v.nodes[1], v.nodes[2]
	for i := 1; i < size; i++ {
		v.befriend(0, i)
	}
	friend := v.pinned(7, "mallory", hub)
	var held []wire.Summary
	for cursor := []byte(nil); ; {
		page := friend.listed(hub, wire.ListRequest{Cursor: cursor})
		if page.Part || page.Total != size-1 {
			t.Fatalf("asked without a digest: part %v, of %d", page.Part, page.Total)
		}
		held = append(held, page.Summaries...)
		if cursor = page.Next; len(cursor) == 0 {
			break
		}
	}
	if len(held) != size-1 {
		t.Fatalf("told of %d", len(held))
	}
	if page := friend.listed(hub, wire.ListRequest{Digest: wire.Digest([8]byte{1}, held)}); !page.Part || page.Buckets != 0 || len(page.Summaries) > 0 || page.Total != size-1 {
		t.Errorf("nothing has changed, and the answer is %+v", page)
	}
	do(other, func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, true) })
	do(hub, func(now time.Time, n *neighbors.Node) (string, error) { return n.Block(now, goes.name, true) })
	v.run(time.Second)
	page := friend.listed(hub, wire.ListRequest{Digest: wire.Digest([8]byte{2}, held)})
	want := wire.Buckets(1)<<(other.id()[0]>>4) | 1<<(goes.id()[0]>>4)
	if !page.Part || page.Buckets != want || page.Total != size-2 {
		t.Errorf("buckets %016b of %d, want %016b of %d", page.Buckets, page.Total, want, size-2)
	}
	fits := slices.DeleteFunc(slices.Clone(held), func(s wire.Summary) bool { return !want.Has(s.Session) || s.Session == goes.id() })
	for i := range fits {
		if fits[i].Session == other.id() {
			fits[i].Seq, fits[i].State = page.Summaries[i].Seq, 1
		}
	}
	if !slices.Equal(page.Summaries, fits) {
		t.Errorf("told %v, want %v", page.Summaries, fits)
	}
	stranger := v.attacker(8, "stranger", "198.19.3.8:6789")
	stranger.meets(hub)
	seed := v.seedNode()
	friend.meets(seed)
	all := wire.Buckets(0)
	for _, s := range held {
		all |= 1 << (s.Session[0] >> 4)
	}
	for _, p := range []wire.List{
		stranger.listed(hub, wire.ListRequest{Digest: wire.Digest([8]byte{3}, held)}),
		friend.listed(seed, wire.ListRequest{Digest: wire.Digest([8]byte{3}, held)}),
	} {
		if !p.Part || p.Buckets != all || len(p.Summaries) > 0 || p.Total != 0 || len(p.Next) > 0 {
			t.Errorf("who is told of nobody gets %+v", p)
		}
	}
}

// A node asks with what it holds, each time with another salt, and forgets what a page would
// tell and does not.
func TestQuestionsAreSalted(t *testing.T) {
	v := &village{bed: newBed(t, 82, simnet.Profile{Delay: 5 * time.Millisecond})}
	ann := v.join("ann")
	friend := v.pinned(7, "mallory", ann)
	var told []wire.Summary
	for i := range 32 { // two a bucket
		told = append(told, wire.Summary{Session: wire.PeerID{byte(i << 3), 1}, Seq: 5})
	}
	v.run(time.Second)
	if _, list := friend.lists(); len(list) > 0 { // the friend holds nothing, and asks for all
		friend.says(ann.id(), wire.Message{Body: wire.List{Request: list[len(list)-1].Message.ID, Summaries: told, Total: uint64(len(told))}}, time.Second)
	}
	friend.lists()
	salts := map[string]bool{}
	held := told
	for round := range 3 {
		var q dgram.Received
		v.until(16*time.Minute, "the list is asked for", func() bool {
			if _, list := friend.lists(); len(list) > 0 {
				q = list[0]
			}
			return q.Message.ID > 0
		})
		digest := q.Message.Body.(wire.ListRequest).Digest
		if len(digest) != 120 || !slices.Equal(digest, wire.Digest([8]byte(digest), held)) {
			t.Fatalf("round %d: asked with the digest %x", round, digest)
		}
		salts[string(digest[:8])] = true
		answer := wire.List{Request: q.Message.ID, Total: uint64(len(told)), Part: true}
		switch round {
		case 1: // both of bucket 5 are gone, and one of bucket 7
			answer.Buckets = 1<<5 | 1<<7
			answer.Summaries = []wire.Summary{{Session: wire.PeerID{0x78, 1}, Seq: 5}}
			held = slices.DeleteFunc(slices.Clone(told), func(s wire.Summary) bool { return s.Session[0]>>4 == 5 || s.Session[0] == 0x70 })
		}
		friend.says(ann.id(), wire.Message{Body: answer}, time.Second)
		if ann.node.Heard() != len(held) {
			t.Errorf("round %d: ann holds %d, want %d", round, ann.node.Heard(), len(held))
		}
		if _, list := friend.lists(); len(list) > 0 {
			t.Errorf("round %d: asked again", round)
		}
	}
	if len(salts) != 3 {
		t.Errorf("three questions have %d salts", len(salts))
	}
}
