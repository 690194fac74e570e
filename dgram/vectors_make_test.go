package dgram

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// vector is one file of spec/vectors in the making (spec/wire.md 9).
type vector struct {
	name  string
	lines [][2]string // the keys, in the order in which they are written
	bytes []byte
}

// with adds a key whose value is a byte string.
func (v vector) with(key string, value []byte) vector { return v.note(key, toHex(value)) }

func (v vector) note(key, value string) vector {
	v.lines = append(slices.Clip(v.lines), [2]string{key, value})
	return v
}

func (v vector) bad(err string) vector { return v.note("error", err) }

func datagramVector(name, rule string, b []byte) vector {
	return vector{name: name, bytes: b}.note("layer", "datagram").note("rule", rule)
}

func plaintextVector(name, rule string, b []byte) vector {
	return vector{name: name, bytes: b}.note("layer", "plaintext").note("rule", rule)
}

func recordVector(name string, b []byte) vector {
	return vector{name: name, bytes: b}.note("layer", "record").note("rule", "record")
}

// person is a user with one session, all keys out of one number.
type person struct {
	seed    []byte
	key     ed25519.PrivateKey
	static  *ecdh.PrivateKey
	record  []byte
	session identity.SessionID
}

func newPerson(t *testing.T, name string, number byte, change func(*identity.Record)) person {
	p := person{seed: bytes.Repeat([]byte{number}, 32), static: fixedKey(t, number+1)}
	p.key = ed25519.NewKeyFromSeed(p.seed)
	r := identity.Record{
		Name: name, Static: [32]byte(p.static.PublicKey().Bytes()), Seq: 1_700_000_000_000 + uint64(number), Lifetime: 10 * time.Minute,
		Addrs: []identity.Address{{Scope: identity.ScopeLAN, Addr: netip.MustParseAddrPort("192.168.1.7:6789")}},
	}
	if change != nil {
		change(&r)
	}
	var err error
	if p.record, err = identity.Sign(p.key, r); err != nil {
		t.Fatal(err)
	}
	p.session = identity.MakeSessionID(identity.UserKey(p.key.Public().(ed25519.PublicKey)), r.Static)
	return p
}

