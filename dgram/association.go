package dgram

import (
	"crypto/cipher"
	"net/netip"
	"sync/atomic"
	"time"
)

// association is a pair of transport keys with one peer session: a cache entry
// that either side may forget at any moment (spec/theory.md 2).
type association struct {
	// Set when it is made; any goroutine may read these.
	local, remote uint32 // indexes: what the peer writes, what we write
	hash          [32]byte
	caller        bool // we sent the HANDSHAKE
	made          time.Time
	receive, send cipher.AEAD

	reading reading // shared by the readers, too

	// The loop's alone.
	link      *link
	path      path
	counter   uint64 // of the next datagram
	seen      replayWindow
	count     uint64    // datagrams that were received
	heard     time.Time // the last of them
	silence   silence
	confirmed bool // the peer showed that it has the keys
	proof     proof
	owes      bool // the peer cannot know yet that we have them: send something
	retired   bool // the peer seems to have lost the keys: receive only
	dismissed bool // the peer said goodbye: erased when what it is owed has been sent
	erased    bool
	segment   segment
	knows     bool          // the peer has our record
	trip      time.Duration // what its handshake took at most; 0: not known
	reply     reply
}

// reading is how the readers treat the DATA of an association.
type reading struct {
	favoured atomic.Bool // of a pinned peer: it is read before others'
	spent    *bucket     // while it is not; under admission's lock
	little   *bucket     // when all such have used up theirs; likewise
}

// silence is what was not answered since the last datagram that was received.
type silence struct {
	asked time.Time // sent directly and to be answered, the first of it; zero: nothing
	mute  bool      // that was too long ago
}

// proof is what there is about an association until it is confirmed.
type proof struct {
	got, gave int       // bytes that came by it and that were sent on it
	fresh     bool      // there was none with this session when it was made
	called    bool      // an announcement of theirs brought us together
	assurance assurance // of a caller
	counted   crowd     // that it counts against; zero: none
}

// reply is our ACCEPT, the answerer's.
type reply struct {
	salt  [saltSize]byte
	bytes []byte    // kept until it is confirmed or its epoch is over
	first time.Time // when it was first sent,
	at    time.Time // and last
	times int       // how often it was sent unasked, at most acceptSends
	again time.Time // when it goes again
}

// path is where datagrams go, and the own address they leave from.
type path struct {
	to    netip.AddrPort
	local netip.Addr
}

// best returns the direct or the relayed association to send on, nil if there is
// none that the peer has not lost the keys of.
//
// Of each direction (who called) one counts: a caller that calls again has lost the
// keys or replaces them. If both directions have one and they were made within
// bothAtOnce, both sides called at once and both send on the one with the smaller
// handshake hash; else the newest is it. Two things go before: what the peer has
// confirmed, since an ACCEPT may be lost; and where the peer was heard of late,
// since it may have lost the keys of the other (spec/theory.md 2.2).
func best(list []*association, relayed bool) *association {
	var one [2]*association
	for _, a := range list {
		if a.retired || a.relayed() != relayed {
			continue
		}
		i := 0
		if a.caller {
			i = 1
		}
		if one[i] == nil || a.replaces(one[i]) {
			one[i] = a
		}
	}
	a, b := one[0], one[1]
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.heard.Sub(b.heard) > silentAfter:
		return a
	case b.heard.Sub(a.heard) > silentAfter:
		return b
	case a.confirmed != b.confirmed:
		if a.confirmed {
			return a
		}
		return b
	case a.made.Sub(b.made).Abs() <= bothAtOnce:
		if less(a, b) {
			return a
		}
		return b
	case a.made.After(b.made):
		return a
	}
	return b
}

// replaces says whether a goes before b, of the same direction: it is newer, and
// if it is not confirmed, b was not heard of since.
func (a *association) replaces(b *association) bool {
	if a.made.Equal(b.made) {
		return less(a, b)
	}
	if a.made.Before(b.made) {
		return a.confirmed && !b.confirmed && a.heard.After(b.made)
	}
	return a.confirmed || !b.confirmed || !b.heard.After(a.made)
}

// newestOf returns the newest of those that are all retired: better than nothing.
func newestOf(list []*association) (n *association) {
	for _, a := range list {
		if n == nil || a.made.After(n.made) {
			n = a
		}
	}
	return n
}

// less compares handshake hashes, which are the same numbers at both ends.
func less(a, b *association) bool { return string(a.hash[:]) < string(b.hash[:]) }
