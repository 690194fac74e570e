package shell

import (
	"errors"
	"io"

	"github.com/chzyer/readline"
	"golang.org/x/term"
)

// terminal is what the editor needs of one.
type terminal struct {
	in    io.Reader
	out   io.Writer
	width func() int                               // columns now; 0: unknown
	raw   func() (restore func() error, err error) // keys come one by one, Ctrl-C too
}

var errNoTerminal = errors.New("not a terminal")

type descriptor interface{ Fd() uintptr }

func openTerminal(in io.Reader, out io.Writer) (terminal, error) {
	from, okIn := in.(descriptor)
	to, okOut := out.(descriptor)
	if !okIn || !okOut {
		return terminal{}, errNoTerminal
	}
	infd, outfd := int(from.Fd()), int(to.Fd())
	if !term.IsTerminal(infd) || !term.IsTerminal(outfd) {
		return terminal{}, errNoTerminal
	}
	width := func() int {
		w, _, err := term.GetSize(outfd)
		if err != nil {
			return 0
		}
		return w
	}
	raw := func() (func() error, error) {
		// Not term.MakeRaw: this one leaves the output's newlines alone.
		state, err := readline.MakeRaw(infd)
		if err != nil {
			return nil, err
		}
		return func() error { return readline.Restore(infd, state) }, nil
	}
	return terminal{in: in, out: out, width: width, raw: raw}, nil
}
