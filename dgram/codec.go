package dgram

import "slices"

// frameItems and ackItems are the elements of a message and of an ack
// (spec/wire.md 5.1).
const (
	frameItems = 5
	ackItems   = 5
)

// maxBodyNesting is how deeply arrays may nest in the body of an unknown kind, itself
// included: what deliverKnownList needs.
const maxBodyNesting = 3

// AppendMessages appends the array of messages that is the plaintext of DATA
// (spec/wire.md 2.6). It refuses what ParseMessages would refuse.
func AppendMessages(dst []byte, ms []Message) ([]byte, error) {
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
	if err := m.check(); err != nil {
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
	return m.Body.appendTo(b)
}

// ParseMessages reads such an array, all of b. It copies what it keeps. Messages
// of unknown kinds are skipped and counted; the acks that ride on them are
// returned under an Acknowledgement. Any other fault refuses the whole array.
func ParseMessages(b []byte) (ms []Message, skipped int, err error) {
	r := reader{b: b}
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
func (r *reader) message() (m Message, known bool, err error) {
	if r.head(majorArray) != frameItems {
		return m, false, errMalformed
	}
	kind := Kind(r.head(majorUint))
	m.ID, m.Attempt, m.Acks = r.head(majorUint), r.head(majorUint), r.acks()
	if r.bad {
		return m, false, errMalformed
	}
	if !kind.known() {
		m.Body, err = r.unknown()
		return m, false, err
	}
	if m.Body, r.b, err = kinds[kind].read(r.b); err == nil {
		err = m.check()
	}
	return m, true, err
}

// acks reads the acks of a message, nil if there are none.
func (r *reader) acks() []Ack {
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

// unknown skips the body of a kind of a later version.
func (r *reader) unknown() (Body, error) {
	if major, _, length := readHead(r.b); length == 0 || major != majorArray {
		return nil, errMalformed
	}
	if r.skip(maxBodyNesting); r.bad {
		return nil, errMalformed
	}
	return Acknowledgement{}, nil
}

// check checks the bounds of a message that has a body.
func (m *Message) check() error { return m.Body.check(m.ID) }

// size returns the encoded length of m with its acks.
func (m *Message) size() int {
	n := headSize(frameItems) + headSize(uint64(m.Kind())) + headSize(m.ID) + headSize(m.Attempt) +
		headSize(uint64(len(m.Acks))) + m.Body.size()
	for _, a := range m.Acks {
		n += a.size()
	}
	return n
}

func (a Ack) size() int {
	return 1 + headSize(uint64(a.Kind)) + headSize(a.ID) + headSize(a.Attempt) +
		headSize(uint64(a.Result)) + headSize(a.Have)
}
