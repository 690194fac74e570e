package dgram

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
	"darkchat/spec"
)

// sealCopy is HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
// ChaCha20Poly1305, by hand: the library draws the ephemeral key itself.
func sealCopy(t *testing.T, ephemeral *ecdh.PrivateKey, to *ecdh.PublicKey, info, plain []byte) []byte {
	t.Helper()
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	extract := func(suite, salt []byte, label string, ikm []byte) []byte {
		return must(hkdf.Extract(sha256.New, slices.Concat([]byte("HPKE-v1"), suite, []byte(label), ikm), salt))
	}
	expand := func(suite, prk []byte, label string, info []byte, size int) []byte {
		full := binary.BigEndian.AppendUint16(nil, uint16(size))
		full = slices.Concat(full, []byte("HPKE-v1"), suite, []byte(label), info)
		return must(hkdf.Expand(sha256.New, prk, string(full), size))
	}
	kem, suite := []byte("KEM\x00\x20"), []byte("HPKE\x00\x20\x00\x01\x00\x03")
	enc := ephemeral.PublicKey().Bytes()
	shared := expand(kem, extract(kem, nil, "eae_prk", must(ephemeral.ECDH(to))), "shared_secret", slices.Concat(enc, to.Bytes()), 32)
	context := slices.Concat([]byte{0}, extract(suite, nil, "psk_id_hash", nil), extract(suite, nil, "info_hash", info))
	secret := extract(suite, shared, "secret", nil)
	aead, err := chacha20poly1305.New(expand(suite, secret, "key", context, 32))
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(enc, expand(suite, secret, "base_nonce", context, 12), plain, nil)
}

// heldVectors are copies, receipts and tickets with all keys; and those that are well
// formed, and worth nothing.
func heldVectors(t *testing.T, ann, bob person) []vector {
	cyd := newPerson(t, "cyd", 51, nil)
	private, ephemeral := fixedKey(t, 13), fixedKey(t, 17)
	plain := func(name string, m wire.Message) vector { return plaintextVector(name, "messages", encoded(t, m)) }
	id := uint64(42)
	// held is a copy of a text of ann's for bob, whose parts can be wrong.
	type copied struct {
		from, to, info []byte
		id, part       uint64
		text           string
		key            ed25519.PrivateKey
		hold           *ecdh.PrivateKey
		tail           []byte
	}
	held := func(name string, change func(c *copied)) vector {
		c := copied{from: ann.session[:], to: bob.session[:], info: bob.session[:], id: id, text: "grüß dich", key: ann.key, hold: private}
		if change != nil {
			change(&c)
		}
		body := [][]byte{num(c.id), num(41), num(1_700_000_000_000), num(c.part), num(1), str(c.text)}
		claim := append([]byte(copyDomain), arr(append([][]byte{bin(c.from), bin(c.to)}, body...)...)...)
		sealed := arr(append(append([][]byte{bin(c.from)}, body...), bin(ed25519.Sign(c.key, claim)))...)
		sealed = append(sealed, c.tail...)
		v := plain(name, wire.Message{ID: 4712, Attempt: 1, Body: wire.Hold{To: wire.PeerID(bob.session), From: wire.PeerID(ann.session), Text: id,
			Sealed: sealCopy(t, ephemeral, c.hold.PublicKey(), append([]byte(copyDomain), c.info...), sealed)}})
		return v.with("hold_private", private.Bytes()).with("hold_ephemeral", ephemeral.Bytes()).with("copy_user", ann.user()).with("copy", sealed)
	}
	word := mail.Receipt{From: bob.session, To: ann.session, ID: id}
	receipt := func(name string, result wire.Result, sig []byte) vector {
		return plain(name, wire.Message{ID: 4713, Attempt: 1, Body: wire.Receipt{From: wire.PeerID(bob.session), To: wire.PeerID(ann.session), Text: id, Result: result, Sig: sig}}).
			with("receipt_user", bob.user())
	}
	ticket := identity.Ticket{Asker: ann.session, Introducer: bob.session, Name: "cyd", Number: 1_700_000_000_123}
	find := func(name string, change func(p *wire.Ping), signer person) vector {
		p := wire.Ping{Scope: wire.ScopeFind, Name: "cyd", Record: ann.record, Ticket: wire.Ticket{Number: ticket.Number}}
		if change != nil {
			change(&p)
		}
		s := ticket
		s.Name, s.User = p.Name, p.User
		p.Ticket.Sig = s.Sign(signer.key)
		return plain(name, wire.Message{ID: 91, Attempt: 1, Body: p}).with("ticket_introducer", bob.session[:])
	}
	unheeded := func(v vector, result string) vector {
		v.name = "unheeded-" + v.name
		return v.note("answer", result)
	}
	const none, delivered = "2", "0"
	return []vector{
		held("message-hold", nil),
		receipt("message-receipt", wire.ResultDelivered, word.Sign(bob.key)),
		unheeded(held("hold-key", func(c *copied) { c.hold = fixedKey(t, 14) }), none),
		unheeded(held("hold-info", func(c *copied) { c.info = cyd.session[:] }), none),
		unheeded(held("hold-signature", func(c *copied) { c.key = cyd.key }), none),
		unheeded(held("hold-to", func(c *copied) { c.to = cyd.session[:] }), none),
		unheeded(held("hold-from", func(c *copied) { c.from = cyd.session[:] }), none),
		unheeded(held("hold-id", func(c *copied) { c.id++ }), none),
		unheeded(held("hold-part", func(c *copied) { c.part = 1 }), none),
		unheeded(held("hold-long", func(c *copied) { c.text = strings.Repeat("a", mail.MaxCopyText+1) }), none),
		unheeded(held("hold-empty", func(c *copied) { c.text = "" }), none),
		unheeded(held("hold-trailing", func(c *copied) { c.tail = []byte{0} }), none),
		unheeded(plain("hold-nothing", wire.Message{ID: 4712, Attempt: 1, Body: wire.Hold{To: wire.PeerID(bob.session), From: wire.PeerID(ann.session), Text: id,
			Sealed: bytes.Repeat([]byte{0xa5}, wire.MaxSealed)}}).with("hold_private", private.Bytes()).with("copy_user", ann.user()), none),
		unheeded(receipt("receipt-signature", wire.ResultDelivered, changed(word.Sign(bob.key), -1)), delivered),
		unheeded(receipt("receipt-user", wire.ResultDelivered, word.Sign(cyd.key)), delivered),
		unheeded(receipt("receipt-result", wire.ResultTooOld, word.Sign(bob.key)), delivered),
		unheeded(find("find-ticket", nil, bob), none),
		unheeded(find("find-record", func(p *wire.Ping) { p.Record = bob.record }, ann), none),
		unheeded(find("find-name", func(p *wire.Ping) { p.Name = "Cyd" }, ann), none),
		unheeded(find("find-nobody", func(p *wire.Ping) { p.Name = "" }, ann), none),
		unheeded(find("find-no-name", func(p *wire.Ping) { p.Name = "c d" }, ann), none),
		unheeded(find("explode-record", func(p *wire.Ping) { p.Scope, p.Name, p.Record = wire.ScopeExplode, "", changed(ann.record, -1) }, ann), none),
	}
}

