package shell

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"darkchat/neighbors"
)

// reader returns the lines of a pipe or file, without their ends. A line that is too long is cut, at a
// length that parse still refuses, and the rest thrown away: memory stays bounded whatever comes.
type reader struct {
	in    *bufio.Reader
	begun bool
}

// byteOrderMark is what some editors put before the first line of a file.
const byteOrderMark = "\ufeff"

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, 4096)}
}

// line returns io.EOF, or the error of In, at the end. The last line needs no line end, but one cut off
// by a failure does not count.
func (r *reader) line() (string, error) {
	const enough = neighbors.MaxLine + 2 + len(byteOrderMark) // room for one byte too many, a CR and, before the first line, the mark
	mark := ""
	if !r.begun {
		r.begun, mark = true, byteOrderMark
	}
	var b []byte
	for {
		piece, err := r.in.ReadSlice('\n')
		b = append(b, piece[:min(len(piece), enough-len(b))]...)
		if err == nil || (errors.Is(err, io.EOF) && len(b) > 0) {
			line := strings.TrimPrefix(string(b), mark)
			return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
		}
		if err != bufio.ErrBufferFull {
			return "", err
		}
	}
}

// typed is one line, or the end of input.
type typed struct {
	line  string
	err   error
	taken chan struct{} // closed when the line was done; may be nil
}

// feed reads lines until the end and hands them over one by one. It may outlive
// the shell, blocked in a Read that nobody can interrupt.
func (r *reader) feed(ctx context.Context, to chan<- typed) {
	for {
		line, err := r.line()
		select {
		case to <- typed{line: line, err: err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Ask prints a question and reads one line, byte by byte, so that anything typed ahead stays for the
// shell. It returns io.EOF if there is no answer.
func Ask(in io.Reader, out io.Writer, question string) (string, error) {
	if _, err := io.WriteString(out, question); err != nil {
		return "", err
	}
	var line []byte
	var one [1]byte
	for len(line) < neighbors.MaxLine {
		n, err := in.Read(one[:])
		if n == 1 && one[0] == '\n' {
			break
		}
		line = append(line, one[:n]...)
		if errors.Is(err, io.EOF) && len(line) > 0 {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(string(line)), nil
}
