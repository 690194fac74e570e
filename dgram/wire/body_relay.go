package wire

import "strings"

// Relay carries one datagram through a node with which both sides are associated. On the way to
// the relay Session is the recipient, on the way from it the sender.
type Relay struct {
	Session  PeerID
	Datagram []byte // one packet of this protocol, at most MaxRelayed bytes
}

// Kind returns KindRelay.
func (Relay) Kind() Kind { return KindRelay }

// relayForm is Relay as it travels (spec/wire.md 5.12).
type relayForm struct {
	_                      struct{} `cbor:",toarray"`
	Session, Datagram, Ext []byte
}

func (r Relay) appendTo(b []byte) ([]byte, error) { return appendForm(b, r.form()) }

func (r Relay) form() relayForm { return relayForm{Session: r.Session[:], Datagram: r.Datagram} }

func (w relayForm) body() (Body, error) {
	if len(w.Session) != len(PeerID{}) {
		return nil, errBounds
	}
	return Relay{PeerID(w.Session), w.Datagram}, nil
}

// check requires one of the five packets: a relay carries nothing else.
func (r Relay) check(uint64) error {
	if len(r.Datagram) > MaxRelayed {
		return errBounds
	}
	if _, err := ParsePacket(r.Datagram); err != nil {
		return errBounds
	}
	return nil
}

func (r Relay) size() int { return 2 + bytesSize(len(r.Session)) + bytesSize(len(r.Datagram)) }

func (r Relay) describe(*strings.Builder) {}
