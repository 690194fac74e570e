package dgram

import "slices"

// introduces says that a message makes others say HELLO to an address that only its sender
// vouches for: a request for an introduction, and what an introducer, or a neighbour that
// passes an explode on, makes of it. Each travels alone in a DATA of full size, so that its
// sender always pays more than any third host gets for it (spec/wire.md 6.5).
func (m *Message) introduces() bool {
	p, ok := m.Body.(Ping)
	return ok && (p.Scope == ScopeFind || len(p.By) > 0)
}

// paid says whether an authentic datagram is as large as its messages require.
func (d *Opened) paid() bool {
	introduces := func(m Message) bool { return m.introduces() }
	i := slices.IndexFunc(d.said.messages, introduces)
	if i < 0 {
		return true
	}
	return d.kind == kindData && d.size >= min(introductionSize, largest(d.from)) &&
		!slices.ContainsFunc(d.said.messages[i+1:], introduces)
}
