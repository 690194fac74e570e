package dgram

import "slices"

// introduces says that a message makes others say HELLO to an address that only its
// sender knows of: the request for an introduction, and what an introducer, or a
// neighbour that passes an explode on, makes of one. It travels in a DATA of full size, one
// in each, so that its sender always pays more than any third host gets for it
// (spec/wire.md 6.5).
func (m *Message) introduces() bool {
	p, ok := m.Body.(Ping)
	return ok && (p.Scope == ScopeFind || len(p.By) > 0)
}

// paid says whether an authentic datagram is as large as what it says must be.
func (d *Opened) paid() bool {
	introduces := func(m Message) bool { return m.introduces() }
	i := slices.IndexFunc(d.said.messages, introduces)
	if i < 0 {
		return true
	}
	return d.kind == kindData && d.size >= min(introductionSize, largest(d.from)) &&
		!slices.ContainsFunc(d.said.messages[i+1:], introduces)
}
