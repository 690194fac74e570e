package dgram

import (
	"crypto/cipher"
	"encoding/binary"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"darkchat/dgram/wire"
)

// box is the scratch memory for sealing and opening, so that they allocate nothing: an AEAD is an
// interface, so whatever is passed to it escapes to the heap.
type box struct {
	nonce [chacha20poly1305.NonceSize]byte
	ad    [64]byte
	plain [wire.MaxDatagram]byte
}

// setNonce writes 4 zero bytes and the counter, little-endian (spec/wire.md 3.5).
func (x *box) setNonce(counter uint64) []byte {
	binary.LittleEndian.PutUint64(x.nonce[4:], counter)
	return x.nonce[:]
}

// boxes hands boxes to the readers.
type boxes struct{ pool sync.Pool }

func (b *boxes) get() *box {
	if x, ok := b.pool.Get().(*box); ok {
		return x
	}
	return new(box)
}

func (b *boxes) put(x *box) { b.pool.Put(x) }

// openData opens a DATA into the box; the plaintext is valid until the box is
// used again.
func (x *box) openData(a cipher.AEAD, p *wire.Packet) ([]byte, error) {
	ad := wire.AppendData(x.ad[:0], 3, p.To, p.Counter)
	plain, err := a.Open(x.plain[:0], x.setNonce(p.Counter), p.Sealed, ad)
	if err != nil {
		return nil, errOpen
	}
	return plain, nil
}

// openAccept opens an ACCEPT into the box.
func (x *box) openAccept(a cipher.AEAD, p *wire.Packet) ([]byte, error) {
	ad := wire.AppendAccept(x.ad[:0], 4, p.To, p.From, p.Salt)
	plain, err := a.Open(x.plain[:0], x.setNonce(0), p.Sealed, ad)
	if err != nil {
		return nil, errOpen
	}
	return plain, nil
}

// sealData returns a whole DATA in a slice of its own.
func (x *box) sealData(a cipher.AEAD, to uint32, counter uint64, plain []byte) []byte {
	sealed := len(plain) + wire.TagSize
	out := make([]byte, 0, wire.DataOverhead+len(plain))
	out = wire.AppendData(out, 4, to, counter)
	out = wire.AppendHead(out, wire.MajorBytes, uint64(sealed))
	ad := wire.AppendData(x.ad[:0], 3, to, counter)
	return a.Seal(out, x.setNonce(counter), plain, ad)
}

// sealAccept returns a whole ACCEPT, number 0 of its direction.
func (x *box) sealAccept(a cipher.AEAD, to, from uint32, salt, plain []byte) []byte {
	out := make([]byte, 0, wire.AcceptOverhead+len(plain))
	out = wire.AppendAccept(out, 5, to, from, salt)
	out = wire.AppendHead(out, wire.MajorBytes, uint64(len(plain)+wire.TagSize))
	ad := wire.AppendAccept(x.ad[:0], 4, to, from, salt)
	return a.Seal(out, x.setNonce(0), plain, ad)
}
