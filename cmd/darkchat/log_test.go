package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
)

// However often people come and go, the log of a seed stays small, says how much was left out, and
// names nobody.
func TestLogIsBounded(t *testing.T) {
	var out bytes.Buffer
	l := eventLog{log: slog.New(slog.NewTextHandler(&out, nil))}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const span = 10
	for i := range span * 1000 {
		now = now.Add(time.Millisecond)
		session := fmt.Sprintf("%016x", i)
		l.event(now, neighbors.CameOnline{User: "ann", Session: session, Trust: "new"})
		l.event(now, neighbors.WentOffline{User: "ann", Session: session, Trust: "new", Reason: neighbors.ReasonDeclared})
	}
	l.count()
	l.count()
	text := out.String()
	lines := strings.Count(text, "\n")
	if most := logAtOnce + span*10 + 2; lines < logAtOnce || lines > most {
		t.Errorf("%d lines, at most %d are allowed", lines, most)
	}
	if n := strings.Count(text, "more came and went"); n != 1 {
		t.Errorf("%d lines about what was left out", n)
	}
	if strings.Contains(text, "ann") {
		t.Error("a name is in the log")
	}
	now = now.Add(time.Minute)
	out.Reset()
	l.event(now, neighbors.CameOnline{User: "ann", Session: "0000000000000001", Trust: "new"})
	if !strings.Contains(out.String(), "msg=online session=0000000000000001 trust=new") {
		t.Errorf("afterwards %q", out.String())
	}
	out.Reset()
	l.log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l.event(now, neighbors.CameOnline{User: "ann", Session: "0000000000000001", Trust: "new"})
	if !strings.Contains(out.String(), "user=ann") {
		t.Errorf("with -v %q", out.String())
	}
}
