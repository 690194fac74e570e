package dgram

import (
	"crypto/ecdh"
	"encoding/binary"
	"io"
	"sync"

	"darkchat/dgram/wire"
)

// lockedReader lets the loop and the readers share one source of randomness.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, b)
}

// mustRead fills b. A node without randomness cannot go on safely, and
// crypto/rand never fails.
func mustRead(random io.Reader, b []byte) {
	if _, err := io.ReadFull(random, b); err != nil {
		panic("BUG: no randomness: " + err.Error())
	}
}

// randomUint64 draws a number.
func randomUint64(random io.Reader) uint64 {
	var b [8]byte
	mustRead(random, b[:])
	return binary.BigEndian.Uint64(b[:])
}

// newKey draws an X25519 key. NewPrivateKey and not GenerateKey, because that one
// ignores the reader it is given.
func newKey(random io.Reader) *ecdh.PrivateKey {
	var b [wire.KeySize]byte
	mustRead(random, b[:])
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		panic("BUG: 32 bytes are an X25519 key: " + err.Error())
	}
	return k
}
