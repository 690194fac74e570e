package dgram

import (
	"slices"
	"unicode/utf8"
)

// frameItems and ackItems are the elements of a message and of an ack
// (spec/wire.md 5.1).
const (
	frameItems = 5
	ackItems   = 5
)

// maxBodyNesting is how deeply arrays may nest in the body of an unknown kind, itself
// included: what deliverKnownList needs.
const maxBodyNesting = 3

// appendMessages appends the array of messages that is the plaintext of DATA
// (spec/wire.md 2.6). It refuses what parseMessages would refuse.
func appendMessages(dst []byte, ms []Message) ([]byte, error) {
	if len(ms) > maxMessages {
		return dst, errBounds
	}
	b := appendHead(dst, majorArray, uint64(len(ms)))
	for i := range ms {
		var err error
		if b, err = appendMessage(b, &ms[i]); err != nil {
			return dst, err
		}
	}
	return b, nil
}

func appendMessage(b []byte, m *Message) ([]byte, error) {
	if m.Body == nil || len(m.Acks) > maxAcks || slices.ContainsFunc(m.Acks, func(a Ack) bool { return a.Have > maxTextID }) {
		return b, errBounds
	}
	if err := checkMessage(m); err != nil {
		return b, err
	}
	b = appendHead(b, majorArray, frameItems)
	b = appendHead(b, majorUint, uint64(m.Kind()))
	b = appendHead(b, majorUint, m.ID)
	b = appendHead(b, majorUint, m.Attempt)
	b = appendHead(b, majorArray, uint64(len(m.Acks)))
	for _, a := range m.Acks {
		b = appendHead(b, majorArray, ackItems)
		for _, n := range [ackItems]uint64{uint64(a.Kind), a.ID, a.Attempt, uint64(a.Result), a.Have} {
			b = appendHead(b, majorUint, n)
		}
	}
	switch body := m.Body.(type) {
	case Text:
		return body.appendTo(b), nil
	case Acknowledgement:
		return body.appendTo(b), nil
	case Online:
		return encodeBody(b, body.wire())
	case Offline:
		return encodeBody(b, body.wire())
	case Ping:
		return encodeBody(b, body.wire())
	case ListRequest:
		return body.appendTo(b), nil
	case List:
		return body.appendTo(b), nil
	case Relay:
		return encodeBody(b, body.wire())
	case Hold:
		return encodeBody(b, body.wire())
	case Receipt:
		return encodeBody(b, body.wire())
	}
	return b, errMalformed
}

func encodeBody[W any](b []byte, body W) ([]byte, error) { return appendStrict(b, &body) }

// parseMessages reads such an array, all of b. It copies what it keeps. Messages
// of unknown kinds are skipped and counted; the acks that ride on them are
// returned under an Acknowledgement. Any other fault refuses the whole array.
func parseMessages(b []byte) (ms []Message, skipped int, err error) {
	r := items{b: b}
	n := r.head(majorArray)
	if r.bad || n > maxMessages {
		return nil, 0, errMalformed
	}
	if n > 0 {
		ms = make([]Message, 0, min(int(n), len(b)/frameItems))
	}
	for range n {
		m, known, err := r.message()
		if err != nil {
			return nil, 0, err
		}
		if !known {
			skipped++
			if len(m.Acks) == 0 {
				continue
			}
		}
		ms = append(ms, m)
	}
	if len(r.b) > 0 {
		return nil, 0, errMalformed
	}
	return ms, skipped, nil
}

