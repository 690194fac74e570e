package dgram

import "slices"

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
