package dgram

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// Summary returns one log line about the message: kind, id, attempt, what it asks for, how many acks
// ride along. It contains no text and no name, since more people may read a log than a screen.
func (m Message) Summary() string {
	var b strings.Builder
	if m.Body == nil {
		b.WriteString("nothing")
	} else {
		b.WriteString(m.Kind().String())
		field(&b, "id", m.ID)
		if m.Attempt > 0 {
			field(&b, "attempt", m.Attempt)
		}
	}
	switch body := m.Body.(type) {
	case Online:
		field(&b, "record", uint64(len(body.Record)))
	case Offline:
		field(&b, "record", uint64(len(body.Record)))
	case Ping:
		b.WriteString(" " + body.Scope.String())
		word(&b, "session", body.Session)
		word(&b, "by", body.By)
		if len(body.Targets) > 0 {
			field(&b, "targets", uint64(len(body.Targets)))
		}
	case ListRequest:
		word(&b, "of", body.Of)
		field(&b, "credit", body.Credit)
	case List:
		field(&b, "request", body.Request)
		field(&b, "summaries", uint64(len(body.Summaries)))
		field(&b, "records", uint64(len(body.Records)))
	case Text:
		field(&b, "prev", body.Prev)
		field(&b, "bytes", uint64(len(body.Text)))
		if body.Parts > 1 {
			b.WriteString(" part=" + strconv.FormatUint(body.Part+1, 10) + "/" + strconv.FormatUint(body.Parts, 10))
		}
	case Hold:
		word(&b, "to", body.To[:])
		word(&b, "from", body.From[:])
		field(&b, "text", body.Text)
	case Receipt:
		word(&b, "to", body.To[:])
		word(&b, "from", body.From[:])
		field(&b, "text", body.Text)
	case Acknowledgement:
		if body.Pad > 0 {
			field(&b, "pad", uint64(body.Pad))
		}
	}
	if len(m.Acks) > 0 {
		field(&b, "acks", uint64(len(m.Acks)))
	}
	return b.String()
}

// String returns the scope as a word.
func (s Scope) String() string {
	switch s {
	case ScopeProbe:
		return "probe"
	case ScopeFind:
		return "find"
	case ScopeExplode:
		return "explode"
	case ScopeReach:
		return "reach"
	}
	return "unknown"
}

func field(b *strings.Builder, name string, v uint64) {
	b.WriteString(" " + name + "=" + strconv.FormatUint(v, 10))
}

// word appends the beginning of an id that is a byte string, enough to recognise it.
func word(b *strings.Builder, name string, v []byte) {
	if len(v) > 0 {
		b.WriteString(" " + name + "=" + hex.EncodeToString(v[:min(len(v), 8)]))
	}
}

// summarize returns one log line about the messages of a datagram.
func summarize(ms []Message) string {
	return strings.Join(summaries(ms), "; ")
}