// message reads one message; known says whether version 1 has its kind. The frame, and
// the bodies of which nearly all traffic consists, are decoded by hand, the others by
// the library.
func (r *items) message() (m Message, known bool, err error) {
	if r.head(majorArray) != frameItems {
		return m, false, errMalformed
	}
	kind := Kind(r.head(majorUint))
	m.ID, m.Attempt, m.Acks = r.head(majorUint), r.head(majorUint), r.acks()
	if r.bad {
		return m, false, errMalformed
	}
	switch kind {
	case KindText:
		m.Body, err = r.text()
	case KindAck:
		m.Body, err = r.acknowledgement()
	case KindOnline:
		m.Body, err = decodeBody(r, new(wireOnline))
	case KindOffline:
		m.Body, err = decodeBody(r, new(wireOffline))
	case KindPing:
		m.Body, err = decodeBody(r, new(wirePing))
	case KindListRequest:
		m.Body, err = r.listRequest()
	case KindList:
		m.Body, err = r.list()
	case KindRelay:
		m.Body, err = decodeBody(r, new(wireRelay))
	case KindHold:
		m.Body, err = decodeBody(r, new(wireHold))
	case KindReceipt:
		m.Body, err = decodeBody(r, new(wireReceipt))
	default:
		m.Body, err = r.unknown()
		return m, false, err
	}
	if err == nil {
		err = checkMessage(&m)
	}
	return m, true, err
}

// acks reads the acks of a message, nil if there are none.
func (r *items) acks() []Ack {
	n := r.head(majorArray)
	if r.bad || n == 0 {
		return nil
	}
	if n > maxAcks {
		r.bad = true
		return nil
	}
	list := make([]Ack, 0, min(int(n), len(r.b)/(1+ackItems)))
	for range n {
		if r.head(majorArray) != ackItems {
			r.bad = true
			return nil
		}
		list = append(list, Ack{
			Kind: Kind(r.head(majorUint)), ID: r.head(majorUint), Attempt: r.head(majorUint),
			Result: Result(r.head(majorUint)), Have: r.head(majorUint),
		})
		if r.bad = r.bad || list[len(list)-1].Have > maxTextID; r.bad {
			return nil
		}
	}
	return list
}

// bodyForm is the wire form of a body; body converts it, checking the shapes that CBOR
// types do not express.
type bodyForm interface {
	body() (Body, error)
}

func decodeBody[B bodyForm](r *items, w *B) (Body, error) {
	rest, err := unmarshalFirst(r.b, w, nil)
	if err != nil {
		return nil, err
	}
	r.b = rest
	return (*w).body()
}

// unknown skips the body of a kind of a later version.
func (r *items) unknown() (body Body, err error) {
	if major, _, length := readHead(r.b); length == 0 || major != majorArray {
		return nil, errMalformed
	}
	r.b, err = passOver(r.b, maxBodyNesting)
	return Acknowledgement{}, err
}

// passOver skips one item of the four kinds that the protocol uses.
func passOver(b []byte, nesting int) ([]byte, error) {
	major, n, length := readHead(b)
	if length == 0 {
		return b, errMalformed
	}
	b = b[length:]
	switch major {
	case majorUint:
		return b, nil
	case majorBytes, majorText:
		if n > uint64(len(b)) || major == majorText && !utf8.Valid(b[:n]) {
			return b, errMalformed
		}
		return b[n:], nil
	case majorArray:
		if n > maxElements || nesting == 0 {
			return b, errMalformed
		}
		var err error
		for range n {
			if b, err = passOver(b, nesting-1); err != nil {
				return b, err
			}
		}
		return b, nil
	}
	return b, errMalformed
}

// checkMessage checks the bounds of the body, and those that involve body and frame.
func checkMessage(m *Message) error {
	if err := m.Body.check(); err != nil {
		return err
	}
	if t, ok := m.Body.(Text); ok && (m.ID > maxTextID || t.Prev >= m.ID || t.Part >= m.ID) {
		return errBounds // a predecessor and the first part came earlier, and the first id is 1
	}
	return nil
}

// messageSize returns the encoded length of m with its acks.
func messageSize(m *Message) int {
	n := headSize(frameItems) + headSize(uint64(m.Kind())) + headSize(m.ID) + headSize(m.Attempt) +
		headSize(uint64(len(m.Acks))) + m.Body.size()
	for _, a := range m.Acks {
		n += ackSize(a)
	}
	return n
}

func ackSize(a Ack) int {
	return 1 + headSize(uint64(a.Kind)) + headSize(a.ID) + headSize(a.Attempt) +
		headSize(uint64(a.Result)) + headSize(a.Have)
}
