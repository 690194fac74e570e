package shell

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/google/renameio/v2"
)

// Bounds of the history.
const (
	maxHistory     = 1000     // lines that are kept when it is compacted, and recalled
	maxHistoryFile = 4000     // lines in the file that make it compacted
	maxHistoryLine = 1000     // runes of a line that is kept in the file
	maxHistoryRead = 32 << 20 // bytes of the file that are looked at
)

// history is the file of typed lines, one a line, 0600 whatever the umask says.
// Every line is appended by one write to a file opened for it, so that two
// programs may share the file, also while one compacts it. A line break inside a
// line is written as its mark.
type history struct {
	path  string // empty: nothing is written
	open  opener
	lines []string
	last  string
	saved atomic.Bool // there is at least one line
}

// opener opens regular files alone, and follows no link to one.
type opener func(path string, flags int, mode fs.FileMode) (*os.File, error)

// openHistory reads the file. A history that cannot be read or written is only
// missed: typing works without.
func openHistory(path string, open opener) *history {
	if open == nil {
		path = ""
	}
	h := &history{path: path, open: open}
	if path == "" {
		return h
	}
	b, err := h.read()
	if err != nil {
		return h
	}
	for line := range bytes.Lines(b) {
		s := strings.TrimSuffix(string(line), "\n")
		if s != "" && utf8.ValidString(s) {
			h.lines = append(h.lines, expandMarks(s))
		}
	}
	if n := len(h.lines); n > maxHistory {
		compact := n > maxHistoryFile
		h.lines = h.lines[n-maxHistory:]
		if compact {
			h.compact()
		}
	}
	if n := len(h.lines); n > 0 {
		h.last = h.lines[n-1]
		h.saved.Store(true)
	}
	return h
}

// read gives what is in the file, and closes it to others.
func (h *history) read() ([]byte, error) {
	f, err := h.open(h.path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxHistoryRead {
		return nil, errors.New("too long")
	}
	if info.Mode().Perm()&0o077 != 0 {
		f.Chmod(0o600)
	}
	return io.ReadAll(io.LimitReader(f, maxHistoryRead))
}

func (h *history) compact() {
	var b strings.Builder
	for _, line := range h.lines {
		b.WriteString(markBreaks(line) + "\n")
	}
	renameio.WriteFile(h.path, []byte(b.String()), 0o600, renameio.IgnoreUmask())
}

// add keeps a line and says whether it is one to recall: not a blank one, not
// the same again, not one that begins with a blank (that is how one asks for it).
// A very long one is recalled in this run only.
func (h *history) add(line string) bool {
	if strings.TrimSpace(line) == "" || line[0] == ' ' || line == h.last || !utf8.ValidString(line) {
		return false
	}
	h.last = line
	h.saved.Store(true)
	if h.path == "" || utf8.RuneCountInString(line) > maxHistoryLine {
		return true
	}
	f, err := h.open(h.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return true
	}
	defer f.Close()
	f.WriteString(markBreaks(line) + "\n")
	return true
}
