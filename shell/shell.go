package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"darkchat/neighbors"
)

// Options say where and how a shell reads and writes.
type Options struct {
	// Lines come from In, as a person types them, and events go to Out. Nobody else may write
	// to Out while the shell runs.
	In  io.Reader
	Out io.Writer
	// Interactive says that In and Out are a terminal's *os.File with cursor
	// movement (not TERM=dumb). JSON switches it off.
	Interactive bool
	JSON        bool
	Color       bool          // interactive only; NO_COLOR unset
	Stay        bool          // neither the end of input nor a lost In or Out ends the shell
	Wait        time.Duration // for acknowledgements, at the end of input
	History     string        // path of the file of typed lines; empty: none
	// Open opens that file, if it is a regular one; nil: there is none.
	Open func(path string, flags int, mode fs.FileMode) (*os.File, error)
	// Lost is called once for In, and once for Out, if it fails while the shell stays. It
	// must not wait; it may be nil.
	Lost func(error)
	// Export writes the files of \export and \export-contacts; replace says that an old one may
	// be overwritten. WriteExport is one; nil: this shell writes no files.
	Export func(path, text string, replace bool) error

	Resolve func(ctx context.Context, host string) ([]netip.Addr, error) // nil: the system's
	Links   func() []string                                              // names of the interfaces that are up; nil: the system's
	Now     func() time.Time                                             // nil: time.Now; for display only
	Zone    *time.Location                                               // nil: time.Local
}

// Shell reads lines and prints events. Make one with New, give its Sink to the
// node, then Run it once.
type Shell struct {
	opt      Options
	queue    *queue
	requests *requests
	progress *progress
	backlog  *backlog
	unread   unread
	changed  chan struct{} // somebody came or left, or wrote: the prompt may change
	person   atomic.Bool   // there is a prompt to keep up to date
	stop     chan struct{} // Run is over
	level    atomic.Value  // of \notify
	once     sync.Once
	err      error // why Run returned 1
}

// New returns a shell. It starts nothing.
func New(opt Options) *Shell {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Zone == nil {
		opt.Zone = time.Local
	}
	if opt.Resolve == nil {
		opt.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if opt.Lost == nil {
		opt.Lost = func(error) {}
	}
	if opt.Links == nil {
		opt.Links = linkNames
	}
	if opt.JSON {
		opt.Interactive = false
	}
	if !opt.Interactive {
		opt.Color = false
	}
	s := &Shell{opt: opt, queue: newQueue(), progress: newProgress(), backlog: newBacklog(),
		changed: make(chan struct{}, 1), stop: make(chan struct{})}
	s.level.Store(notifyKnown)
	s.requests = newRequests(func(it item) { s.queue.offer(it) })
	return s
}

// Sink takes the node's events. It never waits and may be called from the node's loop, even before
// Run; events that come after Run are dropped.
func (s *Shell) Sink(e neighbors.Event) {
	if s.person.Load() {
		defer nudge(s.changed) // any event may be the first that has a new name
	}
	switch e := e.(type) {
	case neighbors.Pong:
		s.requests.answer(e.Token, e)
		return
	case neighbors.Failed:
		s.requests.answer(e.Token, e)
		return
	case neighbors.Done:
		s.requests.answer(e.Token, e)
		return
	case neighbors.Exploded:
		s.requests.answer(e.Token, e)
		return
	case neighbors.Delivery:
		s.queue.offer(item{event: e})
		s.progress.saw(e)
		if e.State == neighbors.Delivered || e.State == neighbors.Undelivered {
			nudge(s.backlog.moved)
		}
		return
	case neighbors.Incoming:
		if e.Trust == trustNew {
			s.unread.knocked(e.From, e.Who)
		} else {
			s.unread.came(e.From, e.Who)
		}
	case neighbors.Knock:
		s.unread.knocked(e.User, e.Who)
	}
	s.queue.offer(item{event: e})
}

// Notice prints a line for the person that answers no request. Any goroutine may call it; before Run
// it is kept until after ready.
func (s *Shell) Notice(text string) {
	s.queue.offer(item{report: textReport{Event: "notice", Text: text}})
}

// Interrupt answers a Ctrl-C that came as a signal. It never ends the shell.
func (s *Shell) Interrupt() {
	s.Notice(howToLeave)
}

const howToLeave = `to leave: \quit, or Ctrl-D on an empty line`

// trustNew is the trust of users whom the person does not know.
const trustNew = "new"

// flushTime bounds how long writing the last lines may take.
const flushTime = time.Second

// source is where lines come from: a pipe, or a person's editor.
type source interface {
	// run hands lines over until the end, which is a typed with an error.
	run(ctx context.Context, to chan<- typed)
	// prompt says whom the next line goes to, and what else there is to read.
	prompt(to *neighbors.Target, unread string)
	// close gives the terminal back. It does not wait for run.
	close()
}

// Run prints ready, handles the lines of In and prints events until the person leaves, the input
// ends or fails, ctx is done or Out fails; the last thing it prints is bye. It returns the exit
// code; for 1 Err says why. A Read of In may still be blocked afterwards. With Stay, output after a
// failure of Out is dropped, and texts in it do not count as printed.
func (s *Shell) Run(ctx context.Context, node Node) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &printer{queue: s.queue, out: s.opt.Out, json: s.opt.JSON, color: s.opt.Color, now: s.opt.Now,
		zone: s.opt.Zone, printed: node.Printed, failed: make(chan error, 1), done: make(chan struct{}),
		level: &s.level, person: s.opt.Interactive}
	if s.opt.Stay {
		p.lost = func(err error) { s.opt.Lost(outputLost(err)) }
	}
	c := &conversation{ctx: ctx, node: node, rows: table(), requests: s.requests, look: s.opt.Resolve, links: s.opt.Links, export: s.opt.Export,
		put: s.put, room: s.backlog, level: &s.level, unread: &s.unread}

	var from source = pipe{newReader(s.opt.In)}
	if s.opt.Interactive {
		e, err := s.edit(node, c.rows)
		if err != nil {
			s.Notice("lines cannot be edited here: " + err.Error())
			s.opt.Interactive, p.color, p.person = false, false, false
		} else {
			from, p.out, p.width = e, e.screen, e.screen.columns
			s.person.Store(true)
		}
	}
	go p.run(newReady(node.Self()))

	code := s.converse(ctx, c, from, p)
	if text := farewell(node.Outbox(), !node.Self().Unstored); text != "" {
		s.Notice(text)
	}
	cancel()
	s.once.Do(func() { close(s.stop) })
	s.queue.last(item{report: byeReport{Event: "bye"}})
	select {
	case <-p.done:
	case <-time.After(flushTime):
	}
	from.close()
	select {
	case err := <-p.failed:
		s.err = outputLost(err)
		return exitFailed
	default:
	}
	if code == exitFailed && s.err == nil {
		s.err = errRefused
	}
	return code
}

