package main

import (
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"darkchat/neighbors"
)

// logQueue bounds the log lines that wait for a slow reader of stderr. What does
// not fit is dropped and counted.
const logQueue = 256

// newLog returns the log, or nil when there is none: a client logs only when it
// was asked to, and nobody draws lines across the prompt of a person.
func newLog(c config, w io.Writer, screen bool) *slog.Logger {
	if screen || !c.seed && !c.verbose {
		return nil
	}
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.verbose {
		options.Level = slog.LevelDebug
	}
	if c.log == logJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// lineQueue is a writer that never blocks: the loop must not wait for stderr.
type lineQueue struct {
	lines   chan []byte
	done    chan struct{}
	dropped atomic.Uint64
}

func newLineQueue(w io.Writer) *lineQueue {
	q := &lineQueue{lines: make(chan []byte, logQueue), done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for line := range q.lines {
			_, _ = w.Write(line) // there is no other place to say that this failed
		}
	}()
	return q
}

// Write queues one whole line, as slog's handlers give them.
func (q *lineQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// flush ends the queue and waits for what is in it, until give.
func (q *lineQueue) flush(give <-chan time.Time) {
	close(q.lines)
	select {
	case <-q.done:
	case <-give:
	}
}

// logEvent logs what an operator wants to see. Texts of people are not among it.
func logEvent(log *slog.Logger, e neighbors.Event) {
	switch e := e.(type) {
	case neighbors.CameOnline:
		log.Info("online", "user", e.User, "session", e.Session, "trust", e.Trust)
	case neighbors.WentOffline:
		log.Info("offline", "user", e.User, "session", e.Session, "reason", e.Reason)
	case neighbors.Notice:
		log.Warn("notice", "text", e.Text)
	case neighbors.FirstContact:
		log.Debug("first contact", "user", e.User, "fingerprint", e.Fingerprint)
	case neighbors.PathChange:
		log.Debug("path", "user", e.User, "session", e.Session, "path", e.Path, "why", e.Why)
	case neighbors.Incoming:
		log.Debug("message", "id", e.ID, "user", e.From, "session", e.Session, "bytes", len(e.Text))
	case neighbors.Delivery:
		log.Debug("delivery", "id", e.ID, "user", e.To, "state", string(e.State), "acked", e.Acked, "sessions", e.Sessions)
	}
}
