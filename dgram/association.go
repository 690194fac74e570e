package dgram

import (
	"crypto/cipher"
	"net/netip"
	"time"

	"darkchat/dgram/wire"
)

// association is a pair of transport keys with one peer session: a cache entry
// that either side may forget at any moment (spec/theory.md 2).
type association struct {
	// Set when it is made; any goroutine may read them.
	local, remote uint32 // indexes: what the peer writes, what we write
	hash          [32]byte
	caller        bool // we sent the HANDSHAKE
	made          time.Time
	receive, send cipher.AEAD

	reading reading // shared by the readers, too

	// Only for the loop.
	link      *link
	path      path
	counter   uint64 // of the next datagram
	seen      replayWindow
	count     uint64    // datagrams received
	heard     time.Time // when the last of them came
	silence   silence
	confirmed bool // the peer has shown that it has the keys
	proof     proof
	owes      bool // the peer cannot know yet that we have the keys: send something
	retired   bool // the peer seems to have lost the keys: receive only
	dismissed bool // the peer said goodbye: erased when what it is owed has been sent
	erased    bool
	segment   segment
	knows     bool          // the peer has our record
	trip      time.Duration // upper bound of the round trip, from its handshake; 0: not known
	reply     reply
}

// silence is what has gone unanswered since the last datagram received.
type silence struct {
	asked time.Time // when the first of it, sent directly and to be answered, left; zero: nothing is
	mute  bool      // asked is too long ago
}

// proof is the state of an association that matters until it is confirmed.
type proof struct {
	got, gave int       // bytes received and sent on it
	fresh     bool      // there was no other with this session when it was made
	called    bool      // an announcement of theirs brought us together
	assurance assurance // if we are the caller
	counted   crowd     // the crowd that it counts against; zero: none
}

// reply is our ACCEPT, if we are the answerer.
type reply struct {
	salt  [wire.SaltSize]byte
	bytes []byte    // kept until the association is confirmed or the epoch is over
	first time.Time // when it was first sent,
	at    time.Time // and last
	times int       // how often it was sent unasked, at most acceptSends
	again time.Time // when it goes again
}

// path is where datagrams go, and our address they leave from.
type path struct {
	to    netip.AddrPort
	local netip.Addr
}

// best returns the direct or the relayed association to send on, nil if the peer has
// lost the keys of all.
//
// Of each direction (who called) one counts: a caller that calls again has lost the keys
// or replaces them. If both directions have one and they were made within bothAtOnce, both
// sides called at once, and both send on the one with the smaller handshake hash;
// otherwise the newest is best. Two things take precedence: that the peer has confirmed
// an association, since an ACCEPT may be lost; and that the peer was heard on one lately,
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

// replaces says whether a is preferred to b, of the same direction: it is newer and, if
// it is not confirmed, nothing has come on b since.
func (a *association) replaces(b *association) bool {
	if a.made.Equal(b.made) {
		return less(a, b)
	}
	if a.made.Before(b.made) {
		return a.confirmed && !b.confirmed && a.heard.After(b.made)
	}
	return a.confirmed || !b.confirmed || !b.heard.After(a.made)
}

// newestOf returns the newest of associations that are all retired: better than nothing.
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
