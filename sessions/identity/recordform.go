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

// readSigned reads a signed record; raw and sig are slices of it.
func readSigned(b []byte) (w signedWire, ok bool) {
	r := kv.NewReader(b)
	r.Array(signedItems)
	w.Raw, w.Sig = r.Bytes(kv.MajorBytes), r.Bytes(kv.MajorBytes)
	return w, r.Done()
}

// readRecord reads the signed part; its byte strings are slices of it.
func readRecord(b []byte) (w recordWire, ok bool) {
	r := kv.NewReader(b)
	r.Array(recordItems)
	w.Version = r.Head(kv.MajorUint)
	name := r.Bytes(kv.MajorText)
	w.User, w.Static, w.Session = r.Bytes(kv.MajorBytes), r.Bytes(kv.MajorBytes), r.Bytes(kv.MajorBytes)
	w.Seq, w.State = r.Head(kv.MajorUint), r.Head(kv.MajorUint)
	n := r.Head(kv.MajorArray)
	if n > MaxAddrs {
		return w, false
	}
	for range n {
		r.Array(addressItems)
		w.Addrs = append(w.Addrs, addressWire{Scope: r.Head(kv.MajorUint), Addr: r.Bytes(kv.MajorBytes)})
	}
	w.Lifetime, w.Flags = r.Head(kv.MajorUint), r.Head(kv.MajorUint)
	w.Hold, w.Ext = r.Bytes(kv.MajorBytes), r.Bytes(kv.MajorBytes)
	w.Name = string(name)
	return w, r.Done() && utf8.Valid(name)
}
