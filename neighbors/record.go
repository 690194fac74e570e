package neighbors

import (
	"bytes"
	"crypto/ecdh"
	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
	"darkchat/sessions/store"
	"errors"
	"fmt"
	"time"
)

// begin makes the endpoint of our session's key, and the record that vouches for it.
func (n *Node) begin(now time.Time) error {
	private, err := ecdh.X25519().NewPrivateKey(n.core.cfg.Session[:])
	if err != nil {
		return fmt.Errorf("session key: %w", err)
	}
	n.core.own.static = [32]byte(private.PublicKey().Bytes())
	n.core.own.session = identity.MakeSessionID(n.core.own.user, n.core.own.static)
	n.core.ep = nil // the old endpoint must not get a record of another key
	if err := n.sign(n.presence()); err != nil {
		return err
	}
	var suite dgram.Suite
	if n.core.cfg.Crypto != nil {
		suite = n.core.cfg.Crypto.Suite
	}
	n.core.ep, err = dgram.New(dgram.Config{
		Private: n.core.cfg.Session, Record: n.core.own.signed, Check: check(n.core.own.signatures), Random: n.core.cfg.Random, Seed: n.core.cfg.Seed, Suite: suite,
		SameLink: n.core.links.near, Crowd: n.core.links.crowd, MaxAssociations: n.core.cfg.mostSessions(),
	}, now)
	return err
}

// check makes the pure function by which dgram verifies a record. It runs on the
// readers' goroutines.
func check(by identity.Signatures) dgram.Check {
	return func(record, static []byte) (dgram.Peer, error) {
		rec, err := identity.VerifyBy(by, record)
		if err != nil {
			return dgram.Peer{}, err
		}
		if !bytes.Equal(rec.Static[:], static) {
			return dgram.Peer{}, errOtherKey
		}
		return dgram.Peer{ID: wire.PeerID(rec.Session), User: [32]byte(rec.User), Static: rec.Static, Seq: rec.Seq}, nil
	}
}

var errOtherKey = errors.New("the record belongs to another key")

// sign makes our record anew: only its owner raises its sequence number.
func (n *Node) sign(state identity.State) error {
	seq, err := n.core.own.numbers.take(store.CounterSeq, 1)
	if err != nil {
		return err
	}
	r := identity.Record{
		Name: n.core.cfg.Name, User: n.core.own.user, Static: n.core.own.static, Session: n.core.own.session,
		Seq: seq, State: state, Lifetime: recordLife,
	}
	if n.core.cfg.Seed {
		r.Flags = identity.FlagSeed | identity.FlagRelay
	}
	r.Flags |= n.core.cfg.Intro.flags()
	if n.core.nat.symmetric {
		r.Flags |= identity.FlagHardNAT
	}
	r.Addrs, r.Hold = n.core.nat.recordAddrs(), n.inbound.holdKeys.keys.Public()
	signed, err := identity.SignBy(n.core.own.signatures, n.core.cfg.Key, r)
	if err != nil {
		return err
	}
	n.core.own.record, n.core.own.signed = r, signed
	if n.core.ep != nil {
		n.core.ep.SetRecord(signed)
	}
	return nil
}

// presence is what our record says while we are here.
func (n *Node) presence() identity.State {
	if n.core.own.away {
		return identity.StateAway
	}
	return identity.StateOnline
}

// redeclare signs our record anew and hands it to every neighbour.
func (n *Node) redeclare(now time.Time) error {
	if err := n.sign(n.presence()); err != nil {
		return err // without a number the old record stands a while longer
	}
	for _, e := range n.core.edges.live() {
		n.core.ep.Send(now, wire.PeerID(e.id), wire.Message{ID: n.core.ep.NextID(), Body: wire.Online{Record: n.core.own.signed, Observed: e.told}})
	}
	return nil
}
