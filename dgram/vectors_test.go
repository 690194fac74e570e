package dgram

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
	"darkchat/spec"
)

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors anew")

const vectorFolder = "../spec/vectors"

func toHex(b []byte) string { return hex.EncodeToString(b) }

// text is the content of the file: the keys, then 32 bytes a line.
func (v vector) text() []byte {
	var b bytes.Buffer
	for _, l := range v.lines {
		fmt.Fprintf(&b, "# %s = %s\n", l[0], l[1])
	}
	for rest := v.bytes; len(rest) > 0; {
		n := min(len(rest), 32)
		fmt.Fprintf(&b, "%x\n", rest[:n])
		rest = rest[n:]
	}
	return b.Bytes()
}

// TestVectorsAreWhatTheCodeMakes: the files hold exactly what this code writes from the
// keys in them, and no other file is there.
func TestVectorsAreWhatTheCodeMakes(t *testing.T) {
	made := map[string][]byte{}
	for _, v := range allVectors(t) {
		if made[v.name] != nil {
			t.Fatalf("two vectors %s", v.name)
		}
		made[v.name] = v.text()
	}
	files, err := filepath.Glob(filepath.Join(vectorFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if *writeVectors {
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range made {
			if err := os.WriteFile(filepath.Join(vectorFolder, name+".hex"), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".hex")
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, made[name]) {
			t.Errorf("%s differs from what the code makes; go test ./dgram -run Vectors -write-vectors", f)
		}
		delete(made, name)
	}
	for name := range made {
		t.Errorf("spec/vectors/%s.hex is missing; go test ./dgram -run Vectors -write-vectors", name)
	}
}

// TestVectorsAreRead: every good vector decodes and encodes again to the same bytes;
// every bad one is refused with its error.
func TestVectorsAreRead(t *testing.T) {
	if *writeVectors {
		t.Skip("the vectors are being written")
	}
	vs, err := spec.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	stories := map[string]map[string][]byte{}
	for _, v := range vs {
		keys := stories[v.Keys["exchange"]]
		if keys == nil {
			keys = map[string][]byte{}
			stories[v.Keys["exchange"]] = keys
		}
		for k := range v.Keys {
			if b := v.Hex(k); b != nil && k != "plain" {
				keys[k] = b
			}
		}
		if v.Keys["rule"] == "handshake" && v.Bad() == "" {
			keys["handshake_plain"] = v.Hex("plain")
		}
	}
	good, bad := 0, 0
	for _, v := range vs {
		why, err := readVector(v, stories[v.Keys["exchange"]])
		switch {
		case why != v.Bad():
			t.Errorf("%s: got %q (%v), want %q", v.Name, why, err, v.Bad())
		case why == "":
			good++
		default:
			bad++
		}
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d good and %d bad vectors", good, bad)
	}
}

// readVector treats a vector as its receiver would and names the error, as the
// counters do (spec/wire.md 8).
func readVector(v spec.Vector, keys map[string][]byte) (why string, err error) {
	switch v.Keys["layer"] {
	case "record":
		if _, err = identity.Verify(v.Bytes); err != nil {
			return "record", err
		}
		return "", nil
	case "plaintext":
		if err = readPlaintext(v.Keys["rule"], v.Bytes); err != nil {
			return "payload", err
		}
		return "", nil
	}
	p, err := wire.ParsePacket(v.Bytes)
	if err != nil {
		return "shape", err
	}
	if again := appendPacket(&p); !bytes.Equal(again, v.Bytes) {
		return "shape", fmt.Errorf("encodes as %x", again)
	}
	switch p.Kind {
	case wire.PacketChallenge:
		return readChallenge(&p, keys)
	case wire.PacketHandshake:
		return readHandshake(v, &p, keys)
	case wire.PacketAccept, wire.PacketData:
		return readSealed(v, &p, keys)
	}
	return "", nil
}

func readPlaintext(rule string, b []byte) error {
	switch rule {
	case "handshake-payload":
		p, err := wire.ParseHandshakePayload(b)
		if err != nil {
			return err
		}
		if again := p.Append(nil); !bytes.Equal(again, b) {
			return errAgain
		}
		return readPlaintext("messages", p.Messages)
	case "accept-payload":
		p, err := wire.ParseAcceptPayload(b)
		if err != nil {
			return err
		}
		if again := p.Append(nil); !bytes.Equal(again, b) {
			return errAgain
		}
		return readPlaintext("messages", p.Messages)
	}
	ms, skipped, err := wire.ParseMessages(b)
	if err != nil || skipped > 0 {
		return err
	}
	again, err := wire.AppendMessages(nil, ms)
	if err != nil {
		return err
	}
	// Only a filled ext is not written again: parsing must give the same then.
	if !bytes.Equal(again, b) {
		if _, _, err := wire.ParseMessages(again); err != nil || len(again) >= len(b) {
			return errAgain
		}
	}
	return nil
}

// errAgain: it is written otherwise than it was read.
var errAgain = errors.New("not its only encoding")

// appendPacket writes a parsed packet again.
func appendPacket(p *wire.Packet) []byte {
	switch p.Kind {
	case wire.PacketHello:
		return wire.AppendHello(nil, p.Echo)
	case wire.PacketChallenge:
		return wire.AppendChallenge(nil, p.Echo, p.Cookie, p.E, p.S)
	case wire.PacketHandshake:
		return wire.AppendHandshake(nil, p.Index, p.Echo, p.Cookie, p.Noise)
	case wire.PacketAccept:
		return wire.AppendBytes(wire.AppendAccept(nil, 5, p.To, p.From, p.Salt), p.Sealed)
	}
	return wire.AppendBytes(wire.AppendData(nil, 4, p.To, p.Counter), p.Sealed)
}

// readChallenge says whether a HANDSHAKE could answer it, by the caller of the story.
func readChallenge(p *wire.Packet, keys map[string][]byte) (why string, err error) {
	if keys["caller_static"] == nil {
		return "", nil
	}
	static := newKey(bytes.NewReader(keys["caller_static"]))
	_, _, err = noiseSuite{}.Answer(static, bytes.NewReader(keys["caller_ephemeral"]), nil, p.E, p.S, nil)
	if err != nil {
		return "noise", err
	}
	return "", nil
}

// readEpochs makes the answerer's epochs: that of the CHALLENGE, and the one after it if the
// story has two; then the HANDSHAKE comes half a minute into that.
func readEpochs(keys map[string][]byte) (e *epochs, now time.Time) {
	first := newEpoch(time.Unix(0, 0), bytes.NewReader(append(bytes.Clone(keys["cookie_secret"]), keys["answerer_ephemeral"]...)))
	pair, now := &epochPair{current: first}, time.Unix(30, 0)
	if keys["later_cookie_secret"] != nil {
		now = now.Add(epochTime)
		pair.previous = first
		pair.current = newEpoch(first.began.Add(epochTime), bytes.NewReader(append(bytes.Clone(keys["later_cookie_secret"]), keys["later_ephemeral"]...)))
	}
	e = &epochs{}
	e.now.Store(pair)
	return e, now
}

// readHandshake is what Opener does with a HANDSHAKE, with the keys of the story.
func readHandshake(v spec.Vector, p *wire.Packet, keys map[string][]byte) (why string, err error) {
	all, now := readEpochs(keys)
	ep := all.find(now, origin(keys["origin"]), p.Echo, p.Cookie)
	if ep == nil {
		return "cookie", nil
	}
	static := newKey(bytes.NewReader(keys["answerer_static"]))
	payload, peer, secrets, err := noiseSuite{}.Open(static, ep.prekey, prologue(p.Index, p.Echo, p.Cookie), p.Noise)
	if err != nil {
		return "noise", err
	}
	if v.Bad() == "" && (!bytes.Equal(payload, v.Hex("plain")) || !bytes.Equal(secrets.Hash[:], v.Hex("handshake_hash"))) {
		return "noise", fmt.Errorf("payload or hash differ")
	}
	if err := readPlaintext("handshake-payload", payload); err != nil {
		return "payload", err
	}
	if bytes.Equal(peer, static.PublicKey().Bytes()) {
		return "self", nil
	}
	h, _ := wire.ParseHandshakePayload(payload)
	r, err := identity.Verify(h.Record)
	if err != nil || !bytes.Equal(r.Static[:], peer) {
		return "record", err
	}
	return readSize(v, p, h.Messages), nil
}

// readSize says whether a datagram is as large as its messages, which are in order, must be.
func readSize(v spec.Vector, p *wire.Packet, messages []byte) string {
	ms, _, _ := wire.ParseMessages(messages)
	d := Opened{kind: p.Kind, size: len(v.Bytes), said: said{messages: ms}}
	if !d.paid() {
		return "short"
	}
	return ""
}

// readSealed opens an ACCEPT or DATA.
func readSealed(v spec.Vector, p *wire.Packet, keys map[string][]byte) (why string, err error) {
	key, rule := v.Keys["from"], "messages"
	var plain []byte
	if p.Kind == wire.PacketAccept {
		rule = "accept-payload"
		plain, err = new(box).openAccept(newAEAD(keys["key_answerer"]), p)
	} else {
		plain, err = new(box).openData(newAEAD(keys["key_"+key]), p)
	}
	if err != nil {
		return "seal", err
	}
	if !bytes.Equal(plain, v.Hex("plain")) {
		return "seal", fmt.Errorf("another plaintext")
	}
	if err := readPlaintext(rule, plain); err != nil {
		return "payload", err
	}
	if p.Kind == wire.PacketAccept {
		a, _ := wire.ParseAcceptPayload(plain)
		plain = a.Messages
		if err := readAccepted(a, keys); err != nil {
			return "record", err
		}
	}
	return readSize(v, p, plain), nil
}

// readAccepted holds the record in an ACCEPT to the answerer of the story; none is there
// only where the caller has it.
func readAccepted(a wire.AcceptPayload, keys map[string][]byte) error {
	h, err := wire.ParseHandshakePayload(keys["handshake_plain"])
	switch {
	case err != nil:
		return err
	case len(a.Record) == 0 && h.Have == 0:
		return fmt.Errorf("no record, and the caller has none")
	case len(a.Record) == 0:
		return nil
	}
	r, err := identity.Verify(a.Record)
	if want := newKey(bytes.NewReader(keys["answerer_static"])).PublicKey().Bytes(); err == nil && !bytes.Equal(r.Static[:], want) {
		err = fmt.Errorf("another's record")
	}
	return err
}
