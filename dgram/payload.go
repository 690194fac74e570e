package dgram

// handshakePayload is what a HANDSHAKE carries inside Noise (spec/wire.md 2.4).
type handshakePayload struct {
	record   []byte
	have     uint64 // seq of the receiver's record that the sender holds
	messages []byte // encoded array of messages
}

// acceptPayload is what an ACCEPT seals (spec/wire.md 2.5).
type acceptPayload struct {
	record   []byte // empty: the receiver has it
	messages []byte
}

// appendTo appends the encoding of the payload, with an empty ext.
func (p handshakePayload) appendTo(dst []byte) []byte {
	dst = appendBytes(appendHead(dst, majorArray, 4), p.record)
	dst = appendHead(dst, majorUint, p.have)
	dst = append(dst, p.messages...)
	return appendBytes(dst, nil)
}

// appendTo appends the encoding of the payload, with an empty ext.
func (p acceptPayload) appendTo(dst []byte) []byte {
	dst = appendBytes(appendHead(dst, majorArray, 3), p.record)
	dst = append(dst, p.messages...)
	return appendBytes(dst, nil)
}

// parseHandshakePayload splits a payload. The messages are not yet checked; all
// byte strings are parts of b.
func parseHandshakePayload(b []byte) (p handshakePayload, err error) {
	r := reader{b: b}
	if r.head(majorArray) != 4 {
		return p, errShape
	}
	p.record = r.bytes(1, maxRecord)
	p.have = r.head(majorUint)
	r.bad = r.bad || p.have > maxSeq
	if p.messages, err = r.messages(); err != nil {
		return p, err
	}
	return p, r.end()
}

// parseAcceptPayload splits a payload like parseHandshakePayload.
func parseAcceptPayload(b []byte) (p acceptPayload, err error) {
	r := reader{b: b}
	if r.head(majorArray) != 3 {
		return p, errShape
	}
	p.record = r.bytes(0, maxRecord)
	if p.messages, err = r.messages(); err != nil {
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
