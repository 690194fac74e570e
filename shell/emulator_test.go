package shell

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hinshun/vt10x"
	"github.com/rivo/uniseg"
)

// emulator is a terminal whose screen can be read. vt10x knows no wide
// characters; so a wide cluster is written as its first rune and a filler, one
// row further when only one column is left, as terminals do.
type emulator struct {
	mu   sync.Mutex
	vt   vt10x.Terminal
	cols int
	raw  strings.Builder
	part string // an unfinished escape sequence or rune
}

const filler = '\ue000'

// wrapPending is vt10x's bit for a cursor that waits behind the last column.
const wrapPending = 2

func newEmulator(cols, rows int) *emulator {
	return &emulator{vt: vt10x.New(vt10x.WithSize(cols, rows)), cols: cols}
}

func (e *emulator) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.raw.Write(b)
	s := e.part + string(b)
	e.part = ""
	for len(s) > 0 {
		if s[0] == '\x1b' {
			n := escapeLength(s)
			if n == 0 {
				e.part = s
				break
			}
			e.vt.Write([]byte(s[:n]))
			s = s[n:]
			continue
		}
		cluster, rest, w, _ := uniseg.FirstGraphemeClusterInString(s, -1)
		s = rest
		if cluster[0] < 0x20 || w == 1 {
			if r := []rune(cluster); r[0] >= 0x20 {
				cluster = string(r[0])
			}
			e.vt.Write([]byte(cluster))
			continue
		}
		if w == 2 {
			if c := e.vt.Cursor(); c.X == e.cols-1 && c.State&wrapPending == 0 {
				e.vt.Write([]byte(" "))
			}
			e.vt.Write([]byte(string([]rune(cluster)[0]) + string(filler)))
		}
	}
	return len(b), nil
}

func escapeLength(s string) int {
	if len(s) < 2 {
		return 0
	}
	if s[1] != '[' {
		return 2
	}
	for i := 2; i < len(s); i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
	}
	return 0
}

// String is the screen: rows without trailing blanks, without empty rows at the end.
func (e *emulator) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var rows []string
	for row := range strings.Lines(e.vt.String()) {
		row = strings.ReplaceAll(strings.TrimSuffix(row, "\n"), string(filler), "")
		rows = append(rows, strings.TrimRight(row, " \x00"))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

func (e *emulator) cursor() (x, y int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.vt.Cursor()
	return c.X, c.Y
}

func (e *emulator) resize(cols, rows int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cols = cols
	e.vt.Resize(cols, rows)
}

func (e *emulator) width() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cols
}

// written is every byte that was sent to the terminal.
func (e *emulator) written() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.raw.String()
}

// until polls the screen.
func (e *emulator) until(t *testing.T, what string, ok func(screen string) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s := e.String()
		if ok(s) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never on the screen: %s\n%s", what, s)
		}
	}
}

func (e *emulator) shows(t *testing.T, text string) {
	t.Helper()
	e.until(t, text, func(s string) bool { return strings.Contains(s, text) })
}

// is waits until the whole screen is want.
func (e *emulator) is(t *testing.T, want string) {
	t.Helper()
	e.until(t, "exactly\n"+want+"\n-- but:", func(s string) bool { return s == want })
}