func fixedKey(t *testing.T, number byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{number}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// story is one exchange: the keys of both sides, and what it left.
type story struct {
	t                *testing.T
	name             string
	caller, answerer person
	ephemeral        *ecdh.PrivateKey // the caller's
	epoch            *epoch
	origin           origin
	index            uint32 // the caller's; the answerer's is index + 1
	secrets          Secrets
	keys             []byte
}

func newStory(t *testing.T, name string, caller, answerer person, number byte, from string) *story {
	random := bytes.NewReader(append(bytes.Repeat([]byte{number}, 32), bytes.Repeat([]byte{number + 1}, 32)...))
	return &story{
		t: t, name: name, caller: caller, answerer: answerer,
		ephemeral: fixedKey(t, number+2), epoch: newEpoch(time.Unix(0, 0), random),
		origin: addressOrigin(netip.MustParseAddrPort(from)), index: uint32(number) << 20,
	}
}

func (s *story) vector(name, rule string, b []byte) vector {
	return datagramVector(name, rule, b).note("exchange", s.name)
}

func (s *story) hello(name string, nonce []byte) vector {
	return s.vector(name, "hello", wire.AppendHello(nil, nonce))
}

func (s *story) challenge(name string, echo []byte) vector {
	cookie := s.epoch.cookie(s.origin, echo)
	b := wire.AppendChallenge(nil, echo, cookie[:], s.epoch.public, s.answerer.static.PublicKey().Bytes())
	return s.vector(name, "challenge", b).with("cookie_secret", s.epoch.secret[:]).with("origin", s.origin[:]).
		with("answerer_ephemeral", s.epoch.prekey.Bytes()).with("answerer_static", s.answerer.static.Bytes())
}

func (s *story) handshake(name string, echo []byte, p wire.HandshakePayload) vector {
	cookie := s.epoch.cookie(s.origin, echo)
	plain := p.Append(nil)
	noise, secrets, err := noiseSuite{}.Answer(s.caller.static, bytes.NewReader(s.ephemeral.Bytes()), prologue(s.index, echo, cookie[:]),
		s.epoch.public, s.answerer.static.PublicKey().Bytes(), plain)
	if err != nil {
		s.t.Fatal(err)
	}
	s.secrets = secrets
	return s.vector(name, "handshake", wire.AppendHandshake(nil, s.index, echo, cookie[:], noise)).
		with("caller_ephemeral", s.ephemeral.Bytes()).with("caller_static", s.caller.static.Bytes()).
		with("handshake_hash", secrets.Hash[:]).with("plain", plain)
}

func (s *story) accept(name string, salt []byte, p wire.AcceptPayload) vector {
	s.keys = s.secrets.transportKeys(salt)
	plain := p.Append(nil)
	b := new(box).sealAccept(newAEAD(s.keys[:wire.KeySize]), s.index, s.index+1, salt, plain)
	return s.vector(name, "accept", b).with("key_answerer", s.keys[:wire.KeySize]).with("key_caller", s.keys[wire.KeySize:]).with("plain", plain)
}

// data seals messages of the caller or of the answerer.
func (s *story) data(name, from string, counter uint64, plain []byte) vector {
	to, key := s.index+1, s.keys[wire.KeySize:]
	if from == "answerer" {
		to, key = s.index, s.keys[:wire.KeySize]
	}
	return s.vector(name, "data", new(box).sealData(newAEAD(key), to, counter, plain)).with("plain", plain).note("from", from)
}

// changed returns a copy with one bit of the byte at i turned; i < 0 counts from the end.
func changed(b []byte, i int) []byte {
	c := bytes.Clone(b)
	if i < 0 {
		i += len(c)
	}
	c[i] ^= 1
	return c
}

// Pieces of CBOR for what the codec would not write.
func arr(items ...[]byte) []byte {
	return append(wire.AppendHead(nil, wire.MajorArray, uint64(len(items))), bytes.Join(items, nil)...)
}

func num(n uint64) []byte { return wire.AppendHead(nil, wire.MajorUint, n) }
func bin(b []byte) []byte { return wire.AppendBytes(nil, b) }
func zeros(n int) []byte  { return bin(make([]byte, n)) }
func str(s string) []byte { return append(wire.AppendHead(nil, wire.MajorText, uint64(len(s))), s...) }
func null() []byte        { return []byte{0xf6} }
func one(m []byte) []byte { return arr(m) }
func repeat(b []byte, n int) []byte {
	items := make([][]byte, n)
	for i := range items {
		items[i] = b
	}
	return arr(items...)
}

// message is [kind, id, 1, [], body] with any body.
func rawMessage(kind wire.Kind, id uint64, body []byte) []byte {
	return arr(num(uint64(kind)), num(id), num(1), arr(), body)
}

func rawText(prev, part, parts uint64, text []byte) []byte {
	return one(rawMessage(wire.KindText, 9, arr(num(prev), num(1_700_000_000_000), num(0), num(part), num(parts), text, zeros(0))))
}

// allVectors makes every vector. It uses fixed keys and no randomness.
func allVectors(t *testing.T) []vector {
	ann := newPerson(t, "ann", 1, nil)
	bob := newPerson(t, "Bob", 11, func(r *identity.Record) {
		r.Addrs = append(r.Addrs, identity.Address{Scope: identity.ScopeObserved, Addr: netip.MustParseAddrPort("[2001:db8::7]:6789")})
		r.Hold = identity.HoldKey(fixedKey(t, 13).PublicKey().Bytes())
	})
	return slices.Concat(
		exchangeVectors(t, ann, bob), introductionVectors(t, ann, bob), badExchangeVectors(t, ann, bob), badDatagramVectors(),
		messageVectors(t, ann, bob), badMessageVectors(ann), recordVectors(t, ann, bob),
		badPacketVectors(), boundVectors(ann, bob), strangeVectors(ann), hardVectors(t, ann),
		heldVectors(t, ann, bob), epochVectors(t, ann, bob), badHalfVectors(t, ann, bob),
		listVectors(t),
	)
}

// encoded is the plaintext of messages as the codec writes it.
func encoded(t *testing.T, ms ...wire.Message) []byte {
	t.Helper()
	b, err := wire.AppendMessages(nil, ms)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var vectorSalt = []byte("salt of 16 bytes")

func exchangeVectors(t *testing.T, ann, bob person) (vs []vector) {
	seen := netip.MustParseAddrPort("192.0.2.7:6789")
	first := newStory(t, "first-contact", ann, bob, 21, "203.0.113.5:50123")
	nonce := []byte("twelve bytes")
	vs = append(vs,
		first.hello("exchange-1-hello", nonce),
		first.challenge("exchange-2-challenge", nonce),
		first.handshake("exchange-3-handshake", nonce, wire.HandshakePayload{Record: ann.record, Messages: encoded(t,
			wire.Message{ID: 77, Attempt: 1, Body: wire.Online{Observed: seen}})}),
		first.accept("exchange-4-accept", vectorSalt, wire.AcceptPayload{Record: bob.record, Messages: encoded(t,
			wire.Message{Acks: []wire.Ack{{Kind: wire.KindOnline, ID: 77, Attempt: 1}}, Body: wire.Acknowledgement{}})}),
		first.data("exchange-5-text", "caller", 1, encoded(t,
			wire.Message{ID: 1, Attempt: 1, Body: wire.Text{Sent: 1_700_000_000_000, Parts: 1, Text: "hello"}})),
		first.data("exchange-6-ack", "answerer", 1, encoded(t,
			wire.Message{Acks: []wire.Ack{{Kind: wire.KindText, ID: 1, Attempt: 1}}, Body: wire.Acknowledgement{}})),
		first.data("exchange-7-padded", "caller", 1<<40, encoded(t,
			wire.Message{ID: 2, Attempt: 2, Body: wire.Text{Prev: 1, Sent: 1_700_000_000_000, Parts: 1, Text: "?"}}, wire.Message{Body: wire.Acknowledgement{Pad: 40}})),
	)
	// Bob lost the keys: DATA is challenged, and the HANDSHAKE carries the text itself.
	again := newStory(t, "key-lost", ann, bob, 31, "[2001:db8::5]:50123")
	again.keys = bytes.Repeat([]byte{7}, 2*wire.KeySize) // of the association that bob forgot
	lost := again.data("lost-1-data", "caller", 5, encoded(t, wire.Message{ID: 3, Attempt: 1, Body: wire.Text{Prev: 2, Sent: 1_700_000_000_000, Parts: 1,
		Text: "a text that is long enough for its datagram to be answered by a CHALLENGE: 101 bytes"}}))
	lost.lines = slices.DeleteFunc(lost.lines, func(l [2]string) bool { return l[0] == "exchange" }) // the key is another one
	lost = lost.with("key_caller", again.keys[wire.KeySize:])
	echo := wire.DataEcho(again.index+1, 5)
	vs = append(vs, lost,
		again.challenge("lost-2-challenge", echo[:]),
		again.handshake("lost-3-handshake", echo[:], wire.HandshakePayload{Record: ann.record, Have: 1_700_000_000_011, Messages: encoded(t,
			wire.Message{ID: 3, Attempt: 2, Body: wire.Text{Prev: 2, Sent: 1_700_000_000_000, Parts: 1, Text: "the same text"}})}),
		again.accept("lost-4-accept", vectorSalt, wire.AcceptPayload{Messages: encoded(t,
			wire.Message{Acks: []wire.Ack{{Kind: wire.KindText, ID: 3, Attempt: 2, Result: wire.ResultGap, Have: 1}}, Body: wire.Acknowledgement{}})}),
	)
	return vs
}

// introductionVectors are both halves of an introduction as they must travel, and as they
// must not.
func introductionVectors(t *testing.T, ann, bob person) []vector {
	cyd := newPerson(t, "cyd", 51, nil)
	s := newStory(t, "introduced", ann, bob, 61, "203.0.113.6:50123")
	nonce := []byte("a nonce of 12 bytes")[:wire.NonceSize]
	ticket := identity.Ticket{Asker: ann.session, Introducer: bob.session, Name: "cyd", Number: 1_700_000_000_124}
	find := wire.Ping{Scope: wire.ScopeFind, Name: "cyd", Record: ann.record, Ticket: wire.Ticket{Number: ticket.Number, Sig: ticket.Sign(ann.key)}}
	half := find
	half.Session, half.Record, half.By = cyd.session[:], cyd.record, bob.session[:]
	half.Addrs = []netip.AddrPort{netip.MustParseAddrPort("203.0.113.7:50123")}
	asks, tells := wire.Message{ID: 91, Attempt: 1, Body: find}, wire.Message{ID: 92, Attempt: 1, Body: half}
	// full pads to a datagram of so many bytes under the counter 2, with a tail of two-byte lengths.
	full := func(size int, ms ...wire.Message) []byte {
		plain := encoded(t, ms...)
		return encoded(t, append(ms, wire.Message{Body: wire.Acknowledgement{Pad: size - len(s.data("", "caller", 2, plain).bytes) - 9}})...)
	}
	sized := func(v vector, size int) vector {
		if len(v.bytes) != size {
			t.Fatalf("%s has %d bytes, want %d", v.name, len(v.bytes), size)
		}
		return v
	}
	vs := []vector{
		s.challenge("introduced-1-challenge", nonce),
		s.handshake("introduced-2-handshake", nonce, wire.HandshakePayload{Record: ann.record, Messages: encoded(t)}),
		s.accept("introduced-3-accept", vectorSalt, wire.AcceptPayload{Record: bob.record, Messages: encoded(t)}),
	}
	return append(vs,
		sized(s.data("introduced-4-find", "caller", 2, full(wire.IntroductionSize, asks)), wire.IntroductionSize),
		sized(s.data("introduced-5-forwarded", "answerer", 2, full(wire.IntroductionSize, tells)), wire.IntroductionSize),
		sized(s.data("bad-find-short", "caller", 2, full(wire.IntroductionSize-1, asks)), wire.IntroductionSize-1).bad("short"),
		s.data("bad-forwarded-short", "answerer", 2, encoded(t, tells)).bad("short"),
		sized(s.data("bad-forwarded-twice", "answerer", 2, full(wire.IntroductionSize, tells, wire.Message{ID: 93, Attempt: 1, Body: half})), wire.IntroductionSize).bad("short"),
		s.handshake("bad-find-in-handshake", nonce, wire.HandshakePayload{Record: ann.record, Messages: encoded(t, asks)}).bad("short"),
	)
}

func badExchangeVectors(t *testing.T, ann, bob person) []vector {
	s := newStory(t, "refused", ann, bob, 41, "198.51.100.9:6789")
	nonce := []byte("12 more bytes")[:wire.NonceSize]
	good := wire.HandshakePayload{Record: ann.record, Messages: encoded(t)}
	shake := s.handshake("bad-record-of-another", nonce, wire.HandshakePayload{Record: bob.record, Messages: encoded(t)})
	forged := s.handshake("bad-record-signature-in-handshake", nonce, wire.HandshakePayload{Record: changed(ann.record, -1), Messages: encoded(t)})
	payload := s.handshake("bad-handshake-payload", nonce, wire.HandshakePayload{Record: ann.record, Messages: num(0)})
	right := s.handshake("refused-2-handshake", nonce, good)
	accept := s.accept("refused-3-accept", vectorSalt, wire.AcceptPayload{Record: bob.record, Messages: encoded(t)})
	p, err := wire.ParsePacket(right.bytes)
	if err != nil {
		t.Fatal(err)
	}
	data := s.data("refused-4-data", "caller", 1, encoded(t))
	sealed := func(name, from string, b []byte) vector {
		return s.vector(name, "data", b).note("from", from).bad("seal")
	}
	q, err := wire.ParsePacket(data.bytes)
	if err != nil {
		t.Fatal(err)
	}
	tail := bin(q.Sealed)
	return []vector{
		s.challenge("refused-1-challenge", nonce), right, accept, data,
		shake.bad("record"), forged.bad("record"), payload.bad("payload"),
		s.vector("bad-cookie", "handshake", wire.AppendHandshake(nil, p.Index, p.Echo, changed(p.Cookie, 0), p.Noise)).bad("cookie"),
		s.vector("bad-cookie-echo", "handshake", wire.AppendHandshake(nil, p.Index, changed(p.Echo, 0), p.Cookie, p.Noise)).bad("cookie"),
		s.vector("bad-noise", "handshake", wire.AppendHandshake(nil, p.Index, p.Echo, p.Cookie, changed(p.Noise, -1))).bad("noise"),
		s.vector("bad-noise-index", "handshake", wire.AppendHandshake(nil, p.Index+1, p.Echo, p.Cookie, p.Noise)).bad("noise"),
		s.vector("bad-noise-static", "handshake", wire.AppendHandshake(nil, p.Index, p.Echo, p.Cookie, changed(p.Noise, 40))).bad("noise"),
		s.vector("bad-accept-seal", "accept", changed(accept.bytes, -1)).bad("seal"),
		s.vector("bad-accept-salt", "accept", changed(accept.bytes, bytes.Index(accept.bytes, vectorSalt))).bad("seal"),
		sealed("bad-data-seal", "caller", changed(data.bytes, -1)),
		sealed("bad-data-counter", "caller", append(wire.AppendData(nil, 4, q.To, q.Counter+1), tail...)),
		sealed("bad-data-direction", "answerer", data.bytes),
	}
}

// badDatagramVectors are refused before any key is needed.
func badDatagramVectors() []vector {
	shape := func(name, rule string, b []byte) vector { return datagramVector(name, rule, b).bad("shape") }
	nonce := zeros(wire.NonceSize)
	hello := wire.AppendHello(nil, make([]byte, wire.NonceSize))
	return []vector{
		shape("bad-long-integer", "hello", slices.Concat([]byte{0x83, 0x18, 17}, nonce, zeros(wire.HelloPad))),
		shape("bad-long-length", "hello", slices.Concat([]byte{0x83, 17, 0x58, 12}, make([]byte, 12), zeros(wire.HelloPad))),
		shape("bad-indefinite", "hello", slices.Concat([]byte{0x9f, 17}, nonce, zeros(wire.HelloPad), []byte{0xff})),
		shape("bad-tag", "hello", slices.Concat([]byte{0x83, 0xc1, 17}, nonce, zeros(wire.HelloPad))),
		shape("bad-null", "hello", arr(num(17), null(), zeros(wire.HelloPad))),
		shape("bad-text-for-bytes", "hello", arr(num(17), str(strings.Repeat("a", 12)), zeros(wire.HelloPad))),
		shape("bad-array-for-bytes", "hello", arr(num(17), repeat(num(0), 12), zeros(wire.HelloPad))),
		shape("bad-map", "hello", []byte{0xa1, 17, 0x40}),
		shape("bad-negative-type", "hello", arr([]byte{0x30}, nonce, zeros(wire.HelloPad))),
		shape("bad-trailing", "hello", append(bytes.Clone(hello), 0)),
		shape("bad-cut", "hello", hello[:len(hello)-1]),
		shape("bad-four-elements", "hello", arr(num(17), nonce, zeros(wire.HelloPad), num(0))),
		shape("bad-hello-pad", "hello", changed(hello, -1)),
		shape("bad-hello-short", "hello", arr(num(17), nonce, zeros(wire.HelloPad-1))),
		shape("bad-hello-nonce", "hello", arr(num(17), zeros(wire.NonceSize-1), zeros(wire.HelloPad+1))),
		shape("bad-type", "datagram", arr(num(22), nonce, zeros(wire.HelloPad))),
		shape("bad-version", "datagram", arr(num(33), nonce, zeros(wire.HelloPad))),
		shape("bad-index-zero", "data", arr(num(21), num(0), num(1), zeros(100))),
		shape("bad-index-large", "data", arr(num(21), num(1<<32), num(1), zeros(100))),
		shape("bad-counter-zero", "data", arr(num(21), num(1), num(0), zeros(100))),
		shape("bad-sealed-short", "data", arr(num(21), num(1), num(1), zeros(wire.TagSize-1))),
		shape("bad-too-long", "data", arr(num(21), num(1), num(1), zeros(wire.MaxDatagram-5))),
		shape("bad-challenge-cookie", "challenge", arr(num(18), nonce, zeros(wire.CookieSize+1), zeros(wire.KeySize), zeros(wire.KeySize))),
		shape("bad-handshake-noise", "handshake", arr(num(19), num(1), nonce, zeros(wire.CookieSize), zeros(wire.MinNoise-1))),
		shape("bad-accept-salt-length", "accept", arr(num(20), num(1), num(2), zeros(wire.SaltSize-1), zeros(100))),
	}
}
