package kv

// A Reader reads items of deterministic CBOR (RFC 8949 4.2.1) one by one, where the library would be
// too slow. One value has one encoding: a head that is not in its shortest form is refused. After the
// first item that is not what was asked for it is bad, and returns zeros.
type Reader struct {
	b   []byte
	bad bool
}

// NewReader reads b, and returns slices of it.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Head reads a head of the given major type.
func (r *Reader) Head(major byte) (n uint64) {
	if len(r.b) == 0 || r.b[0]>>5 != major {
		return r.fail()
	}
	low := r.b[0] & 31
	if low < 24 {
		r.b = r.b[1:]
		return uint64(low)
	}
	if low > 27 {
		return r.fail() // reserved, or indefinite
	}
	size := 1 << (low - 24)
	if len(r.b) <= size {
		return r.fail()
	}
	for _, c := range r.b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	if size == 1 && n < 24 || size > 1 && n>>(4*size) == 0 {
		return r.fail() // not the shortest
	}
	r.b = r.b[1+size:]
	return n
}

func (r *Reader) fail() uint64 {
	r.bad, r.b = true, nil
	return 0
}

// Array reads the head of an array of n items.
func (r *Reader) Array(n uint64) {
	if r.Head(MajorArray) != n {
		r.fail()
	}
}

// Bytes reads a string of the given major type, of bytes or text, as a slice of the input. Whether
// text is UTF-8 is the caller's to check.
func (r *Reader) Bytes(major byte) []byte {
	n := r.Head(major)
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// null reads a null if that is what comes next, and reports whether it was.
func (r *Reader) null() bool {
	if len(r.b) == 0 || r.b[0] != simpleNull {
		return false
	}
	r.b = r.b[1:]
	return true
}

// Done reports whether all went well and nothing is left.
func (r *Reader) Done() bool { return !r.bad && len(r.b) == 0 }
