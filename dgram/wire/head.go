package wire

// Major types of CBOR items that are used (RFC 8949 3.1).
const (
	MajorUint  = 0
	MajorBytes = 2
	MajorText  = 3
	MajorArray = 4
)

// readHead reads one head in its shortest form: the major type, the argument and
// the number of bytes. length is 0 when b has none.
func readHead(b []byte) (major byte, n uint64, length int) {
	if len(b) == 0 {
		return 0, 0, 0
	}
	major, low := b[0]>>5, b[0]&31
	if low < 24 {
		return major, uint64(low), 1
	}
	if low > 27 {
		return 0, 0, 0 // reserved, or indefinite
	}
	length = 1 + 1<<(low-24)
	if len(b) < length {
		return 0, 0, 0
	}
	for _, c := range b[1:length] {
		n = n<<8 | uint64(c)
	}
	if HeadSize(n) != length {
		return 0, 0, 0 // not the shortest
	}
	return major, n, length
}

// HeadSize returns the bytes of the shortest head with the argument n.
func HeadSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

// AppendHead appends the shortest head.
func AppendHead(dst []byte, major byte, n uint64) []byte {
	m := major << 5
	switch HeadSize(n) {
	case 1:
		return append(dst, m|byte(n))
	case 2:
		return append(dst, m|24, byte(n))
	case 3:
		return append(dst, m|25, byte(n>>8), byte(n))
	case 5:
		return append(dst, m|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, m|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// AppendBytes appends a byte string.
func AppendBytes(dst, v []byte) []byte {
	return append(AppendHead(dst, MajorBytes, uint64(len(v))), v...)
}

// bytesSize returns the encoded length of a byte or text string of n bytes.
func bytesSize(n int) int { return HeadSize(uint64(n)) + n }
