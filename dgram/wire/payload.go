package wire

// HandshakePayload is what a HANDSHAKE carries inside Noise (spec/wire.md 2.4).
type HandshakePayload struct {
	Record   []byte
	Have     uint64 // seq of the receiver's record that the sender holds
	Messages []byte // encoded array of messages
}

// AcceptPayload is what an ACCEPT seals (spec/wire.md 2.5).
type AcceptPayload struct {
	Record   []byte // empty: the receiver has it
	Messages []byte
}

// Append appends the encoding of the payload, with an empty ext.
func (p HandshakePayload) Append(dst []byte) []byte {
	dst = AppendBytes(AppendHead(dst, MajorArray, 4), p.Record)
	dst = AppendHead(dst, MajorUint, p.Have)
	dst = append(dst, p.Messages...)
	return AppendBytes(dst, nil)
}

// Append appends the encoding of the payload, with an empty ext.
func (p AcceptPayload) Append(dst []byte) []byte {
	dst = AppendBytes(AppendHead(dst, MajorArray, 3), p.Record)
	dst = append(dst, p.Messages...)
	return AppendBytes(dst, nil)
}

// ParseHandshakePayload splits a payload. The messages are not yet checked; all
// byte strings are parts of b.
func ParseHandshakePayload(b []byte) (p HandshakePayload, err error) {
	r := reader{b: b}
	if r.head(MajorArray) != 4 {
		return p, errShape
	}
	p.Record = r.bytes(1, MaxRecord)
	p.Have = r.head(MajorUint)
	r.bad = r.bad || p.Have > MaxSeq
	if p.Messages, err = r.messages(); err != nil {
		return p, err
	}
	return p, r.end()
}

// ParseAcceptPayload splits a payload like ParseHandshakePayload.
func ParseAcceptPayload(b []byte) (p AcceptPayload, err error) {
	r := reader{b: b}
	if r.head(MajorArray) != 3 {
		return p, errShape
	}
	p.Record = r.bytes(0, MaxRecord)
	if p.Messages, err = r.messages(); err != nil {
		return p, err
	}
	return p, r.end()
}

// messages cuts out the array of messages without checking its content.
func (r *reader) messages() ([]byte, error) {
	const nesting = maxNesting - 1 // the payload's own array counts as the first
	all := r.b
	if r.skip(nesting); r.bad {
		return nil, errShape
	}
	return all[:len(all)-len(r.b)], nil
}

// end reads the last element, ext, whose content is for later versions.
func (r *reader) end() error {
	r.bytes(0, MaxDatagram)
	if r.bad || len(r.b) > 0 {
		return errShape
	}
	return nil
}
