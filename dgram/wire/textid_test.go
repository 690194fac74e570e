package wire

import (
	"errors"
	"testing"
)

// TestTextIDsAreBounded: 2^53-1 is the largest text id wherever one is carried, as in
// every language; a larger one is a fault of the whole datagram, for the sender too.
func TestTextIDsAreBounded(t *testing.T) {
	const last = 1<<53 - 1
	text := func(id, prev uint64) Message {
		return Message{ID: id, Attempt: 1, Body: Text{Prev: prev, Parts: 1, Text: "x"}}
	}
	have := func(id uint64) Message {
		return Message{Acks: []Ack{{Kind: KindText, ID: 1, Attempt: 1, Result: ResultGap, Have: id}}, Body: Acknowledgement{}}
	}
	hold := func(id uint64) Message {
		return Message{ID: 1, Attempt: 1, Body: Hold{To: PeerID{1}, From: PeerID{2}, Text: id, Sealed: []byte{0}}}
	}
	receipt := func(id uint64) Message {
		return Message{ID: 1, Attempt: 1, Body: Receipt{From: PeerID{1}, To: PeerID{2}, Text: id, Sig: make([]byte, 64)}}
	}
	online := Message{ID: 1<<64 - 1, Attempt: 1, Acks: []Ack{{Kind: KindOnline, ID: 1<<64 - 1}}, Body: Online{}} // not a text's
	for name, c := range map[string]struct {
		m   Message
		bad bool
	}{
		"id":           {m: text(last, last-1)},
		"id 2^53":      {text(last+1, 1), true},
		"id 2^64-1":    {text(1<<64-1, 1), true},
		"prev 2^53":    {text(last+2, last+1), true},
		"have":         {m: have(last)},
		"have 2^53":    {have(last + 1), true},
		"hold":         {m: hold(last)},
		"hold 2^53":    {hold(last + 1), true},
		"receipt":      {m: receipt(last)},
		"receipt 2^53": {receipt(last + 1), true},
		"other kinds":  {m: online},
	} {
		b, err := AppendMessages(nil, []Message{c.m})
		if refused := errors.Is(err, errBounds); refused != c.bad {
			t.Errorf("%s: written with %v", name, err)
		}
		if c.bad {
			b = unchecked(c.m)
		}
		if _, _, err = ParseMessages(b); (err != nil) != c.bad {
			t.Errorf("%s: read with %v", name, err)
		}
	}
}

// unchecked writes one message as the codec would, were it not for the bounds of ids.
func unchecked(m Message) []byte {
	b := AppendHead(nil, MajorArray, 1)
	b = AppendHead(b, MajorArray, frameItems)
	for _, n := range []uint64{uint64(m.Kind()), m.ID, m.Attempt} {
		b = AppendHead(b, MajorUint, n)
	}
	b = AppendHead(b, MajorArray, uint64(len(m.Acks)))
	for _, a := range m.Acks {
		b = AppendHead(b, MajorArray, ackItems)
		for _, n := range []uint64{uint64(a.Kind), a.ID, a.Attempt, uint64(a.Result), a.Have} {
			b = AppendHead(b, MajorUint, n)
		}
	}
	b, _ = m.Body.appendTo(b)
	return b
}
