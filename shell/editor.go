package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chzyer/readline"

	"darkchat/neighbors"
)

// Bracketed paste: the terminal then says where a paste begins and ends.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// stopTime is how long a suspended program may go on before it is stopped.
const stopTime = 200 * time.Millisecond

// editor is the source of lines that a person types: chzyer/readline handles the keys, behind our
// own screen, keys and history, because it draws wide lines wrong, does not know pastes and makes
// its history readable for everybody.
type editor struct {
	screen  *screen
	keys    *keys
	pastes  *pastes
	rl      *readline.Instance
	history *history
	hint    func()
	ended   atomic.Bool // there are no more keys

	tty     terminal
	mu      sync.Mutex
	restore func() error // gives the terminal back; nil while it is not taken
	gone    bool
}

// newEditor takes the terminal when the first line is read, not before.
func newEditor(tty terminal, history *history, node Node, rows []macro, out *queue, hint func(), refuse func(string)) (*editor, error) {
	ps := &pastes{refuse: refuse}
	e := &editor{pastes: ps, tty: tty, hint: hint, history: history}
	e.screen = newScreen(tty.out, tty.width, ps.label)
	e.screen.prompt = promptFor(nil, "")
	e.keys = newKeys(e.screen, ps, history.saved.Load)
	comp := &completer{node: node, rows: rows, list: func(names []string) {
		out.offer(item{report: candidates{names: names}})
	}}
	rl, err := readline.NewEx(&readline.Config{
		Stdin:                  e.keys,
		Stdout:                 editorWriter{e.screen},
		Stderr:                 editorWriter{e.screen},
		Painter:                e.screen,
		Listener:               e.keys,
		AutoComplete:           comp,
		HistoryLimit:           maxHistory,
		DisableAutoSaveHistory: true,
		FuncGetWidth:           func() int { return 1 << 20 }, // our screen wraps rows
		FuncIsTerminal:         func() bool { return true },
		FuncMakeRaw:            e.enter,
		FuncExitRaw:            func() error { return nil },
		FuncOnWidthChanged:     func(func()) {},
		FuncFilterInputRune:    e.filter,
	})
	if err != nil {
		return nil, err
	}
	e.rl = rl
	for _, line := range e.history.lines {
		rl.SaveHistory(markBreaks(line))
	}
	e.history.lines = nil
	go e.keys.pump(tty.in)
	return e, nil
}

// enter takes over the terminal, and keeps it between lines, so that nothing typed ahead is
// echoed or lost.
func (e *editor) enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.restore != nil || e.gone {
		return nil
	}
	restore, err := e.tty.raw()
	if err != nil {
		return err
	}
	e.restore = restore
	_, err = io.WriteString(e.tty.out, pasteOn)
	return err
}

// suspend handles Ctrl-Z: it gives the terminal back, stops the whole job, as the terminal would,
// and takes the terminal again when the job goes on.
func (e *editor) suspend() {
	e.screen.suspend()
	e.release()
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	syscall.Kill(0, syscall.SIGTSTP)
	select {
	case <-resumed:
	case <-time.After(stopTime): // nobody could resume us, so we were not stopped
	}
	e.enter()
	e.screen.resume()
}

func (e *editor) release() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.restore == nil {
		return nil
	}
	io.WriteString(e.tty.out, pasteOff)
	err := e.restore()
	e.restore = nil
	return err
}

// filter sees every key just before readline does it.
func (e *editor) filter(r rune) (rune, bool) {
	switch r {
	case 0:
		e.ended.Store(true)
	case readline.CharDelete:
		// Readline mistakes the Delete key on an empty line for the end of input.
		if !e.keys.wasCtrlD() && e.screen.length() == 0 {
			return r, false
		}
	case readline.CharCtrlZ:
		e.suspend()
		return readline.CharBell, true // does nothing; readline's own would stop our parent, too
	}
	return r, true
}

// run reads lines until Ctrl-D, or until the terminal is gone. The next line begins only when the
// one before is done, so that its prompt says whom it goes to.
func (e *editor) run(ctx context.Context, to chan<- typed) {
	for {
		line, err := e.rl.Readline()
		if errors.Is(err, readline.ErrInterrupt) {
			if line == "" {
				e.hint()
			}
			continue
		}
		if e.ended.Load() {
			// Readline enters a line that nobody ended.
			if err = e.keys.failed(); err == nil {
				err = io.EOF
			}
		}
		t := typed{err: err, taken: make(chan struct{})}
		if err == nil {
			t.line = e.pastes.expand(line)
			if e.history.add(t.line) {
				e.rl.SaveHistory(markBreaks(t.line))
			}
		}
		select {
		case to <- t:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
		select {
		case <-t.taken:
		case <-ctx.Done():
			return
		}
	}
}

func (e *editor) prompt(to *neighbors.Target, unread string) {
	e.screen.setPrompt(promptFor(to, unread))
}

// close gives the terminal back as it was.
func (e *editor) close() {
	e.mu.Lock()
	e.gone = true
	e.mu.Unlock()
	e.keys.Close()
	e.screen.leave()
	e.release()
}

// promptFor names the user that the next line goes to, so that nothing goes to the wrong person,
// and who else wrote.
func promptFor(to *neighbors.Target, unread string) string {
	if to == nil {
		return unread + "> "
	}
	p := sanitize(to.User, "")
	if to.Session != "" {
		p += "/" + sanitize(tag(to.Session), "")
	}
	if !to.Online {
		p += " (offline)"
	}
	if unread != "" {
		p += " " + unread
	}
	return p + "> "
}
