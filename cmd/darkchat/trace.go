package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"darkchat/dgram"
	"darkchat/sessions/store"
)

// traceQueue bounds the lines that wait for the disk. Lines that do not fit are dropped and
// counted: the readers of datagrams must not wait.
const traceQueue = 4096

// A tracer writes a line about each datagram that comes or goes: into a file, as JSON, for
// -trace, and into the log for -v. The lines have addresses, but no texts, names or keys.
type tracer struct {
	file  *os.File // nil: none
	lines *lineQueue
}

// openTrace opens the file for appending. An empty path means no file.
func openTrace(path string) (*tracer, error) {
	if path == "" {
		return &tracer{}, nil
	}
	f, err := store.OpenRegular(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("-trace: %w", err)
	}
	return &tracer{f, newLineQueue(f, traceQueue)}, nil
}

// traced is a line of the file. Keys that do not apply are left out.
type traced struct {
	Time     string   `json:"time"`
	Dir      string   `json:"dir"` // in, out
	Addr     string   `json:"addr"`
	Bytes    int      `json:"bytes"`
	Packet   string   `json:"packet"`
	Dropped  string   `json:"dropped,omitempty"`
	Messages []string `json:"messages,omitempty"`
}

// watch returns the function that a Loop should call, nil if nobody wants a trace.
func (t *tracer) watch(log *slog.Logger, verbose bool) func(dgram.Trace) {
	if !verbose {
		log = nil
	}
	if t.file == nil && log == nil {
		return nil
	}
	return func(d dgram.Trace) {
		dir := "in"
		if d.Sent {
			dir = "out"
		}
		if log != nil {
			rest := []any{"dir", dir, "addr", d.Addr, "bytes", d.Size, "packet", d.Packet}
			if d.Dropped != "" {
				rest = append(rest, "dropped", d.Dropped)
			}
			if len(d.Messages) > 0 {
				rest = append(rest, "messages", strings.Join(d.Messages, "; "))
			}
			log.Debug("datagram", rest...)
		}
		if t.file != nil {
			line, err := json.Marshal(traced{
				time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), dir, d.Addr.String(), d.Size, d.Packet, d.Dropped, d.Messages,
			})
			if err == nil { // always: it has only strings and numbers
				_, _ = t.lines.Write(append(line, '\n'))
			}
		}
	}
}

// close waits a moment for the last lines.
func (t *tracer) close() {
	if t.file == nil {
		return
	}
	t.lines.flush(time.After(flushTime))
	if n := t.lines.dropped.Load(); n > 0 {
		_, _ = fmt.Fprintf(t.file, "{\"dropped_lines\":%d}\n", n)
	}
	_ = t.file.Close()
}
