package wire

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// onlineForm is Online as it travels (spec/wire.md 5.4).
type onlineForm struct {
	_                     struct{} `cbor:",toarray"`
	Record, Observed, Ext []byte
}

func (o Online) appendTo(b []byte) ([]byte, error) { return appendForm(b, o.form()) }

func (o Online) form() onlineForm {
	return onlineForm{Record: o.Record, Observed: addrBytes(o.Observed)}
}

func (w onlineForm) body() (Body, error) {
	o := Online{Record: nonEmpty(w.Record)}
	if len(w.Observed) > 0 {
		a, err := parseAddr(w.Observed)
		if err != nil {
			return nil, err
		}
		o.Observed = a
	}
	return o, nil
}

func (o Online) check(uint64) error {
	if len(o.Record) > MaxRecord {
		return errBounds
	}
	if o.Observed != (netip.AddrPort{}) {
		return checkAddr(o.Observed)
	}
	return nil
}

func (o Online) describe(b *strings.Builder) { field(b, "record", uint64(len(o.Record))) }

func (o Online) size() int { return 2 + bytesSize(len(o.Record)) + bytesSize(addrSize(o.Observed)) }

// offlineForm is Offline as it travels (spec/wire.md 5.5).
type offlineForm struct {
	_           struct{} `cbor:",toarray"`
	Record, Ext []byte
}

func (o Offline) appendTo(b []byte) ([]byte, error) { return appendForm(b, o.form()) }

func (o Offline) form() offlineForm { return offlineForm{Record: o.Record} }

func (w offlineForm) body() (Body, error) { return Offline{Record: w.Record}, nil }

func (o Offline) check(uint64) error {
	if len(o.Record) < 1 || len(o.Record) > MaxRecord {
		return errBounds
	}
	return nil
}

func (o Offline) describe(b *strings.Builder) { field(b, "record", uint64(len(o.Record))) }

func (o Offline) size() int { return 2 + bytesSize(len(o.Record)) }

// pingForm is Ping as it travels (spec/wire.md 5.6).
type pingForm struct {
	_             struct{} `cbor:",toarray"`
	Scope         Scope
	Name          string
	User, Session []byte
	Record        []byte
	Addrs         [][]byte
	By            []byte
	Ticket        ticketForm
	Targets       []byte
	Ext           []byte
}

type ticketForm struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Sig    []byte
}

func (p Ping) appendTo(b []byte) ([]byte, error) { return appendForm(b, p.form()) }

func (p Ping) form() pingForm {
	w := pingForm{
		Scope: p.Scope, Name: p.Name, User: p.User, Session: p.Session, Record: p.Record, By: p.By,
		Ticket: ticketForm{Number: p.Ticket.Number, Sig: p.Ticket.Sig},
	}
	for _, a := range p.Addrs {
		w.Addrs = append(w.Addrs, addrBytes(a))
	}
	for _, t := range p.Targets {
		w.Targets = append(w.Targets, t[:]...)
	}
	return w
}

func (w pingForm) body() (Body, error) {
	p := Ping{
		Scope: w.Scope, Name: w.Name, User: nonEmpty(w.User), Session: nonEmpty(w.Session),
		Record: nonEmpty(w.Record), By: nonEmpty(w.By),
		Ticket: Ticket{Number: w.Ticket.Number, Sig: nonEmpty(w.Ticket.Sig)},
	}
	if len(w.Addrs) > MaxPingAddrs {
		return nil, errBounds
	}
	for _, b := range w.Addrs {
		a, err := parseAddr(b)
		if err != nil {
			return nil, err
		}
		p.Addrs = append(p.Addrs, a)
	}
	if len(w.Targets)%len(PeerID{}) != 0 {
		return nil, errBounds
	}
	for t := w.Targets; len(t) > 0; t = t[len(PeerID{}):] {
		p.Targets = append(p.Targets, PeerID(t))
	}
	return p, nil
}

func (p Ping) check(uint64) error {
	if p.Scope > ScopeReach || len(p.Targets) > MaxTargets || len(p.Targets) > 0 && p.Scope != ScopeExplode || len(p.Name) > MaxName || !utf8.ValidString(p.Name) ||
		!lengthIs(p.User, 0, 32) || !lengthIs(p.Session, 0, 8) || len(p.Record) > MaxRecord ||
		len(p.Addrs) > MaxPingAddrs || !lengthIs(p.By, 0, 8) || !lengthIs(p.Ticket.Sig, 0, 64) {
		return errBounds
	}
	for _, a := range p.Addrs {
		if err := checkAddr(a); err != nil {
			return err
		}
	}
	switch {
	case p.Scope == ScopeProbe && (!p.bare() || len(p.Session) > 0):
		return errBounds
	case p.Scope == ScopeReach && (!p.bare() || len(p.Session) == 0):
		return errBounds
	}
	return nil
}

// bare reports whether only scope and session are set, as it must be in a probe and in a
// question about a session.
func (p Ping) bare() bool {
	return p.Name == "" && len(p.User)+len(p.Record)+len(p.Addrs)+len(p.By)+len(p.Ticket.Sig) == 0 &&
		p.Ticket.Number == 0
}

// asksOthers says whether a Ping is confirmed: whether it is more than a question whose answer is an ack.
func asksOthers(b Body) bool {
	p, ok := b.(Ping)
	return ok && (p.Scope == ScopeFind || p.Scope == ScopeExplode)
}

func (p Ping) describe(b *strings.Builder) {
	b.WriteString(" " + p.Scope.String())
	word(b, "session", p.Session)
	word(b, "by", p.By)
	if len(p.Targets) > 0 {
		field(b, "targets", uint64(len(p.Targets)))
	}
}

func (p Ping) size() int {
	const threeArraysScopeAndExt = 5
	n := threeArraysScopeAndExt + bytesSize(len(p.Targets)*len(PeerID{})) + bytesSize(len(p.Name)) + bytesSize(len(p.User)) + bytesSize(len(p.Session)) +
		bytesSize(len(p.Record)) + bytesSize(len(p.By)) + HeadSize(p.Ticket.Number) + bytesSize(len(p.Ticket.Sig))
	for _, a := range p.Addrs {
		n += bytesSize(addrSize(a))
	}
	return n
}

// lengthIs reports whether b has one of the two lengths.
func lengthIs(b []byte, one, other int) bool { return len(b) == one || len(b) == other }

// nonEmpty keeps nil the only form of an empty byte string.
func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// parseAddr reads an address of the wire, IP and big-endian port (spec/wire.md 4.5).
func parseAddr(b []byte) (netip.AddrPort, error) {
	if len(b) != 6 && len(b) != 18 {
		return netip.AddrPort{}, errBounds
	}
	ip, _ := netip.AddrFromSlice(b[:len(b)-2])
	a := netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[len(b)-2:]))
	return a, checkAddr(a)
}

// checkAddr requires an unmapped address without a zone, and a port that is not 0.
func checkAddr(a netip.AddrPort) error {
	if !a.IsValid() || a.Port() == 0 || a.Addr().Is4In6() || a.Addr().Zone() != "" {
		return errBounds
	}
	return nil
}

// addrBytes returns the wire form, nothing for the zero AddrPort.
func addrBytes(a netip.AddrPort) []byte {
	if !a.IsValid() {
		return nil
	}
	return binary.BigEndian.AppendUint16(a.Addr().AsSlice(), a.Port())
}

func addrSize(a netip.AddrPort) int {
	if !a.IsValid() {
		return 0
	}
	return a.Addr().BitLen()/8 + 2
}
