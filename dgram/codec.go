package dgram

import (
	"bytes"
	"unicode/utf8"
)

// wire is a message as it travels (spec/wire.md 5.1), B the wire form of its body.
type wire[B any] struct {
	_       struct{} `cbor:",toarray"`
	Kind    Kind
	ID      uint64
	Attempt uint64
	Acks    []Ack
	Body    B
}

// frameItems is the number of elements of a message.
const frameItems = 5

// maxBodyNesting is how deep arrays stand in the body of an unknown kind, itself
// counted: what deliverKnownList needs.
const maxBodyNesting = 3

// appendMessages appends the array of messages that is the plaintext of DATA
// (spec/wire.md 2.6). It refuses what parseMessages would refuse.
func appendMessages(dst []byte, ms []Message) ([]byte, error) {
	if len(ms) > maxMessages {
		return dst, errBounds
	}
	b := bytes.NewBuffer(appendHead(dst, majorArray, uint64(len(ms))))
	for i := range ms {
		if err := appendMessage(b, &ms[i]); err != nil {
			return dst, err
		}
	}
	return b.Bytes(), nil
}

func appendMessage(b *bytes.Buffer, m *Message) error {
	if m.Body == nil || len(m.Acks) > maxAcks {
		return errBounds
	}
	if err := checkMessage(m); err != nil {
		return err
	}
	switch body := m.Body.(type) {
	case Text:
		return encodeWire(b, m, body.wire())
	case Acknowledgement:
		return encodeWire(b, m, body.wire())
	case Online:
		return encodeWire(b, m, body.wire())
	case Offline:
		return encodeWire(b, m, body.wire())
	case Ping:
		return encodeWire(b, m, body.wire())
	case ListRequest:
		return encodeWire(b, m, body.wire())
	case List:
		return encodeWire(b, m, body.wire())
	case Relay:
		return encodeWire(b, m, body.wire())
	}
	return errMalformed
}

func encodeWire[B any](b *bytes.Buffer, m *Message, body B) error {
	return encoding.MarshalToBuffer(&wire[B]{
		Kind: m.Body.Kind(), ID: m.ID, Attempt: m.Attempt, Acks: m.Acks, Body: body,
	}, b)
}

// parseMessages reads such an array, all of b. It copies what it keeps. Messages
// of unknown kinds are skipped and counted; the acks that ride on them are
// returned under an Acknowledgement. Any other fault refuses the whole array.
func parseMessages(b []byte) (ms []Message, skipped int, err error) {
	major, n, length := readHead(b)
	if length == 0 || major != majorArray || n > maxMessages {
		return nil, 0, errMalformed
	}
	p := parser{rest: b[length:]}
	if n > 0 {
		ms = make([]Message, 0, min(int(n), len(b)/frameItems))
		p.scratch = make([]byte, 0, len(b))
	}
	for range n {
		m, known, err := p.message()
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
	if len(p.rest) > 0 {
		return nil, 0, errMalformed
	}
	return ms, skipped, nil
}

// parser holds what is left to read and the room for the comparison.
type parser struct {
	rest    []byte
	scratch []byte
	text    *wire[wireText] // reused: texts are most of the traffic
}

// message reads one message; known says whether version 1 has its kind.
func (p *parser) message() (m Message, known bool, err error) {
	major, n, length := readHead(p.rest)
	if length == 0 || major != majorArray || n != frameItems {
		return m, false, errMalformed
	}
	major, kind, kindLength := readHead(p.rest[length:])
	if kindLength == 0 || major != majorUint {
		return m, false, errMalformed
	}
	switch Kind(kind) {
	case KindText:
		if p.text == nil {
			p.text = new(wire[wireText])
		}
		*p.text = wire[wireText]{}
		m, err = decodeWire(p, p.text)
	case KindAck:
		m, err = decodeWire(p, new(wire[wireAcknowledgement]))
	case KindOnline:
		m, err = decodeWire(p, new(wire[wireOnline]))
	case KindOffline:
		m, err = decodeWire(p, new(wire[wireOffline]))
	case KindPing:
		m, err = decodeWire(p, new(wire[wirePing]))
	case KindListRequest:
		m, err = decodeWire(p, new(wire[wireListRequest]))
	case KindList:
		m, err = decodeWire(p, new(wire[wireList]))
	case KindRelay:
		m, err = decodeWire(p, new(wire[wireRelay]))
	default:
		p.rest = p.rest[length+kindLength:]
		m, err = p.unknown()
		return m, false, err
	}
	if err == nil {
		err = checkMessage(&m)
	}
	return m, true, err
}

// bodyForm is the wire form of a body; body turns it round, checking the shapes
// that CBOR types do not say.
type bodyForm interface {
	body() (Body, error)
}

func decodeWire[B bodyForm](p *parser, w *wire[B]) (Message, error) {
	rest, err := unmarshalFirst(p.rest, w, p.scratch)
	if err != nil {
		return Message{}, err
	}
	p.rest = rest
	m := Message{ID: w.ID, Attempt: w.Attempt}
	if len(w.Acks) > 0 {
		m.Acks = w.Acks
	}
	m.Body, err = w.Body.body()
	return m, err
}

// unknown reads the frame behind a kind of a later version and passes over the body.
func (p *parser) unknown() (m Message, err error) {
	for _, v := range []*uint64{&m.ID, &m.Attempt} {
		major, n, length := readHead(p.rest)
		if length == 0 || major != majorUint {
			return m, errMalformed
		}
		*v, p.rest = n, p.rest[length:]
	}
	if p.rest, err = unmarshalFirst(p.rest, &m.Acks, p.scratch); err != nil {
		return m, err
	}
	if major, _, length := readHead(p.rest); length == 0 || major != majorArray {
		return m, errMalformed
	}
	m.Body = Acknowledgement{}
	p.rest, err = passOver(p.rest, maxBodyNesting)
	return m, err
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

// checkMessage checks the bounds of the body, and those that join body and frame.
func checkMessage(m *Message) error {
	if err := m.Body.check(); err != nil {
		return err
	}
	if t, ok := m.Body.(Text); ok && (t.Prev >= m.ID || t.Part >= m.ID) {
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
