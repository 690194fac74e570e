package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

// The wire forms of what codec.go reads and writes by hand, for the library.
type libraryMessage[B any] struct {
	_       struct{} `cbor:",toarray"`
	Kind    Kind
	ID      uint64
	Attempt uint64
	Acks    []Ack
	Body    B
}

type libraryText struct {
	_                             struct{} `cbor:",toarray"`
	Prev, Sent, Late, Part, Parts uint64
	Text                          string
	Ext                           []byte
}

type libraryAcknowledgement struct {
	_   struct{} `cbor:",toarray"`
	Ext []byte
}

type libraryListRequest struct {
	_                  struct{} `cbor:",toarray"`
	Of, Digest, Cursor []byte
	Credit             uint64
	Ext                []byte
}

type librarySummary struct {
	_          struct{} `cbor:",toarray"`
	Session    []byte
	Seq, State uint64
}

type libraryList struct {
	_         struct{} `cbor:",toarray"`
	Request   uint64
	Summaries []librarySummary
	Records   [][]byte
	Next      []byte
	Total     uint64
	Ext       []byte
}

// unmarshalStrict decodes all of b into v, a struct marked toarray, and accepts it
// only when the encoding of v is b again: one value has one encoding. Byte strings
// are copied out of b. Lengths of byte strings are for the caller to check.
func unmarshalStrict[T any](b []byte, v *T) error {
	rest, err := unmarshalFirst(b, v, make([]byte, 0, len(b)))
	if err == nil && len(rest) > 0 {
		err = errMalformed
	}
	return err
}

// byLibrary reads an array of one message with the CBOR library, strictly.
func byLibrary(b []byte) ([]Message, bool) {
	var texts []libraryMessage[libraryText]
	var acks []libraryMessage[libraryAcknowledgement]
	var requests []libraryMessage[libraryListRequest]
	var lists []libraryMessage[libraryList]
	var m Message
	switch {
	case unmarshalStrict(b, &texts) == nil && len(texts) == 1 && texts[0].Kind == KindText:
		w := texts[0]
		t := w.Body
		m = Message{ID: w.ID, Attempt: w.Attempt, Acks: w.Acks,
			Body: Text{Prev: t.Prev, Sent: t.Sent, Late: t.Late == 1, Part: t.Part, Parts: t.Parts, Text: t.Text}}
		if t.Late > 1 {
			return nil, false
		}
	case unmarshalStrict(b, &acks) == nil && len(acks) == 1 && acks[0].Kind == KindAck:
		w := acks[0]
		m = Message{ID: w.ID, Attempt: w.Attempt, Acks: w.Acks, Body: Acknowledgement{Pad: len(w.Body.Ext)}}
	case unmarshalStrict(b, &requests) == nil && len(requests) == 1 && requests[0].Kind == KindListRequest:
		w := requests[0]
		m = Message{ID: w.ID, Attempt: w.Attempt, Acks: w.Acks, Body: ListRequest{
			Of: nonEmpty(w.Body.Of), Digest: nonEmpty(w.Body.Digest), Cursor: nonEmpty(w.Body.Cursor), Credit: w.Body.Credit}}
	case unmarshalStrict(b, &lists) == nil && len(lists) == 1 && lists[0].Kind == KindList:
		w := lists[0]
		l := List{Request: w.Body.Request, Next: nonEmpty(w.Body.Next), Total: w.Body.Total}
		for _, s := range w.Body.Summaries {
			if len(s.Session) != len(PeerID{}) {
				return nil, false
			}
			l.Summaries = append(l.Summaries, Summary{Session: PeerID(s.Session), Seq: s.Seq, State: s.State})
		}
		for _, r := range w.Body.Records {
			l.Records = append(l.Records, nonEmpty(r))
		}
		if len(w.Body.Ext) >= 2 && l.Request > 0 {
			l.Part, l.Buckets = true, Buckets(w.Body.Ext[0])<<8|Buckets(w.Body.Ext[1])
		}
		m = Message{ID: w.ID, Attempt: w.Attempt, Acks: w.Acks, Body: l}
	default:
		return nil, false
	}
	if len(m.Acks) == 0 {
		m.Acks = nil
	}
	return []Message{m}, m.Check() == nil
}

// What is read by hand is what the library reads, and refused as the library
// refuses it, for the kinds that are read so and for what is nearly one.
func TestCodecAgreesWithLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	accepted, refused := map[Kind]int{}, map[Kind]int{}
	byHand := func(k Kind) bool {
		return k == KindText || k == KindAck || k == KindListRequest || k == KindList
	}
	for _, c := range codecCases() {
		kind := c.m.Kind()
		if !byHand(kind) {
			continue
		}
		whole := unhex(t, c.hex)
		for range 20_000 {
			b := bytes.Clone(whole)
			for range rng.IntN(3) {
				switch at := rng.IntN(len(b)); rng.IntN(4) {
				case 0:
					b = append(b[:at:at], append([]byte{byte(rng.Uint32())}, b[at:]...)...)
				case 1:
					b = append(b[:at:at], b[at+1:]...)
				default:
					b[at] = byte(rng.Uint32())
				}
				if len(b) == 0 {
					break
				}
			}
			want, ok := byLibrary(b)
			got, skipped, err := ParseMessages(b)
			if skipped > 0 || len(got) == 1 && !byHand(got[0].Kind()) {
				continue // became another kind
			}
			if len(got) == 0 && err == nil {
				continue // became the empty array
			}
			if ok != (err == nil) || ok && !reflect.DeepEqual(got, want) {
				t.Fatalf("%x: %+v, %v; the library has %+v, %v", b, got, err, want, ok)
			}
			if ok {
				accepted[kind]++
			} else {
				refused[kind]++
			}
		}
	}
	for _, kind := range []Kind{KindText, KindAck, KindListRequest, KindList} {
		if accepted[kind] < 500 || refused[kind] < 500 {
			t.Errorf("%v: %d accepted, %d refused", kind, accepted[kind], refused[kind])
		}
	}
}
