package identity

import (
	"unicode/utf8"

	"darkchat/sessions/kv"
)

// recordItems are the elements of a record, of a signed one, and of an address (spec/wire.md 4.1,
// 4.2). They are decoded by hand, since every handshake and every list brings records. As
// everywhere, one value has one encoding: heads are in their shortest form, and nothing follows.
const (
	recordItems  = 12
	signedItems  = 2
	addressItems = 2
)

// form reads items one by one. After the first that is not what was asked for it is bad, and
// returns zeros.
type form struct {
	b   []byte
	bad bool
}

// head reads a head of the given major type in its shortest form.
func (f *form) head(major byte) (n uint64) {
	if len(f.b) == 0 || f.b[0]>>5 != major {
		return f.fail()
	}
	low, size := f.b[0]&31, 0
	switch {
	case low < 24:
		n = uint64(low)
	case low > 27:
		return f.fail() // reserved, or indefinite
	default:
		size = 1 << (low - 24)
		if len(f.b) <= size {
			return f.fail()
		}
		for _, c := range f.b[1 : 1+size] {
			n = n<<8 | uint64(c)
		}
		if size == 1 && n < 24 || size > 1 && n>>(4*size) == 0 {
			return f.fail() // not the shortest
		}
	}
	f.b = f.b[1+size:]
	return n
}

func (f *form) fail() uint64 {
	f.bad, f.b = true, nil
	return 0
}

// array reads the head of an array of n items.
func (f *form) array(n uint64) {
	if f.head(kv.MajorArray) != n {
		f.fail()
	}
}

// bytes reads a byte string, as a slice of the input.
func (f *form) bytes(major byte) []byte {
	n := f.head(major)
	if n > uint64(len(f.b)) {
		f.fail()
		return nil
	}
	v := f.b[:n:n]
	f.b = f.b[n:]
	return v
}

// done says whether all went well and nothing is left.
func (f *form) done() bool { return !f.bad && len(f.b) == 0 }

// readSigned reads a signed record; raw and sig are slices of it.
func readSigned(b []byte) (w signedWire, ok bool) {
	f := form{b: b}
	f.array(signedItems)
	w.Raw, w.Sig = f.bytes(kv.MajorBytes), f.bytes(kv.MajorBytes)
	return w, f.done()
}

// readRecord reads the signed part; its byte strings are slices of it.
func readRecord(b []byte) (w recordWire, ok bool) {
	f := form{b: b}
	f.array(recordItems)
	w.Version = f.head(kv.MajorUint)
	name := f.bytes(kv.MajorText)
	w.User, w.Static, w.Session = f.bytes(kv.MajorBytes), f.bytes(kv.MajorBytes), f.bytes(kv.MajorBytes)
	w.Seq, w.State = f.head(kv.MajorUint), f.head(kv.MajorUint)
	n := f.head(kv.MajorArray)
	if n > MaxAddrs {
		return w, false
	}
	for range n {
		f.array(addressItems)
		w.Addrs = append(w.Addrs, addressWire{Scope: f.head(kv.MajorUint), Addr: f.bytes(kv.MajorBytes)})
	}
	w.Lifetime, w.Flags = f.head(kv.MajorUint), f.head(kv.MajorUint)
	w.Hold, w.Ext = f.bytes(kv.MajorBytes), f.bytes(kv.MajorBytes)
	w.Name = string(name)
	return w, f.done() && utf8.Valid(name)
}
