package shell

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/chzyer/readline"
	"golang.org/x/term"

	"darkchat/neighbors"
)

// Bracketed paste: the terminal then says where a paste begins and ends.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// editor is the source of lines that a person types: chzyer/readline for the
// keys, behind our own screen, keys and history, because it draws wide lines
// wrong, knows no paste and makes its history readable for all.
type editor struct {
	screen  *screen
	keys    *keys
	pastes  *pastes
	rl      *readline.Instance
	history *history
	hint    func()

	out        io.Writer
	fd         int
	cooked     *readline.State // how the terminal was; nil while it is so
	suspending atomic.Bool     // Ctrl-Z: the terminal is given away
	gone       atomic.Bool
}

var errNoTerminal = errors.New("it is not a terminal")

type descriptor interface{ Fd() uintptr }

func newEditor(s *Shell, node Node, rows []macro) (*editor, error) {
	in, okIn := s.opt.In.(descriptor)
	out, okOut := s.opt.Out.(descriptor)
	if !okIn || !okOut || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, errNoTerminal
	}
	width := func() int {
		w, _, err := term.GetSize(int(out.Fd()))
		if err != nil {
			return 0
		}
		return w
	}
	ps := &pastes{refuse: s.Notice}
	e := &editor{pastes: ps, out: s.opt.Out, fd: int(in.Fd()), hint: s.Interrupt}
	e.screen = newScreen(s.opt.Out, width, ps.label)
	e.history = openHistory(s.opt.History)
	e.keys = newKeys(e.screen, ps, s.Notice, func() bool { return e.history.saved.Load() })
	e.screen.prompt = promptFor(nil)
	comp := &completer{node: node, rows: rows, list: func(names []string) {
		s.queue.offer(item{report: candidates{names: names}})
	}}
	rl, err := readline.NewEx(&readline.Config{
		Stdin:                  e.keys,
		Stdout:                 editorWriter{e.screen},
		Stderr:                 editorWriter{e.screen},
		Painter:                e.screen,
		AutoComplete:           comp,
		HistoryLimit:           maxHistory,
		DisableAutoSaveHistory: true,
		FuncGetWidth:           func() int { return 1 << 20 }, // rows are the screen's affair
		FuncIsTerminal:         func() bool { return true },
		FuncMakeRaw:            e.enter,
		FuncExitRaw:            e.exit,
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
	go e.keys.pump(s.opt.In)
	return e, nil
}

// enter takes the terminal: keys come one by one and Ctrl-C is a key. It stays
// so between two lines, so that nothing typed ahead is echoed or lost.
func (e *editor) enter() error {
	e.suspending.Store(false)
	if e.cooked != nil || e.gone.Load() {
		return nil
	}
	state, err := readline.MakeRaw(e.fd)
	if err != nil {
		return err
	}
	e.cooked = state
	_, err = io.WriteString(e.out, pasteOn)
	return err
}

// exit is called by readline behind every line, which is not meant, and when the
// program is suspended, which is.
func (e *editor) exit() error {
	if !e.suspending.Load() {
		return nil
	}
	e.screen.suspend()
	return e.restore()
}

func (e *editor) restore() error {
	if e.cooked == nil {
		return nil
	}
	io.WriteString(e.out, pasteOff)
	err := readline.Restore(e.fd, e.cooked)
	e.cooked = nil
	return err
}

// filter sees every key just before readline does it.
func (e *editor) filter(r rune) (rune, bool) {
	switch r {
	case readline.CharDelete:
		// Readline takes the Delete key on an empty line for the end of input.
		if !e.keys.wasCtrlD() && e.screen.length() == 0 {
			return r, false
		}
	case readline.CharCtrlZ:
		e.suspending.Store(true)
	}
	return r, true
}

// run reads lines until Ctrl-D. The next line begins when the one before was
// done, so that the prompt says whom it goes to.
func (e *editor) run(ctx context.Context, to chan<- typed) {
	for {
		line, err := e.rl.Readline()
		if errors.Is(err, readline.ErrInterrupt) {
			if line == "" {
				e.hint()
			}
			continue
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

func (e *editor) prompt(to *neighbors.Target) { e.screen.setPrompt(promptFor(to)) }

// close gives the terminal back as it was.
func (e *editor) close() {
	e.gone.Store(true)
	e.keys.Close()
	e.screen.leave()
	e.restore()
}

// promptFor names whom the next line goes to, so that nothing goes to the wrong
// person.
func promptFor(to *neighbors.Target) string {
	if to == nil {
		return "> "
	}
	p := sanitize(to.User, "")
	if to.Session != "" {
		p += "/" + sanitize(tag(to.Session), "")
	}
	if !to.Online {
		p += " (offline)"
	}
	return p + "> "
}
