package identity

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// What is read by hand is what the library reads, and refused as the library refuses it,
// for records and for what is nearly one.
func TestRecordFormAgreesWithLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	accepted, refused := 0, 0
	for i := range 200 {
		r := Record{Name: "ann", Seq: rng.Uint64N(MaxSeq), State: State(i % 3), Lifetime: time.Duration(i) * time.Minute, Flags: rng.Uint64() >> (i % 64)}
		for k := range i % (MaxAddrs + 1) {
			addr := netip.MustParseAddrPort("192.0.2.1:6789")
			if k%2 == 1 {
				addr = netip.MustParseAddrPort("[2001:db8::1]:6789")
			}
			r.Addrs = append(r.Addrs, Address{Scope: uint8(k), Addr: addr})
		}
		signed, err := Sign(sessiontest.Key(i%100), r)
		if err != nil {
			t.Fatal(err)
		}
		raw := signed
		if w, ok := readSigned(signed); !ok {
			t.Fatalf("%x is not read", signed)
		} else if i%2 == 0 {
			raw = w.Raw
		}
		for range 500 {
			b := bytes.Clone(raw)
			for range rng.IntN(3) {
				switch at := rng.IntN(len(b)); rng.IntN(6) {
				case 0:
					b = append(b[:at:at], append([]byte{byte(rng.Uint32())}, b[at:]...)...)
				case 1:
					b = append(b[:at:at], b[at+1:]...)
				case 2:
					b[at] += 32 // another major type
				default:
					b[at] = byte(rng.Uint32())
				}
				if len(b) == 0 {
					break
				}
			}
			var record recordWire
			var envelope signedWire
			ok := kv.Unmarshal(b, &record) == nil && len(record.Addrs) <= MaxAddrs
			if got, read := readRecord(b); read != ok || ok && !same(got, record) {
				t.Fatalf("%x: read %v %+v; the library %v %+v", b, read, got, ok, record)
			}
			okSigned := kv.Unmarshal(b, &envelope) == nil
			if got, read := readSigned(b); read != okSigned || okSigned && !reflect.DeepEqual(got, envelope) {
				t.Fatalf("%x: read %v %+v; the library %v %+v", b, read, got, okSigned, envelope)
			}
			if ok || okSigned {
				accepted++
			} else {
				refused++
			}
		}
	}
	if accepted < 1000 || refused < 1000 {
		t.Fatalf("%d accepted, %d refused", accepted, refused)
	}
}

// same compares but for nil and empty.
func same(a, b recordWire) bool {
	if len(a.Addrs)+len(b.Addrs) == 0 {
		a.Addrs, b.Addrs = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
