package wire

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
		m.Body.describe(&b)
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
