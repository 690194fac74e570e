package wire

import "unicode/utf8"

// reader reads CBOR items one after another; bad stays set after the first fault.
type reader struct {
	b   []byte
	bad bool
}

// head reads one head of the given major type.
func (r *reader) head(major byte) uint64 {
	m, n, length := readHead(r.b)
	if length == 0 || m != major {
		r.fail()
		return 0
	}
	r.b = r.b[length:]
	return n
}

// index reads an association index.
func (r *reader) index() uint32 {
	n := r.head(MajorUint)
	if n == 0 || n > 1<<32-1 {
		r.bad = true
		return 0
	}
	return uint32(n)
}

// bytes reads a byte string of least to most bytes. It is part of the datagram.
func (r *reader) bytes(least, most int) []byte { return r.string(MajorBytes, least, most) }

// string reads a byte or text string of least to most bytes.
func (r *reader) string(major byte, least, most int) []byte {
	n := r.head(major)
	if r.bad || n < uint64(least) || n > uint64(most) || n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// copied reads a byte string into one of its own, nil if it is empty.
func (r *reader) copied(most int) []byte { return append([]byte(nil), r.bytes(0, most)...) }

// skip passes over one item of the four kinds that the protocol uses, in which arrays may nest so
// deep, itself included.
func (r *reader) skip(nesting int) {
	major, n, length := readHead(r.b)
	if length == 0 {
		r.fail()
		return
	}
	r.b = r.b[length:]
	switch major {
	case MajorUint:
	case MajorBytes, MajorText:
		if n > uint64(len(r.b)) || major == MajorText && !utf8.Valid(r.b[:n]) {
			r.fail()
			return
		}
		r.b = r.b[n:]
	case MajorArray:
		if n > MaxElements || nesting == 0 {
			r.fail()
			return
		}
		for range n {
			if r.skip(nesting - 1); r.bad {
				return
			}
		}
	default:
		r.fail()
	}
}

func (r *reader) fail() { r.bad, r.b = true, nil }
