package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// annsRecord is signed by the first user.
func annsRecord(t *testing.T) []byte {
	t.Helper()
	b, err := Sign(sessiontest.Key(1), Record{Name: "ann", Static: sessiontest.Static(1), Seq: 5, State: StateOnline, Lifetime: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fullRecord() Record {
	return Record{
		Name: "zoë", Static: sessiontest.Static(1), Seq: 1764000000000, State: StateAway, Lifetime: 10 * time.Minute, Flags: FlagSeed | 1<<40,
		Addrs: []Address{
			{ScopeHost, netip.MustParseAddrPort("192.0.2.7:6789")},
			{ScopeObserved, netip.MustParseAddrPort("[2001:db8::1]:8888")},
		},
	}
}

func TestRecordRoundTrip(t *testing.T) {
	want := fullRecord()
	b, err := Sign(sessiontest.Key(1), want)
	if err != nil {
		t.Fatal(err)
	}
	want.User = sessiontest.User(1)
	want.Session = MakeSessionID(want.User, want.Static)
	got, err := Verify(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestLargestRecordFits(t *testing.T) {
	r := fullRecord()
	r.Name = strings.Repeat("x", MaxName)
	r.Addrs = nil
	r.Seq, r.Flags = MaxSeq-1, ^uint64(0)
	for range MaxAddrs {
		r.Addrs = append(r.Addrs, Address{ScopeLAN, netip.MustParseAddrPort("[2001:db8::1]:65535")})
	}
	b, err := Sign(sessiontest.Key(1), r)
	if !errors.Is(err, ErrRecordSize) && err != nil {
		t.Fatal(err)
	}
	if err == nil && len(b) > MaxRecord {
		t.Fatalf("%d bytes", len(b))
	}
}

// No truncation, no changed bit and no appended byte gets through.
func TestVerifyRefusesEveryChange(t *testing.T) {
	b, err := Sign(sessiontest.Key(1), fullRecord())
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if _, err := Verify(b[:i]); err == nil {
			t.Errorf("cut to %d bytes: accepted", i)
		}
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			if _, err := Verify(c); err == nil {
				t.Errorf("byte %d bit %d changed: accepted", i, bit)
			}
		}
	}
	if _, err := Verify(append(bytes.Clone(b), 0)); err == nil {
		t.Error("a byte more: accepted")
	}
}

// Whoever signs badly is refused although the signature holds.
func TestVerifyRefusesWhatIsSignedBadly(t *testing.T) {
	base := func() recordWire {
		user, static := sessiontest.User(1), sessiontest.Static(1)
		id := MakeSessionID(user, static)
		return recordWire{Version: 1, Name: "ann", User: user[:], Static: static[:], Session: id[:], Seq: 5, Lifetime: 600}
	}
	for _, c := range []struct {
		name   string
		change func(w *recordWire)
		want   error
	}{
		{"nothing", func(w *recordWire) {}, nil},
		{"unknown flag and filled ext", func(w *recordWire) { w.Flags, w.Ext = 1<<60, []byte("later") }, nil},
		{"version 2", func(w *recordWire) { w.Version = 2 }, ErrRecordVersion},
		{"empty name", func(w *recordWire) { w.Name = "" }, ErrName},
		{"name with a slash", func(w *recordWire) { w.Name = "a/b" }, ErrName},
		{"escape in the name", func(w *recordWire) { w.Name = "a\x1b[2J" }, ErrName},
		{"another session id", func(w *recordWire) { w.Session = make([]byte, 8) }, ErrRecordSession},
		{"long session id", func(w *recordWire) { w.Session = append(w.Session, 0) }, ErrRecordForm},
		{"short static", func(w *recordWire) { w.Static = w.Static[:31] }, ErrRecordForm},
		{"seq 2^53", func(w *recordWire) { w.Seq = MaxSeq }, ErrRecordForm},
		{"state 3", func(w *recordWire) { w.State = 3 }, ErrRecordForm},
		{"endless lifetime", func(w *recordWire) { w.Lifetime = 1 << 40 }, ErrRecordForm},
		{"7 addresses", func(w *recordWire) {
			for range 7 {
				w.Addrs = append(w.Addrs, addressWire{Addr: []byte{192, 0, 2, 1, 0, 1}})
			}
		}, ErrRecordForm},
		{"port 0", func(w *recordWire) { w.Addrs = []addressWire{{Addr: []byte{192, 0, 2, 1, 0, 0}}} }, ErrRecordForm},
		{"IPv4 as IPv6", func(w *recordWire) {
			w.Addrs = []addressWire{{Addr: append(netip.MustParseAddr("::ffff:192.0.2.1").AsSlice(), 0, 1)}}
		}, ErrRecordForm},
		{"address of 5 bytes", func(w *recordWire) { w.Addrs = []addressWire{{Addr: make([]byte, 5)}} }, ErrRecordForm},
		{"too long", func(w *recordWire) { w.Ext = make([]byte, 300) }, ErrRecordSize},
	} {
		w := base()
		c.change(&w)
		raw := kv.Marshal(&w)
		b := kv.Marshal(&signedWire{Raw: raw, Sig: ed25519.Sign(sessiontest.Key(1), domain(raw))})
		if _, err := Verify(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// The encoding is the only one: what decodes to the same values is refused.
func TestVerifyRefusesOtherEncodings(t *testing.T) {
	b := annsRecord(t)
	w, err := splitRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	resign := func(raw []byte) []byte {
		return kv.Marshal(&signedWire{Raw: raw, Sig: ed25519.Sign(sessiontest.Key(1), domain(raw))})
	}
	if _, err := Verify(resign(w.Raw)); err != nil {
		t.Fatal(err)
	}
	last := len(w.Raw) - 1 // ext, an empty byte string
	null := append(bytes.Clone(w.Raw[:last]), 0xf6)
	longFlags := append(bytes.Clone(w.Raw[:last-1]), 0x18, 0x00, 0x40)
	for name, raw := range map[string][]byte{"null": null, "long integer": longFlags} {
		if _, err := Verify(resign(raw)); !errors.Is(err, ErrRecordForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecordOfAnotherDomainIsRefused(t *testing.T) {
	b := annsRecord(t)
	w, _ := splitRecord(b)
	w.Sig = ed25519.Sign(sessiontest.Key(1), w.Raw)
	if _, err := Verify(kv.Marshal(&w)); !errors.Is(err, ErrRecordSignature) {
		t.Error(err)
	}
}

func TestTicket(t *testing.T) {
	a, b := MakeSessionID(sessiontest.User(1), sessiontest.Static(1)), MakeSessionID(sessiontest.User(2), sessiontest.Static(2))
	ticket := Ticket{Asker: a, Introducer: b, Name: "cleo", Number: 7}
	sig := ticket.Sign(sessiontest.Key(1))
	user := ed25519.PublicKey(sessiontest.Key(1).Public().(ed25519.PublicKey))
	if !ticket.Verify(user, sig) {
		t.Error("own signature refused")
	}
	for _, other := range []Ticket{
		{Asker: b, Introducer: b, Name: "cleo", Number: 7}, {Asker: a, Introducer: a, Name: "cleo", Number: 7},
		{Asker: a, Introducer: b, Name: "dan", Number: 7}, {Asker: a, Introducer: b, Name: "cleo", Number: 8},
	} {
		if other.Verify(user, sig) {
			t.Errorf("%+v accepted", other)
		}
	}
	if ticket.Verify(nil, sig) || ticket.Verify(user, nil) {
		t.Error("empty key or signature accepted")
	}
}

func FuzzVerify(f *testing.F) {
	b, err := Sign(sessiontest.Key(1), fullRecord())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0x82, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Verify(b)
		if err == nil && (r.Session != MakeSessionID(r.User, r.Static) || CheckName(r.Name) != nil || len(b) > MaxRecord) {
			t.Errorf("accepted %+v", r)
		}
		if w, err := splitRecord(b); err == nil { // as if the signature held
			if r, err := decodeRecord(w.Raw); err == nil {
				u, err := peekUser(w.Raw)
				if err != nil || u != r.User {
					t.Errorf("the key that is checked is not the one in the record: %x %x %v", u, r.User, err)
				}
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s, err := Sign(sessiontest.Key(1), fullRecord())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(s); err != nil {
			b.Fatal(err)
		}
	}
}