func outputLost(err error) error { return fmt.Errorf("the output can no longer be written: %w", err) }

func inputLost(err error) error { return fmt.Errorf("the input can no longer be read: %w", err) }

var errRefused = errors.New("a text line was refused and not sent: its error says why")

// Err is why Run returned 1, as a line for people; nil if it did not. Only the goroutine that called
// Run may call it.
func (s *Shell) Err() error { return s.err }

func (s *Shell) edit(node Node, rows []macro) (*editor, error) {
	tty, err := openTerminal(s.opt.In, s.opt.Out)
	if err != nil {
		return nil, err
	}
	return newEditor(tty, openHistory(s.opt.History, s.opt.Open), node, rows, s.queue, s.Interrupt, s.Notice)
}

// put prints a report of the shell itself, in order with the node's events.
func (s *Shell) put(r report) { s.queue.put(item{report: r}, s.stop) }

// converse takes lines until the end and returns the exit code.
func (s *Shell) converse(ctx context.Context, c *conversation, from source, p *printer) int {
	lines := make(chan typed)
	go from.run(ctx, lines)
	from.prompt(nil, s.unread.text())
	// A slow reader of Out blocks put; a failed one must not.
	go func() {
		select {
		case <-p.done:
		case <-ctx.Done():
		}
		s.once.Do(func() { close(s.stop) })
	}()
	for {
		select {
		case t := <-lines:
			if t.err != nil {
				return s.ended(ctx, c, p, t.err)
			}
			if isMacro(t.line) && !s.opt.Interactive {
				s.progress.stored(ctx, c.said)
			}
			if isMacro(t.line) {
				c.renew() // so that the line and the prompt mean the same user
			}
			r, limit := c.take(t.line)
			s.refresh(c, from)
			if t.taken != nil {
				close(t.taken)
			}
			if r != nil && !s.opt.Interactive {
				s.await(ctx, c, p, r, limit)
			}
			if c.quit {
				return s.code(c)
			}
		case <-s.changed:
			s.refresh(c, from)
		case <-p.done:
			return exitFailed
		case <-ctx.Done():
			return s.code(c)
		}
	}
}

// await lets a macro from a pipe end before the next line is taken.
func (s *Shell) await(ctx context.Context, c *conversation, p *printer, r *request, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		c.requests.drop(r, "no answer in time: try again")
	case <-p.done:
	case <-ctx.Done():
	}
}

func (s *Shell) code(c *conversation) int {
	if c.refused && !s.opt.Interactive {
		return exitFailed
	}
	return exitFine
}

// refresh updates the prompt: what the user in it is called now, whether they are there, and who else
// wrote.
func (s *Shell) refresh(c *conversation, from source) {
	if s.opt.Interactive {
		c.renew()
		from.prompt(c.target, s.unread.text())
	}
}

// pipe is a source without a terminal.
type pipe struct{ *reader }

func (p pipe) run(ctx context.Context, to chan<- typed) { p.feed(ctx, to) }
func (p pipe) prompt(*neighbors.Target, string)         {}
func (p pipe) close()                                   {}
