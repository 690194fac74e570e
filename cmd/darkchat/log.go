package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"darkchat/neighbors"
)

// logQueue bounds the log lines that wait for a slow reader of stderr. Lines that do not fit are
// dropped and counted.
const logQueue = 256

// programLog is the log of a run, or the lines for a person that replace it.
type programLog struct {
	lines  *lineQueue
	log    *slog.Logger // nil: there is none
	events *eventLog
}

// openLog begins to write to stderr. close must be called once.
func openLog(c config, at surface) *programLog {
	lines := newLineQueue(at.errs, logQueue)
	// Log lines on the terminal where somebody types would run into what they type.
	log := newLog(c, lines, at.screen && term.IsTerminal(int(at.errs.Fd())))
	return &programLog{lines, log, &eventLog{log: log}}
}

// start logs the first line. port is the actual one, which may differ from the one asked for.
func (p *programLog) start(c config, port uint16) {
	if p.log != nil {
		p.log.Info("start", slog.String("user", c.user), slog.Int("port", int(port)), slog.Int("pid", os.Getpid()))
	}
}

// watch wraps a sink so that events of interest to an operator are logged.
func (p *programLog) watch(sink neighbors.Sink) neighbors.Sink {
	if p.log == nil {
		return sink
	}
	return func(e neighbors.Event) {
		p.events.event(time.Now(), e)
		sink(e)
	}
}

// lost reports that the node goes on without its input, or without its output.
func (p *programLog) lost(err error) {
	if p.log != nil {
		p.log.Warn("a stream is lost; the node goes on without it", "error", err)
		return
	}
	fmt.Fprintf(p.lines, "darkchat: %s; going on without it\n", printable(err.Error()))
}

// close waits a moment for the last lines.
func (p *programLog) close() {
	p.events.count()
	if n := p.lines.dropped.Load(); n > 0 && p.log != nil {
		p.log.Warn("log lines were dropped", "count", n)
	}
	p.lines.flush(time.After(flushTime))
}

// flushTime is how long the end waits for a slow reader of the log.
const flushTime = 200 * time.Millisecond

// newLog returns the log, or nil for none: a client logs only when asked to, and never where it would
// be in the way.
func newLog(c config, w io.Writer, inTheWay bool) *slog.Logger {
	if inTheWay || !c.seed && !c.verbose {
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
	mu      sync.RWMutex // of lines being closed
	closed  bool
	lines   chan []byte
	done    chan struct{}
	dropped atomic.Uint64
}

func newLineQueue(w io.Writer, room int) *lineQueue {
	q := &lineQueue{lines: make(chan []byte, room), done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for line := range q.lines {
			_, _ = w.Write(line) // there is nowhere else to report that this failed
		}
	}()
	return q
}

// Write queues one whole line, as slog's handlers write them.
func (q *lineQueue) Write(line []byte) (int, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return len(line), nil // a late timer
	}
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// flush ends the queue and waits until its lines are written, or until give.
func (q *lineQueue) flush(give <-chan time.Time) {
	q.mu.Lock()
	q.closed = true
	close(q.lines)
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-give:
	}
}

// How many lines are logged about who comes and goes: at once, and then a second. The others are
// counted, in one line now and then.
const (
	logAtOnce   = 100
	logEvery    = 100 * time.Millisecond
	logCountGap = 10 * time.Second
)

// eventLog logs events of interest to an operator. It never logs people's texts, and their names only
// with -v: who uses a seed is no business of those who read its log.
type eventLog struct {
	log *slog.Logger

	mu      sync.Mutex // a timer reports the count
	spent   float64
	at      time.Time // of spent
	online  int       // lines left out
	offline int
	later   *time.Timer // reports how many; nil: none were left out
}

func (l *eventLog) event(now time.Time, e neighbors.Event) {
	log := l.log
	switch e := e.(type) {
	case neighbors.CameOnline:
		if l.room(now, &l.online) {
			log.Info("online", l.who(e.User, "session", e.Session, "trust", e.Trust)...)
		}
	case neighbors.WentOffline:
		if l.room(now, &l.offline) {
			log.Info("offline", l.who(e.User, "session", e.Session, "reason", e.Reason)...)
		}
	case neighbors.Notice:
		log.Warn("notice", "text", e.Text)
	case neighbors.FirstContact:
		log.Debug("first contact", "user", e.User, "fingerprint", e.Fingerprint)
	case neighbors.Knock:
		log.Debug("knock", "user", e.User, "fingerprint", e.Fingerprint, "via", e.Via)
	case neighbors.PathChange:
		log.Debug("path", "user", e.User, "session", e.Session, "path", e.Path, "why", e.Why)
	case neighbors.Incoming:
		log.Debug("message", "id", e.ID, "user", e.From, "session", e.Session, "bytes", len(e.Text))
	case neighbors.Delivery:
		log.Debug("delivery", "id", e.ID, "user", e.To, "state", string(e.State), "acked", e.Acked, "sessions", e.Sessions)
	}
}

// who puts the name before the rest of a line, if names are wanted.
func (l *eventLog) who(user string, rest ...any) []any {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return append([]any{"user", user}, rest...)
	}
	return rest
}

// room says whether there is room for one more line; if not, it is counted.
func (l *eventLog) room(now time.Time, left *int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = max(0, l.spent-float64(now.Sub(l.at))/float64(logEvery))
	l.at = now
	if l.spent+1 <= logAtOnce {
		l.spent++
		return true
	}
	*left++
	if l.later == nil {
		l.later = time.AfterFunc(logCountGap, l.count)
	}
	return false
}

// count logs how many lines were left out.
func (l *eventLog) count() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.later == nil {
		return
	}
	l.later.Stop()
	l.log.Info("more came and went", "online", l.online, "offline", l.offline)
	l.online, l.offline, l.later = 0, 0, nil
}
