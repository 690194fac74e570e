package fuzz_test

import (
	"bytes"
	"crypto/ed25519"
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"darkchat/sessions/identity"
)

// FuzzRecord reads signed records: b as it stands, and b as the signed part of a
// record that ann has signed, so that what lies behind the signature is reached.
func FuzzRecord(f *testing.F) {
	ann := newPrincipal(f, "ann", 101)
	for _, v := range vectors(f, "record") {
		f.Add(v.Bytes, uint16(0))
		if raw, _ := splitRecord(v.Bytes); raw != nil {
			f.Add(owned(raw, ann), uint16(len(raw)))
		}
	}
	own, _ := splitRecord(ann.record(f, 7, identity.StateAway))
	f.Add(own, uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		checkRecord(t, ann, b, int(at))
		signed, err := cbor.Marshal([]any{b, ed25519.Sign(ann.key, append([]byte("darkchat session record v1\x00"), b...))})
		if err != nil {
			t.Fatal(err)
		}
		checkRecord(t, ann, signed, int(at))
	})
}

// checkRecord holds a record that verifies to every rule of spec/wire.md 4.
func checkRecord(t *testing.T, ann principal, signed []byte, at int) {
	t.Helper()
	given := bytes.Clone(signed)
	r, err := identity.Verify(signed)
	if !bytes.Equal(signed, given) {
		t.Fatal("the record was written to")
	}
	if err != nil {
		return
	}
	switch {
	case len(signed) > identity.MaxRecord:
		t.Fatalf("%d bytes", len(signed))
	case identity.CheckName(r.Name) != nil:
		t.Fatalf("the name %q", r.Name)
	case r.Session != identity.MakeSessionID(r.User, r.Static):
		t.Fatal("the session id does not fit the keys")
	case r.Seq >= identity.MaxSeq, r.State > identity.StateGone, len(r.Addrs) > identity.MaxAddrs, r.Lifetime < 0, r.Lifetime%time.Second != 0:
		t.Fatalf("out of bounds: %+v", r)
	}
	for _, a := range r.Addrs {
		if !a.Addr.IsValid() || a.Addr.Port() == 0 || a.Addr.Addr().Is4In6() {
			t.Fatalf("the address %v", a.Addr)
		}
	}
	changed := bytes.Clone(signed)
	changed[at/8%len(changed)] ^= 1 << (at % 8)
	if got, err := identity.Verify(changed); err == nil {
		t.Fatalf("bit %d changed, and it verifies: %+v", at, got)
	}
	if r.User != ann.user() {
		return
	}
	again, err := identity.Sign(ann.key, r)
	if err != nil {
		t.Fatalf("cannot be signed again: %v", err)
	}
	same, err := identity.Verify(again)
	if err != nil || !reflect.DeepEqual(same, r) {
		t.Fatalf("signed again it is %+v (%v), was %+v", same, err, r)
	}
	if len(again) == len(signed) && !bytes.Equal(again, signed) {
		t.Fatalf("one record has two encodings:\n%x\n%x", signed, again)
	}
}

// splitRecord returns the signed part of a record and its signature.
func splitRecord(signed []byte) (raw, sig []byte) {
	var parts [][]byte
	if cbor.Unmarshal(signed, &parts) != nil || len(parts) != 2 {
		return nil, nil
	}
	return parts[0], parts[1]
}

// owned puts ann's user key and session id into the signed part of somebody else's
// record, so that ann can sign it.
func owned(raw []byte, ann principal) []byte {
	var fields []any
	if cbor.Unmarshal(raw, &fields) != nil || len(fields) != 11 {
		return raw
	}
	user := ann.user()
	fields[2] = user[:]
	if static, ok := fields[3].([]byte); ok && len(static) == 32 {
		if id, ok := fields[4].([]byte); ok && len(id) == 8 {
			session := identity.MakeSessionID(user, [32]byte(static))
			fields[4] = session[:]
		}
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return raw
	}
	b, err := mode.Marshal(fields)
	if err != nil {
		return raw
	}
	return b
}
