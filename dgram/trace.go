package dgram

import (
	"net/netip"
	"strings"

	"darkchat/dgram/wire"
)

// A Trace describes one datagram, for somebody who looks for a fault. It is written down only on
// request, since it has addresses. It has no texts, names or keys.
type Trace struct {
	Sent     bool
	Addr     netip.AddrPort // where it came from, or went to
	Size     int            // bytes of UDP payload
	Packet   string         // HELLO, CHALLENGE, HANDSHAKE, ACCEPT, DATA
	Dropped  string         // why it was dropped, by the names of spec/wire.md 8; empty: it was not
	Messages []string       // Message.Summary of each that could be read
}

// Trace describes a received datagram, opened or dropped.
func (o Opened) Trace() Trace {
	t := Trace{Addr: o.from, Size: o.size, Packet: o.kind.String(), Messages: summaries(o.said.messages)}
	t.Drop(o.reason)
	return t
}

// Drop notes why the datagram was dropped after all; CountNothing: it was not.
func (t *Trace) Drop(why Counter) {
	if why != CountNothing {
		t.Dropped = strings.TrimPrefix(why.String(), "dropped_")
	}
}

// Trace describes a datagram to send.
func (d Datagram) Trace() Trace {
	return Trace{Sent: true, Addr: d.To, Size: len(d.Bytes), Packet: d.kind.String(), Messages: summaries(d.says)}
}

func summaries(ms []wire.Message) (lines []string) {
	for _, m := range ms {
		lines = append(lines, m.Summary())
	}
	return lines
}

// summarize returns one log line about the messages of a datagram.
func summarize(ms []wire.Message) string {
	return strings.Join(summaries(ms), "; ")
}
