package wire

import "slices"

// frameItems and ackItems are the elements of a message and of an ack
// (spec/wire.md 5.1).
const (
	frameItems = 5
	ackItems   = 5
)

// MaxBodyNesting is how deeply arrays may nest in the body of an unknown kind, itself
// included: what deliverKnownList needs.
const MaxBodyNesting = 3

// AppendMessages appends the array of messages that is the plaintext of DATA
// (spec/wire.md 2.6). It refuses what ParseMessages would refuse.
func AppendMessages(dst []byte, ms []Message) ([]byte, error) {
	if len(ms) > MaxMessages {
		return dst, errBounds
	}
	b := AppendHead(dst, MajorArray, uint64(len(ms)))
	for i := range ms {
		var err error
		if b, err = appendMessage(b, &ms[i]); err != nil {
			return dst, err
		}
	}
	return b, nil
}

func appendMessage(b []byte, m *Message) ([]byte, error) {
	if m.Body == nil || len(m.Acks) > MaxAcks || slices.ContainsFunc(m.Acks, func(a Ack) bool { return a.Have > MaxTextID }) {
		return b, errBounds
	}
	if err := m.Check(); err != nil {
		return b, err
	}
	b = AppendHead(b, MajorArray, frameItems)
	b = AppendHead(b, MajorUint, uint64(m.Kind()))
	b = AppendHead(b, MajorUint, m.ID)
	b = AppendHead(b, MajorUint, m.Attempt)
	b = AppendHead(b, MajorArray, uint64(len(m.Acks)))
	for _, a := range m.Acks {
		b = AppendHead(b, MajorArray, ackItems)
		for _, n := range [ackItems]uint64{uint64(a.Kind), a.ID, a.Attempt, uint64(a.Result), a.Have} {
			b = AppendHead(b, MajorUint, n)
		}
	}
	return m.Body.appendTo(b)
}

// ParseMessages reads such an array, all of b. It copies what it keeps. Messages
// of unknown kinds are skipped and counted; the acks that ride on them are
// returned under an Acknowledgement. Any other fault refuses the whole array.
func ParseMessages(b []byte) (ms []Message, skipped int, err error) {
	r := reader{b: b}
	n := r.head(MajorArray)
	if r.bad || n > MaxMessages {
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
	if r.head(MajorArray) != frameItems {
		return m, false, errMalformed
	}
	kind := Kind(r.head(MajorUint))
	m.ID, m.Attempt, m.Acks = r.head(MajorUint), r.head(MajorUint), r.acks()
	if r.bad {
		return m, false, errMalformed
	}
	if !kind.known() {
		m.Body, err = r.unknown()
		return m, false, err
	}
	if m.Body, r.b, err = kinds[kind].read(r.b); err == nil {
		err = m.Check()
	}
	return m, true, err
}

// acks reads the acks of a message, nil if there are none.
func (r *reader) acks() []Ack {
	n := r.head(MajorArray)
	if r.bad || n == 0 {
		return nil
	}
	if n > MaxAcks {
		r.bad = true
		return nil
	}
	list := make([]Ack, 0, min(int(n), len(r.b)/(1+ackItems)))
	for range n {
		if r.head(MajorArray) != ackItems {
			r.bad = true
			return nil
		}
		list = append(list, Ack{
			Kind: Kind(r.head(MajorUint)), ID: r.head(MajorUint), Attempt: r.head(MajorUint),
			Result: Result(r.head(MajorUint)), Have: r.head(MajorUint),
		})
		if r.bad = r.bad || list[len(list)-1].Have > MaxTextID; r.bad {
			return nil
		}
	}
	return list
}

// unknown skips the body of a kind of a later version.
func (r *reader) unknown() (Body, error) {
	if major, _, length := readHead(r.b); length == 0 || major != MajorArray {
		return nil, errMalformed
	}
	if r.skip(MaxBodyNesting); r.bad {
		return nil, errMalformed
	}
	return Acknowledgement{}, nil
}

// Check checks the bounds of a message that has a body.
func (m *Message) Check() error { return m.Body.check(m.ID) }

// Size returns the encoded length of m with its acks.
func (m *Message) Size() int {
	n := HeadSize(frameItems) + HeadSize(uint64(m.Kind())) + HeadSize(m.ID) + HeadSize(m.Attempt) +
		HeadSize(uint64(len(m.Acks))) + m.Body.size()
	for _, a := range m.Acks {
		n += a.Size()
	}
	return n
}

func (a Ack) Size() int {
	return 1 + HeadSize(uint64(a.Kind)) + HeadSize(a.ID) + HeadSize(a.Attempt) +
		HeadSize(uint64(a.Result)) + HeadSize(a.Have)
}