// heeded says whether a message that is in order is also worth something, as far as the
// keys beside it tell.
func heeded(t *testing.T, v spec.Vector) bool {
	t.Helper()
	ms, _, err := wire.ParseMessages(v.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	switch b := ms[0].Body.(type) {
	case wire.Ping:
		introducer := v.Hex("ticket_introducer")
		if introducer == nil {
			return true
		}
		rec, err := identity.Verify(b.Record)
		if err != nil || b.Scope == wire.ScopeFind && b.Name == "" && b.User == nil {
			return false
		}
		mapped, err := identity.MapName(b.Name)
		s := identity.Ticket{Asker: rec.Session, Introducer: identity.SessionID(introducer), Name: b.Name, User: b.User, Number: b.Ticket.Number}
		return (b.Name == "" || err == nil && mapped == b.Name) && s.Verify(rec.User[:], b.Ticket.Sig)
	case wire.Receipt:
		s := mail.Receipt{From: identity.SessionID(b.From), To: identity.SessionID(b.To), ID: b.Text, Result: uint64(b.Result)}
		return s.Verify(identity.UserKey(v.Hex("receipt_user")), b.Sig)
	case wire.Hold:
		var keys mail.HoldKeys
		if err := keys.Load(kv.BucketHoldKeys, nil, arr(num(1), bin(v.Hex("hold_private")), num(1), zeros(0), num(0))); err != nil {
			t.Fatal(err)
		}
		c, err := keys.Open(identity.SessionID(b.To), b.Sealed)
		return err == nil && c.From == identity.SessionID(b.From) && c.ID == b.Text && c.Verify(identity.UserKey(v.Hex("copy_user"))) == nil
	}
	return true
}

// TestVectorsAreHeeded: what is well formed is also obeyed, but where the vector says what
// it is answered with instead.
func TestVectorsAreHeeded(t *testing.T) {
	if *writeVectors {
		t.Skip("the vectors are being written")
	}
	vs, err := spec.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	looked, refused := 0, 0
	for _, v := range vs {
		_, idle := v.Keys["answer"]
		if v.Keys["layer"] != "plaintext" || v.Keys["rule"] != "messages" || v.Bad() != "" || len(v.Bytes) == 1 {
			if idle {
				t.Errorf("%s has an answer and is no message", v.Name)
			}
			continue
		}
		looked++
		if got := heeded(t, v); got == idle {
			t.Errorf("%s: heeded is %v", v.Name, got)
		} else if !got {
			refused++
		}
	}
	if looked == 0 || refused == 0 {
		t.Errorf("%d messages, %d of them unheeded", looked, refused)
	}
}

// epochVectors are a contact whose HANDSHAKE arrives in the epoch after that of its
// CHALLENGE; and secrets of the two mixed.
func epochVectors(t *testing.T, ann, bob person) []vector {
	s := newStory(t, "epochs", ann, bob, 71, "203.0.113.9:50123")
	later := newStory(t, "", ann, bob, 81, "203.0.113.9:50123")
	nonce := []byte("at a minute's end")[:wire.NonceSize]
	good := wire.HandshakePayload{Record: ann.record, Messages: encoded(t)}
	shake := s.handshake("epochs-2-handshake", nonce, good)
	accept := s.accept("epochs-3-accept", vectorSalt, wire.AcceptPayload{Record: bob.record, Messages: encoded(t)})
	// The cookie of the one, with the e of the other.
	mixed := *s
	mixed.epoch = &epoch{secret: later.epoch.secret, prekey: s.epoch.prekey, public: s.epoch.public}
	cookie := mixed.handshake("bad-cookie-epochs", nonce, good).bad("cookie")
	// A right cookie of the later epoch, and the Noise of the earlier one.
	right := later.epoch.cookie(s.origin, nonce)
	noise, _, err := noiseSuite{}.Answer(ann.static, bytes.NewReader(s.ephemeral.Bytes()), prologue(s.index, nonce, right[:]),
		s.epoch.public, bob.static.PublicKey().Bytes(), good.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return []vector{
		s.challenge("epochs-1-challenge", nonce).with("later_cookie_secret", later.epoch.secret[:]).with("later_ephemeral", later.epoch.prekey.Bytes()),
		shake, accept, cookie,
		s.vector("bad-noise-epochs", "handshake", wire.AppendHandshake(nil, s.index, nonce, right[:], noise)).bad("noise"),
	}
}

// badHalfVectors are handshakes that open and are refused for who is in them, and keys with
// which no secret can be shared.
func badHalfVectors(t *testing.T, ann, bob person) []vector {
	cyd := newPerson(t, "cyd", 51, nil)
	s := newStory(t, "stolen", ann, bob, 101, "198.51.100.9:6789")
	nonce := []byte("12 of a thief")[:wire.NonceSize]
	shake := s.handshake("stolen-2-handshake", nonce, wire.HandshakePayload{Record: ann.record, Messages: encoded(t)})
	accept := func(name string, record, messages []byte) vector {
		return s.accept(name, vectorSalt, wire.AcceptPayload{Record: record, Messages: messages})
	}
	self := newStory(t, "self", bob, bob, 111, netip.AddrPortFrom(netip.MustParseAddr("198.51.100.9"), 1).String())
	p, err := wire.ParsePacket(shake.bytes)
	if err != nil {
		t.Fatal(err)
	}
	none := make([]byte, wire.KeySize)
	cookie := s.epoch.cookie(s.origin, nonce)
	zero := func(name string, e, static []byte) vector {
		return s.vector(name, "challenge", wire.AppendChallenge(nil, nonce, cookie[:], e, static)).bad("noise")
	}
	return []vector{
		s.challenge("stolen-1-challenge", nonce), shake, accept("stolen-3-accept", bob.record, encoded(t)),
		accept("bad-accept-record-of-another", cyd.record, encoded(t)).bad("record"),
		accept("bad-accept-record-signature", changed(bob.record, -1), encoded(t)).bad("record"),
		accept("bad-accept-no-record", nil, encoded(t)).bad("record"),
		accept("bad-accept-payload", bob.record, num(0)).bad("payload"),
		s.vector("bad-noise-ephemeral", "handshake", wire.AppendHandshake(nil, p.Index, p.Echo, p.Cookie, append(bytes.Clone(none), p.Noise[wire.KeySize:]...))).bad("noise"),
		zero("bad-challenge-ephemeral", none, bob.static.PublicKey().Bytes()),
		zero("bad-challenge-static", s.epoch.public, none),
		self.challenge("self-1-challenge", nonce),
		self.handshake("bad-self", nonce, wire.HandshakePayload{Record: bob.record, Messages: encoded(t)}).bad("self"),
	}
}
