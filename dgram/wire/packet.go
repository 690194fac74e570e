package wire

import (
	"encoding/binary"
	"errors"
)

// errShape: bytes that are not one of the five packets, or not their only encoding.
var errShape = errors.New("not a datagram of this protocol")

// PacketKind is the first element of a datagram: 16 * Version + type
// (spec/wire.md 2.1).
type PacketKind uint8

const (
	PacketHello     PacketKind = 16*Version + 1
	PacketChallenge PacketKind = 16*Version + 2
	PacketHandshake PacketKind = 16*Version + 3
	PacketAccept    PacketKind = 16*Version + 4
	PacketData      PacketKind = 16*Version + 5
)

// String returns the name that the specification uses.
func (k PacketKind) String() string {
	switch k {
	case PacketHello:
		return "HELLO"
	case PacketChallenge:
		return "CHALLENGE"
	case PacketHandshake:
		return "HANDSHAKE"
	case PacketAccept:
		return "ACCEPT"
	case PacketData:
		return "DATA"
	}
	return "?"
}

// Packet is a parsed datagram. Which fields are set depends on the kind. Byte
// strings are parts of the datagram, not copies.
type Packet struct {
	Kind    PacketKind
	Index   uint32 // HANDSHAKE: the sender's
	To      uint32 // ACCEPT, DATA: the receiver's
	From    uint32 // ACCEPT: the sender's
	Counter uint64 // DATA
	Echo    []byte // CHALLENGE, HANDSHAKE; of a HELLO its nonce
	Cookie  []byte // CHALLENGE, HANDSHAKE
	E, S    []byte // CHALLENGE
	Noise   []byte // HANDSHAKE
	Salt    []byte // ACCEPT
	Sealed  []byte // ACCEPT, DATA
}

// ParsePacket reads the outer array. It accepts exactly the bytes that the append
// functions below can write: array, unsigned integers and byte strings, shortest
// heads, one level. It allocates nothing and needs no key.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) > MaxDatagram {
		return Packet{}, errShape
	}
	r := reader{b: b}
	elements := r.head(MajorArray)
	p := Packet{Kind: PacketKind(min(r.head(MajorUint), 255))}
	var want uint64
	switch p.Kind {
	case PacketHello:
		want = 3
		p.Echo = r.bytes(NonceSize, NonceSize)
		for _, c := range r.bytes(HelloPad, HelloPad) {
			r.bad = r.bad || c != 0
		}
	case PacketChallenge:
		want = 5
		p.Echo = r.bytes(NonceSize, NonceSize)
		p.Cookie = r.bytes(CookieSize, CookieSize)
		p.E = r.bytes(KeySize, KeySize)
		p.S = r.bytes(KeySize, KeySize)
	case PacketHandshake:
		want = 5
		p.Index = r.index()
		p.Echo = r.bytes(NonceSize, NonceSize)
		p.Cookie = r.bytes(CookieSize, CookieSize)
		p.Noise = r.bytes(MinNoise, MaxDatagram)
	case PacketAccept:
		want = 5
		p.To = r.index()
		p.From = r.index()
		p.Salt = r.bytes(SaltSize, SaltSize)
		p.Sealed = r.bytes(TagSize, MaxDatagram)
	case PacketData:
		want = 4
		p.To = r.index()
		p.Counter = r.head(MajorUint)
		r.bad = r.bad || p.Counter == 0
		p.Sealed = r.bytes(TagSize, MaxDatagram)
	default:
		return Packet{}, errShape
	}
	if r.bad || elements != want || len(r.b) > 0 {
		return Packet{}, errShape
	}
	return p, nil
}

func appendKind(dst []byte, elements uint64, k PacketKind) []byte {
	return AppendHead(AppendHead(dst, MajorArray, elements), MajorUint, uint64(k))
}

// AppendHello appends a HELLO.
func AppendHello(dst, nonce []byte) []byte {
	dst = AppendBytes(appendKind(dst, 3, PacketHello), nonce)
	return append(AppendHead(dst, MajorBytes, HelloPad), make([]byte, HelloPad)...)
}

// AppendChallenge appends a CHALLENGE.
func AppendChallenge(dst, echo, cookie, e, s []byte) []byte {
	dst = AppendBytes(appendKind(dst, 5, PacketChallenge), echo)
	dst = AppendBytes(dst, cookie)
	dst = AppendBytes(dst, e)
	return AppendBytes(dst, s)
}

// AppendHandshake appends a HANDSHAKE. With noise nil it appends the array of the
// four elements before it, which the Noise prologue binds (spec/wire.md 3.3).
func AppendHandshake(dst []byte, index uint32, echo, cookie, noise []byte) []byte {
	elements := uint64(4)
	if noise != nil {
		elements = 5
	}
	dst = AppendHead(appendKind(dst, elements, PacketHandshake), MajorUint, uint64(index))
	dst = AppendBytes(dst, echo)
	dst = AppendBytes(dst, cookie)
	if noise != nil {
		dst = AppendBytes(dst, noise)
	}
	return dst
}

// AppendAccept appends the elements of an ACCEPT before sealed. elements is 5 for
// the datagram and 4 for the associated data (spec/wire.md 3.5).
func AppendAccept(dst []byte, elements uint64, to, from uint32, salt []byte) []byte {
	dst = AppendHead(appendKind(dst, elements, PacketAccept), MajorUint, uint64(to))
	dst = AppendHead(dst, MajorUint, uint64(from))
	return AppendBytes(dst, salt)
}

// AppendData appends the elements of a DATA before sealed. elements is 4 for the
// datagram and 3 for the associated data.
func AppendData(dst []byte, elements uint64, to uint32, counter uint64) []byte {
	dst = AppendHead(appendKind(dst, elements, PacketData), MajorUint, uint64(to))
	return AppendHead(dst, MajorUint, counter)
}

// DataEcho is what a CHALLENGE for undecryptable DATA echoes (spec/wire.md 2.3).
func DataEcho(to uint32, counter uint64) (echo [NonceSize]byte) {
	binary.BigEndian.PutUint32(echo[:], to)
	binary.BigEndian.PutUint64(echo[4:], counter)
	return echo
}

// EchoIndex and EchoCounter are the two halves of such an echo.
func EchoIndex(echo [NonceSize]byte) uint32 { return binary.BigEndian.Uint32(echo[:]) }

func EchoCounter(echo [NonceSize]byte) uint64 { return binary.BigEndian.Uint64(echo[4:]) }

// What the packets add to their payloads, at most: the array and its type, indexes, counter, salt, the head of
// the byte string, the tag.
const (
	DataOverhead      = 1 + 1 + 5 + 9 + SealedHead + TagSize
	AcceptOverhead    = 2 + 5 + 5 + 1 + SaltSize + SealedHead + TagSize
	HandshakeOverhead = 2 + 5 + 1 + NonceSize + 1 + CookieSize + SealedHead + MinNoise
	SealedHead        = 3
)

// RelayRoom is the size of a plaintext that fits a DATA through a relay. It assumes a counter below
// 2^32: the keys are replaced long before that.
const RelayRoom = MaxRelayed - (2 + 5 + 5 + SealedHead + TagSize)
