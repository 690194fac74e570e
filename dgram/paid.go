package dgram

import (
	"slices"

	"darkchat/dgram/wire"
)

// paid says whether an authentic datagram is as large as its messages require.
func (d *Opened) paid() bool {
	introduces := func(m wire.Message) bool { return m.Introduces() }
	i := slices.IndexFunc(d.said.messages, introduces)
	if i < 0 {
		return true
	}
	return d.kind == wire.PacketData && d.size >= min(wire.IntroductionSize, largest(d.from)) &&
		!slices.ContainsFunc(d.said.messages[i+1:], introduces)
}
