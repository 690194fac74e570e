package nodetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/kv"
)

// spans is into how many parts of equal length the time of a run is cut: each has a digest of
// its own, so that one sees when two runs part.
const spans = 8

// Record takes down what leaves the nodes of one run: datagrams, with when, by whom and to
// whom; events; and what is written. Calls for different nodes may come from different
// goroutines.
type Record struct {
	begin time.Time
	span  time.Duration
	tells bool
	nodes []taken
}

// taken is what was taken down of one node.
type taken struct {
	sums   [spans]hash.Hash
	counts map[string]int // by two words: what happened, and of what kind
	lines  []line         // if the conversation is wanted
}

// line is one of a conversation.
type line struct {
	at   time.Duration
	text string
}

// NewRecord begins the record of a run that lasts from begin for a while. tells has it keep
// the conversation, too, which takes room.
func NewRecord(begin time.Time, lasts time.Duration, nodes int, tells bool) *Record {
	r := &Record{begin: begin, span: lasts / spans, tells: tells, nodes: make([]taken, nodes)}
	for i := range r.nodes {
		r.nodes[i].counts = map[string]int{}
		for k := range r.nodes[i].sums {
			r.nodes[i].sums[k] = sha256.New()
		}
	}
	return r
}

// Sent takes down a datagram of a node's.
func (r *Record) Sent(node int, now time.Time, d dgram.Datagram) {
	n := &r.nodes[node]
	n.counts["sent datagrams"]++
	n.counts["sent bytes"] += len(d.Bytes)
	way := fmt.Sprintf("%v %v %d", d.To, d.Local, d.Interface)
	r.add(n, now, "sent", []byte(way), d.Bytes)
	if r.tells {
		sum := sha256.Sum256(d.Bytes)
		r.line(node, now, "> %s  %d B %x", way, len(d.Bytes), sum[:4])
	}
}

// Shown takes down an event of a node's.
func (r *Record) Shown(node int, now time.Time, e neighbors.Event) {
	n := &r.nodes[node]
	kind, text := told(e)
	n.counts["shown "+kind]++
	r.add(n, now, "shown", []byte(text))
	if r.tells {
		r.line(node, now, "! %s", text)
	}
}

// Wrote takes down a batch that is on a node's disk.
func (r *Record) Wrote(node int, now time.Time, batch []kv.Write) {
	n := &r.nodes[node]
	for _, w := range batch {
		n.counts["wrote "+w.Bucket.String()]++
		absent := []byte{0} // other than an empty value
		if w.Value != nil {
			absent = nil
		}
		r.add(n, now, "wrote", []byte{byte(w.Bucket)}, w.Key, absent, w.Value)
		if r.tells {
			sum := sha256.Sum256(w.Value)
			r.line(node, now, "w %s %x  %d B %x", w.Bucket, w.Key, len(w.Value), sum[:4])
		}
	}
}

// Came counts what came to a node by what it says. That is no part of the digest: it left
// somebody before.
func (r *Record) Came(node int, now time.Time, o dgram.Opened) {
	n := &r.nodes[node]
	for _, what := range says(o) {
		n.counts["came "+what]++
	}
	if r.tells {
		r.line(node, now, "< %s", o.Summary())
	}
}

// add puts something into the digest of its span.
func (r *Record) add(n *taken, now time.Time, kind string, fields ...[]byte) {
	at := now.Sub(r.begin)
	b := binary.BigEndian.AppendUint64([]byte(kind), uint64(at))
	for _, f := range fields {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(f))), f...)
	}
	n.sums[min(max(int(at/r.span), 0), spans-1)].Write(b)
}

func (r *Record) line(node int, now time.Time, format string, args ...any) {
	at := now.Sub(r.begin)
	text := fmt.Sprintf("%-12v %3d "+format, append([]any{at, node}, args...)...)
	r.nodes[node].lines = append(r.nodes[node].lines, line{at, text})
}

// says lists what is to be counted of a datagram: its type, and the kind of each message in
// it, or that it was dropped.
func says(o dgram.Opened) []string {
	summary := o.Summary()
	packet, _, _ := strings.Cut(summary, " ")
	if o.Reason() != dgram.CountNothing {
		return []string{packet, "dropped"}
	}
	list := []string{packet}
	_, said, _ := strings.Cut(summary, ": ")
	if _, after, ok := strings.Cut(said, " messages: "); ok {
		said = after
	}
	for m := range strings.SplitSeq(said, "; ") {
		if kind, _, _ := strings.Cut(m, " "); kind != "" {
			list = append(list, kind)
		}
	}
	return list
}

// told is an event in words that are the same on all machines, and after an event got a
// field that is not used: what is zero is left out, and times are UTC.
func told(e neighbors.Event) (kind, text string) {
	v := reflect.ValueOf(e)
	kind = v.Type().Name()
	var b strings.Builder
	b.WriteString(kind)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() {
			continue
		}
		switch x := v.Field(i).Interface().(type) {
		case time.Time:
			fmt.Fprintf(&b, " %s=%s", f.Name, x.UTC().Format(time.RFC3339Nano))
		case neighbors.Who:
			fmt.Fprintf(&b, " %s=%x", f.Name, x[:4])
		case string, []string:
			fmt.Fprintf(&b, " %s=%q", f.Name, x)
		default:
			fmt.Fprintf(&b, " %s=%v", f.Name, x)
		}
	}
	return kind, b.String()
}

// Text is what is kept of the run: a digest of all of it, one of each span by its end, and
// the counts.
func (r *Record) Text() string {
	var b strings.Builder
	whole, counts := sha256.New(), map[string]int{}
	b.WriteString("until")
	for k := range spans {
		part := sha256.New()
		for _, n := range r.nodes {
			part.Write(n.sums[k].Sum(nil))
		}
		sum := part.Sum(nil)
		whole.Write(sum)
		fmt.Fprintf(&b, " %v=%x", time.Duration(k+1)*r.span, sum[:4])
	}
	for _, n := range r.nodes {
		for what, count := range n.counts {
			counts[what] += count
		}
	}
	group := ""
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		of, kind, _ := strings.Cut(what, " ")
		if of != group {
			b.WriteString("\n" + of)
			group = of
		}
		fmt.Fprintf(&b, " %s=%d", kind, counts[what])
	}
	return fmt.Sprintf("digest all=%x\n%s\n", whole.Sum(nil)[:16], b.String())
}

// Conversation is the run, a line for each thing that came (<), was sent (>), shown (!) or
// written (w), in the order of time.
func (r *Record) Conversation() []byte {
	var all []line
	for _, n := range r.nodes {
		all = append(all, n.lines...)
	}
	slices.SortStableFunc(all, func(a, b line) int { return int(min(max(a.at-b.at, -1), 1)) })
	var b bytes.Buffer
	for _, l := range all {
		b.WriteString(l.text + "\n")
	}
	return b.Bytes()
}
