package dgram

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"darkchat/dgram/wire"
)

// epoch is one minute's secrets: the key of the cookies and the ephemeral key e
// that all CHALLENGEs of it show (spec/wire.md 3.1). It is never written to disk
// and does not change.
type epoch struct {
	began  time.Time
	secret [32]byte
	prekey *ecdh.PrivateKey
	public []byte // of prekey
	macs   sync.Pool
}

// mac is a keyed hash with room for its result, so that checking a cookie
// allocates nothing.
type mac struct {
	hash hash.Hash
	in   [18 + wire.NonceSize]byte
	out  [sha256.Size]byte
}

func newEpoch(now time.Time, random io.Reader) *epoch {
	e := &epoch{began: now}
	mustRead(random, e.secret[:])
	e.prekey = newKey(random)
	e.public = e.prekey.PublicKey().Bytes()
	return e
}

// issues says whether CHALLENGEs of this epoch may still be made.
func (e *epoch) issues(now time.Time) bool { return now.Before(e.began.Add(epochTime)) }

// accepts says whether a HANDSHAKE may still bring a cookie of this epoch.
func (e *epoch) accepts(now time.Time) bool { return now.Before(e.began.Add(epochAccept)) }

// origin is what a cookie is bound to besides the echo: where the datagram came from. To
// the cookie it is opaque (spec/wire.md 3.2).
type origin [18]byte

func addressOrigin(from netip.AddrPort) (o origin) {
	a := from.Addr().As16()
	copy(o[:], a[:])
	o[16], o[17] = byte(from.Port()>>8), byte(from.Port())
	return o
}

// cookie computes the cookie into a new array.
func (e *epoch) cookie(o origin, echo []byte) (c [wire.CookieSize]byte) {
	m, ok := e.macs.Get().(*mac)
	if !ok {
		m = &mac{hash: hmac.New(sha256.New, e.secret[:])}
	}
	m.hash.Reset()
	copy(m.in[:], o[:])
	copy(m.in[len(o):], echo)
	m.hash.Write(m.in[:])
	m.hash.Write(e.public)
	copy(c[:], m.hash.Sum(m.out[:0]))
	e.macs.Put(m)
	return c
}

func (e *epoch) valid(o origin, echo, cookie []byte) bool {
	c := e.cookie(o, echo)
	return hmac.Equal(c[:], cookie)
}

// epochs holds the epoch that issues and the one before. It is safe for many goroutines:
// they only read a pointer, and the first to find the minute over makes the next epoch.
type epochs struct {
	now    atomic.Pointer[epochPair]
	mu     sync.Mutex // held while rotating
	random io.Reader
}

type epochPair struct{ current, previous *epoch }

// current returns the epoch for CHALLENGEs, a fresh one when its minute is over.
func (s *epochs) current(now time.Time) *epoch {
	if p := s.now.Load(); p != nil && p.current.issues(now) {
		return p.current
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.now.Load()
	if p != nil && p.current.issues(now) {
		return p.current // another goroutine was first
	}
	next := &epochPair{current: newEpoch(now, s.random)}
	if p != nil && p.current.accepts(now) {
		next.previous = p.current
	}
	s.now.Store(next)
	return next.current
}

// find returns the accepted epoch that made the cookie, or nil.
func (s *epochs) find(now time.Time, o origin, echo, cookie []byte) *epoch {
	p := s.now.Load()
	if p == nil {
		return nil
	}
	for _, e := range []*epoch{p.current, p.previous} {
		if e != nil && e.accepts(now) && e.valid(o, echo, cookie) {
			return e
		}
	}
	return nil
}

// erase forgets epochs that nobody may use any more and returns when to call it again
// (zero: there is none). Otherwise an idle node would keep its last prekey for ever.
func (s *epochs) erase(now time.Time) (next time.Time) {
	p := s.now.Load()
	if p == nil {
		return time.Time{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p = s.now.Load()
	switch {
	case !p.current.accepts(now):
		s.now.Store(nil)
		return time.Time{}
	case p.previous != nil && !p.previous.accepts(now):
		s.now.Store(&epochPair{current: p.current})
	}
	if p = s.now.Load(); p.previous != nil {
		return p.previous.began.Add(epochAccept)
	}
	return p.current.began.Add(epochAccept)
}
