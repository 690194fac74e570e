package simnet

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
	"time"
)

// maxTrace bounds the lines that are kept; the oldest go first.
const maxTrace = 4096

// trace is the conversation: its last lines, and a checksum over all.
type trace struct {
	lines []line
	count uint64 // all lines ever
	sum   uint64
	begin time.Time
	label func([]byte) string
}

// line is one datagram sent.
type line struct {
	at       time.Duration // since the first
	from, to netip.AddrPort
	size     int
	label    string
	fate     string // empty: it goes its way
}

func (t *trace) note(now time.Time, from, to netip.AddrPort, b []byte, fate string) {
	if t.count == 0 {
		t.begin = now
	}
	l := line{at: now.Sub(t.begin), from: from, to: to, size: len(b), fate: fate}
	if t.label != nil {
		l.label = t.label(b)
	}
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, t.sum))
	h.Write(b)
	fmt.Fprint(h, l)
	t.sum = h.Sum64()
	if len(t.lines) < maxTrace {
		t.lines = append(t.lines, l)
	} else {
		t.lines[t.count%maxTrace] = l
	}
	t.count++
}

// Label makes f, which must be quick, describe the datagram of every line of the trace.
func (n *Net) Label(f func([]byte) string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trace.label = f
}

// Trace returns the conversation, the last maxTrace datagrams, one a line: for the message
// of a failed test.
func (n *Net) Trace() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := &n.trace
	var b strings.Builder
	first := uint64(0)
	if t.count > maxTrace {
		first = t.count - maxTrace
		fmt.Fprintf(&b, "(%d datagrams before)\n", first)
	}
	for i := first; i < t.count; i++ {
		l := t.lines[i%maxTrace]
		fmt.Fprintf(&b, "%12v %v > %v %4d B", l.at, l.from, l.to, l.size)
		for _, s := range []string{l.label, l.fate} {
			if s != "" {
				b.WriteString("  " + s)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Sum returns the number of datagrams ever sent and a checksum over all of them,
// their times, contents and fates: equal for two identical runs.
func (n *Net) Sum() (count, sum uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.trace.count, n.trace.sum
}
