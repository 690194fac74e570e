package shell

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/google/renameio/v2"
)

// Bounds of the history.
const (
	maxHistory     = 1000     // lines that compaction keeps, and that can be recalled
	maxHistoryFile = 4000     // lines in the file at which it is compacted
	maxHistoryLine = 1000     // runes of a line; a longer one is not kept in the file
	maxHistoryRead = 32 << 20 // bytes of the file that are read
)

// history is the file of typed lines, one a line, mode 0600 whatever the umask says. Every line is
// appended by one write to a file opened for it, so that two programs may share the file even
// while one compacts it. A line break inside a line is written as its mark.
type history struct {
	path  string // empty: nothing is written
	open  opener
	lines []string
	last  string
	more  int         // lines that the file may take before it is compacted
	saved atomic.Bool // there is at least one line
}

// opener opens only regular files, and follows no link to one.
type opener func(path string, flags int, mode fs.FileMode) (*os.File, error)

// openHistory reads the file. A history that cannot be read or written is no error: typing works
// without it.
func openHistory(path string, open opener) *history {
	if open == nil {
		path = ""
	}
	h := &history{path: path, open: open, more: maxHistoryFile}
	h.load()
	if n := len(h.lines); n > 0 {
		h.last = h.lines[n-1]
		h.saved.Store(true)
	}
	return h
}

// load reads the newest lines of the file, and compacts it if it has many more.
func (h *history) load() {
	if h.path == "" {
		return
	}
	b, whole, err := h.read()
	if err != nil {
		return
	}
	h.lines = nil
	for line := range bytes.Lines(b) {
		s := strings.TrimSuffix(string(line), "\n")
		if s != "" && len(s) <= maxHistoryLine*utf8.UTFMax && utf8.ValidString(s) {
			h.lines = append(h.lines, expandMarks(s))
		}
	}
	n := len(h.lines)
	h.lines = h.lines[max(n-maxHistory, 0):]
	h.more = maxHistoryFile - n
	if h.more < 0 || !whole {
		h.compact()
		h.more = maxHistoryFile - len(h.lines)
	}
}

// read returns the file's content, or only the end of a long one, and makes it unreadable for others.
func (h *history) read() (b []byte, whole bool, err error) {
	f, err := h.open(h.path, os.O_RDONLY, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		f.Chmod(0o600)
	}
	from := max(info.Size()-maxHistoryRead, 0)
	b, err = io.ReadAll(io.NewSectionReader(f, from, maxHistoryRead))
	if from > 0 { // drop a partial first line
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	return b, from == 0, err
}

// compact keeps only the lines that can be recalled. The new file is made beside the old one:
// elsewhere nobody would clean it up if this program is killed.
func (h *history) compact() {
	var b strings.Builder
	for _, line := range h.lines {
		b.WriteString(markBreaks(line) + "\n")
	}
	renameio.WriteFile(h.path, []byte(b.String()), 0o600,
		renameio.WithTempDir(filepath.Dir(h.path)), renameio.WithStaticPermissions(0o600))
}

// add keeps a line and says whether it can be recalled: not a blank one, not a repetition, not one
// that begins with a blank (a way to ask for that). A very long one can be recalled only in this
// run.
func (h *history) add(line string) bool {
	if strings.TrimSpace(line) == "" || line[0] == ' ' || line == h.last || !utf8.ValidString(line) {
		return false
	}
	h.last = line
	h.saved.Store(true)
	if h.path == "" || utf8.RuneCountInString(line) > maxHistoryLine {
		return true
	}
	h.append(markBreaks(line) + "\n")
	if h.more--; h.more < 0 {
		h.load()
		h.lines = nil // the editor has its own
	}
	return true
}

// append writes a line as a line of its own, even if a kill or a full disk cut the one before it
// short.
func (h *history) append(line string) {
	f, err := h.open(h.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	var end [1]byte
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		if _, err := f.ReadAt(end[:], info.Size()-1); err == nil && end[0] != '\n' {
			line = "\n" + line
		}
	}
	f.WriteString(line)
}
