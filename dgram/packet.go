package dgram

import (
	"encoding/binary"
	"errors"
)

// errShape: bytes that are not one of the five packets, or not their only encoding.
var errShape = errors.New("not a datagram of this protocol")

// packetKind is the first element of a datagram: 16 * Version + type
// (spec/wire.md 2.1).
type packetKind uint8

const (
	kindHello     packetKind = 16*Version + 1
	kindChallenge packetKind = 16*Version + 2
	kindHandshake packetKind = 16*Version + 3
	kindAccept    packetKind = 16*Version + 4
	kindData      packetKind = 16*Version + 5
)

// String returns the name that the specification uses.
func (k packetKind) String() string {
	switch k {
	case kindHello:
		return "HELLO"
	case kindChallenge:
		return "CHALLENGE"
	case kindHandshake:
		return "HANDSHAKE"
	case kindAccept:
		return "ACCEPT"
	case kindData:
		return "DATA"
	}
	return "?"
}

// packet is a parsed datagram. Which fields are set depends on the kind. Byte
// strings are parts of the datagram, not copies.
type packet struct {
	kind    packetKind
	index   uint32 // HANDSHAKE: the sender's
	to      uint32 // ACCEPT, DATA: the receiver's
	from    uint32 // ACCEPT: the sender's
	counter uint64 // DATA
	echo    []byte // CHALLENGE, HANDSHAKE; of a HELLO its nonce
	cookie  []byte // CHALLENGE, HANDSHAKE
	e, s    []byte // CHALLENGE
	noise   []byte // HANDSHAKE
	salt    []byte // ACCEPT
	sealed  []byte // ACCEPT, DATA
}

// parsePacket reads the outer array. It accepts exactly the bytes that the append
// functions below can write: array, unsigned integers and byte strings, shortest
// heads, one level. It allocates nothing and needs no key.
func parsePacket(b []byte) (packet, error) {
	if len(b) > MaxDatagram {
		return packet{}, errShape
	}
	r := reader{b: b}
	elements := r.head(majorArray)
	p := packet{kind: packetKind(min(r.head(majorUint), 255))}
	var want uint64
	switch p.kind {
	case kindHello:
		want = 3
		p.echo = r.bytes(nonceSize, nonceSize)
		for _, c := range r.bytes(helloPad, helloPad) {
			r.bad = r.bad || c != 0
		}
	case kindChallenge:
		want = 5
		p.echo = r.bytes(nonceSize, nonceSize)
		p.cookie = r.bytes(cookieSize, cookieSize)
		p.e = r.bytes(keySize, keySize)
		p.s = r.bytes(keySize, keySize)
	case kindHandshake:
		want = 5
		p.index = r.index()
		p.echo = r.bytes(nonceSize, nonceSize)
		p.cookie = r.bytes(cookieSize, cookieSize)
		p.noise = r.bytes(minNoise, MaxDatagram)
	case kindAccept:
		want = 5
		p.to = r.index()
		p.from = r.index()
		p.salt = r.bytes(saltSize, saltSize)
		p.sealed = r.bytes(tagSize, MaxDatagram)
	case kindData:
		want = 4
		p.to = r.index()
		p.counter = r.head(majorUint)
		r.bad = r.bad || p.counter == 0
		p.sealed = r.bytes(tagSize, MaxDatagram)
	default:
		return packet{}, errShape
	}
	if r.bad || elements != want || len(r.b) > 0 {
		return packet{}, errShape
	}
	return p, nil
}

func appendKind(dst []byte, elements uint64, k packetKind) []byte {
	return appendHead(appendHead(dst, majorArray, elements), majorUint, uint64(k))
}

// appendHello appends a HELLO.
func appendHello(dst, nonce []byte) []byte {
	dst = appendBytes(appendKind(dst, 3, kindHello), nonce)
	return append(appendHead(dst, majorBytes, helloPad), make([]byte, helloPad)...)
}

// appendChallenge appends a CHALLENGE.
func appendChallenge(dst, echo, cookie, e, s []byte) []byte {
	dst = appendBytes(appendKind(dst, 5, kindChallenge), echo)
	dst = appendBytes(dst, cookie)
	dst = appendBytes(dst, e)
	return appendBytes(dst, s)
}

// appendHandshake appends a HANDSHAKE. With noise nil it appends the array of the
// four elements before it, which the Noise prologue binds (spec/wire.md 3.3).
func appendHandshake(dst []byte, index uint32, echo, cookie, noise []byte) []byte {
	elements := uint64(4)
	if noise != nil {
		elements = 5
	}
	dst = appendHead(appendKind(dst, elements, kindHandshake), majorUint, uint64(index))
	dst = appendBytes(dst, echo)
	dst = appendBytes(dst, cookie)
	if noise != nil {
		dst = appendBytes(dst, noise)
	}
	return dst
}

// appendAccept appends the elements of an ACCEPT before sealed. elements is 5 for
// the datagram and 4 for the associated data (spec/wire.md 3.5).
func appendAccept(dst []byte, elements uint64, to, from uint32, salt []byte) []byte {
	dst = appendHead(appendKind(dst, elements, kindAccept), majorUint, uint64(to))
	dst = appendHead(dst, majorUint, uint64(from))
	return appendBytes(dst, salt)
}

// appendData appends the elements of a DATA before sealed. elements is 4 for the
// datagram and 3 for the associated data.
func appendData(dst []byte, elements uint64, to uint32, counter uint64) []byte {
	dst = appendHead(appendKind(dst, elements, kindData), majorUint, uint64(to))
	return appendHead(dst, majorUint, counter)
}

// dataEcho is what a CHALLENGE for undecryptable DATA echoes (spec/wire.md 2.3).
func dataEcho(to uint32, counter uint64) (echo [nonceSize]byte) {
	binary.BigEndian.PutUint32(echo[:], to)
	binary.BigEndian.PutUint64(echo[4:], counter)
	return echo
}

// echoIndex and echoCounter are the two halves of such an echo.
func echoIndex(echo [nonceSize]byte) uint32 { return binary.BigEndian.Uint32(echo[:]) }

func echoCounter(echo [nonceSize]byte) uint64 { return binary.BigEndian.Uint64(echo[4:]) }

// What the packets add to their payloads, at most: the array and its type, indexes, counter, salt, the head of
// the byte string, the tag.
const (
	dataOverhead      = 1 + 1 + 5 + 9 + sealedHead + tagSize
	acceptOverhead    = 2 + 5 + 5 + 1 + saltSize + sealedHead + tagSize
	handshakeOverhead = 2 + 5 + 1 + nonceSize + 1 + cookieSize + sealedHead + minNoise
	sealedHead        = 3
)

// relayRoom is the size of a plaintext that fits a DATA through a relay. It assumes a counter below
// 2^32: the keys are replaced long before that.
const relayRoom = maxRelayed - (2 + 5 + 5 + sealedHead + tagSize)
