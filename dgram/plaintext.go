package dgram

// ParseMessages reads the plaintext of a DATA, an array of messages (spec/wire.md
// 5.1), as an Endpoint reads it after the AEAD has opened: deterministic encoding
// and every bound, or an error for the whole. skipped counts messages of unknown
// kinds. It needs no key and keeps no state. It is for programs that test or show the
// protocol; a node never sees a plaintext outside its Endpoint.
func ParseMessages(plaintext []byte) (ms []Message, skipped int, err error) {
	return parseMessages(plaintext)
}

// AppendMessages appends the array that ParseMessages reads. It refuses what
// ParseMessages would refuse, and is for the same programs.
func AppendMessages(dst []byte, ms []Message) ([]byte, error) { return appendMessages(dst, ms) }
