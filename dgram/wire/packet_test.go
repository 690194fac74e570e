package wire

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// somePackets is one datagram of each kind, and of the lengths that matter.
func somePackets() [][]byte {
	n, c, k := bytes.Repeat([]byte{7}, NonceSize), bytes.Repeat([]byte{8}, CookieSize), bytes.Repeat([]byte{9}, KeySize)
	sealed := make([]byte, TagSize)
	return [][]byte{
		AppendHello(nil, n),
		AppendChallenge(nil, n, c, k, k),
		AppendHandshake(nil, 1, n, c, make([]byte, MinNoise)),
		AppendHandshake(nil, 1<<32-1, n, c, make([]byte, MaxDatagram-HandshakeOverhead+MinNoise)),
		AppendBytes(AppendAccept(nil, 5, 24, 1<<16, k[:SaltSize]), sealed),
		AppendBytes(AppendData(nil, 4, 70_000, 1), sealed),
		AppendBytes(AppendData(nil, 4, 1<<32-1, 1<<64-1), make([]byte, MaxDatagram-DataOverhead+TagSize)),
	}
}

func TestPacketSizes(t *testing.T) {
	p := somePackets()
	for i, want := range map[int]int{0: HelloSize, 1: ChallengeSize, 3: MaxDatagram, 6: MaxDatagram} {
		if len(p[i]) != want {
			t.Errorf("packet %d has %d bytes, not %d", i, len(p[i]), want)
		}
	}
	if ChallengeSize >= HelloSize || ChallengeSize >= MinProvoking {
		t.Error("a CHALLENGE must be smaller than what provokes it")
	}
}

// TestPacketTruncation: no prefix and no extension of a datagram is a datagram.
func TestPacketTruncation(t *testing.T) {
	for _, b := range somePackets() {
		if _, err := ParsePacket(b); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		for i := range b {
			if _, err := ParsePacket(b[:i]); err == nil {
				t.Fatalf("%d of %d bytes accepted: %x", i, len(b), b)
			}
		}
		if _, err := ParsePacket(append(bytes.Clone(b), 0)); err == nil {
			t.Fatalf("one byte more accepted: %x", b)
		}
	}
}

// Outer arrays as a CBOR library sees them.
type (
	slowHello struct {
		_          struct{} `cbor:",toarray"`
		Kind       uint64
		Nonce, Pad []byte
	}
	slowChallenge struct {
		_                  struct{} `cbor:",toarray"`
		Kind               uint64
		Echo, Cookie, E, S []byte
	}
	slowHandshake struct {
		_                   struct{} `cbor:",toarray"`
		Kind, Index         uint64
		Echo, Cookie, Noise []byte
	}
	slowAccept struct {
		_              struct{} `cbor:",toarray"`
		Kind, To, From uint64
		Salt, Sealed   []byte
	}
	slowData struct {
		_                 struct{} `cbor:",toarray"`
		Kind, To, Counter uint64
		Sealed            []byte
	}
)

// slowParse decides with the library: decode, encode again, compare, check lengths.
func slowParse(b []byte) bool {
	index := func(n uint64) bool { return n > 0 && n < 1<<32 }
	var head []cbor.RawMessage
	var kind uint64
	if len(b) > MaxDatagram || decoding.Unmarshal(b, &head) != nil || len(head) == 0 || cbor.Unmarshal(head[0], &kind) != nil {
		return false
	}
	switch kind {
	case 17:
		var p slowHello
		return unmarshalStrict(b, &p) == nil && len(p.Nonce) == 12 && bytes.Equal(p.Pad, make([]byte, 95))
	case 18:
		var p slowChallenge
		return unmarshalStrict(b, &p) == nil && len(p.Echo) == 12 && len(p.Cookie) == 16 && len(p.E) == 32 && len(p.S) == 32
	case 19:
		var p slowHandshake
		return unmarshalStrict(b, &p) == nil && index(p.Index) && len(p.Echo) == 12 && len(p.Cookie) == 16 && len(p.Noise) >= 96
	case 20:
		var p slowAccept
		return unmarshalStrict(b, &p) == nil && index(p.To) && index(p.From) && len(p.Salt) == 16 && len(p.Sealed) >= 16
	case 21:
		var p slowData
		return unmarshalStrict(b, &p) == nil && index(p.To) && p.Counter > 0 && len(p.Sealed) >= 16
	}
	return false
}

// TestPacketAgainstLibrary: our reader accepts exactly what a strict CBOR library
// accepts as one of the five packets.
func TestPacketAgainstLibrary(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(rapid.SampledFrom(somePackets()).Draw(t, "packet"))
		if rapid.Bool().Draw(t, "cut") {
			b = b[:rapid.IntRange(0, len(b)).Draw(t, "length")]
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			if len(b) > 0 {
				// Heads stand near the beginning.
				i := rapid.IntRange(0, min(len(b)-1, 40)).Draw(t, "at")
				b[i] = rapid.SampledFrom([]byte{0, 1, 0x11, 0x12, 0x15, 0x18, 0x19, 0x1b, 0x40, 0x4c, 0x50, 0x58, 0x59, 0x83, 0x84, 0x85, 0x98, 0x9f, 0xf6, 0xff}).Draw(t, "byte")
			}
		}
		_, err := ParsePacket(b)
		if (err == nil) != slowParse(b) {
			t.Fatalf("%x: we say %v, the library %v", b, err, slowParse(b))
		}
		if err == nil {
			accepted++
		}
	})
	if accepted == 0 {
		t.Error("nothing was accepted")
	}
}

// FuzzPacket: what is accepted can be written again from its parts, byte for byte.
func FuzzPacket(f *testing.F) {
	for _, b := range somePackets() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			return
		}
		var again []byte
		switch p.Kind {
		case PacketHello:
			again = AppendHello(nil, p.Echo)
		case PacketChallenge:
			again = AppendChallenge(nil, p.Echo, p.Cookie, p.E, p.S)
		case PacketHandshake:
			again = AppendHandshake(nil, p.Index, p.Echo, p.Cookie, p.Noise)
		case PacketAccept:
			again = AppendBytes(AppendAccept(nil, 5, p.To, p.From, p.Salt), p.Sealed)
		case PacketData:
			again = AppendBytes(AppendData(nil, 4, p.To, p.Counter), p.Sealed)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func TestPayloads(t *testing.T) {
	ms, err := AppendMessages(nil, []Message{{ID: 1, Attempt: 1, Body: List{Request: 1, Summaries: []Summary{{Seq: 1}}, Total: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	h := HandshakePayload{Record: []byte{1, 2}, Have: 1 << 40, Messages: ms}
	b := h.Append(nil)
	if got, err := ParseHandshakePayload(b); err != nil || !bytes.Equal(got.Record, h.Record) || got.Have != h.Have || !bytes.Equal(got.Messages, ms) {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err := ParseAcceptPayload((AcceptPayload{Messages: ms}).Append(nil)); err != nil || len(got.Record) != 0 || !bytes.Equal(got.Messages, ms) {
		t.Fatalf("%+v %v", got, err)
	}
	for i := range b {
		if _, err := ParseHandshakePayload(b[:i]); err == nil {
			t.Fatalf("%d of %d bytes accepted", i, len(b))
		}
	}
	if _, err := ParseHandshakePayload((HandshakePayload{Messages: ms}).Append(nil)); err == nil {
		t.Fatal("a HANDSHAKE without a record")
	}
}
