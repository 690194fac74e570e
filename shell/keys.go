package shell

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"darkchat/neighbors"
)

// Keys as the line editor knows them.
const (
	keyStart  = 0x01
	keyDelete = 0x04 // Ctrl-D; to the editor the Delete key is the same
	keyEnd    = 0x05
	keyEnter  = '\r'
	keyEscape = 0x1b
	keyRubout = 0x7f
)

// maxTyped bounds the line being edited, in bytes. It is more than a line may have, so that a line
// cut here is refused when it is entered, and no part of it is sent.
const maxTyped = neighbors.MaxLine + 4096

// maxSequence bounds the bytes of one escape sequence.
const maxSequence = 32

// burst is how many runes must come at once to be inserted as one: the editor goes through the whole
// line for every key.
const burst = 16

// keys filters what the terminal sends to the line editor. It turns a bracketed paste into one
// insertion, translates keys that the editor does not know, and drops those that would harm it: the
// editor takes a NUL for the end of input, panics at Ctrl-T on a single letter, and inserts unknown
// controls as letters.
type keys struct {
	screen  *screen
	pastes  *pastes
	history func() bool // there is something to search

	chunks  chan []byte
	closed  chan struct{}
	once    sync.Once
	rest    []byte // of the chunk being read
	pending []byte // an unfinished sequence or rune

	mu      sync.Mutex
	fault   error    // why the terminal can no longer be read
	deletes []bool   // for every Delete and Ctrl-D under way: whether it is Ctrl-D
	bursts  [][]rune // for every burstMark under way: what it stands for
}

func newKeys(sc *screen, ps *pastes, history func() bool) *keys {
	return &keys{screen: sc, pastes: ps, history: history,
		chunks: make(chan []byte), closed: make(chan struct{})}
}

// errHungUp means that the terminal is gone. It is not Ctrl-D, which comes as a key.
var errHungUp = errors.New("the terminal is gone")

// pump reads the terminal until its end, or until close.
func (k *keys) pump(in io.Reader) {
	defer close(k.chunks)
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		if out := k.translate(buf[:n]); len(out) > 0 {
			select {
			case k.chunks <- out:
			case <-k.closed:
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errHungUp
			}
			k.mu.Lock()
			k.fault = err
			k.mu.Unlock()
			return
		}
	}
}

// failed is why the terminal can no longer be read; nil: it can, or we closed it.
func (k *keys) failed() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fault
}

// Read gives the editor its keys. While it has more than one, drawing waits.
func (k *keys) Read(p []byte) (int, error) {
	if len(k.rest) == 0 {
		k.screen.hold(false)
		select {
		case chunk, ok := <-k.chunks:
			if !ok {
				return 0, io.EOF
			}
			k.rest = chunk
		case <-k.closed:
			return 0, io.EOF
		}
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	k.screen.hold(n > 1)
	return n, nil
}

// Close ends the editor's input, even during a Read.
func (k *keys) Close() error {
	k.once.Do(func() { close(k.closed) })
	return nil
}

// wasCtrlD says whether the deletion that the editor is about to make came from Ctrl-D, not from the
// Delete key. It must be called once for each, in order.
func (k *keys) wasCtrlD() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.deletes) == 0 {
		return false
	}
	d := k.deletes[0]
	k.deletes = k.deletes[1:]
	return d
}

func (k *keys) deleting(ctrlD bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deletes = append(k.deletes, ctrlD) // bounded by the bytes of a chunk: the editor takes each
}

// translate turns what the terminal sent into what the editor gets.
func (k *keys) translate(b []byte) []byte {
	b = append(k.pending, b...)
	k.pending = nil
	room := maxTyped - k.screen.length()
	var out, letters []byte
	insert := func(text []byte) {
		if len(text) <= room {
			letters = append(letters, text...)
			room -= len(text)
		}
	}
	for len(b) > 0 {
		if k.pastes.open {
			rest, text := k.pastes.feed(b)
			b = rest
			if len(text) > room {
				k.pastes.refuse("the line is full: nothing of the paste was taken")
			}
			insert(text)
			continue
		}
		n, key := k.next(b)
		if n == 0 {
			k.pending = append([]byte(nil), b...)
			break
		}
		b = b[n:]
		switch {
		case len(key) == 0:
		case key[0] >= 0x20 && key[0] != keyRubout:
			insert(key)
		default:
			out = append(k.flush(out, letters), key...)
			letters = letters[:0]
			if key[0] == keyEnter || key[0] == '\n' {
				room = maxTyped
			}
		}
	}
	return k.flush(out, letters)
}

// flush appends letters to what the editor gets, many of them as one mark.
func (k *keys) flush(out, letters []byte) []byte {
	runes := []rune(string(letters))
	if len(runes) <= burst {
		return append(out, letters...)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bursts = append(k.bursts, runes) // bounded by the bytes of a chunk
	return append(out, string(burstMark)...)
}

// OnChange is the editor's hook after every key: it replaces the mark of a burst by the burst.
func (k *keys) OnChange(line []rune, pos int, key rune) ([]rune, int, bool) {
	if key != burstMark {
		return nil, 0, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.bursts) == 0 {
		return nil, 0, false
	}
	text := k.bursts[0]
	k.bursts = k.bursts[1:]
	if pos == 0 || pos > len(line) || line[pos-1] != burstMark {
		return nil, 0, false // typed into a search
	}
	return slices.Concat(line[:pos-1], text, line[pos:]), pos - 1 + len(text), true
}

// next is the first key of b: how many bytes it has (0: more must come), and what the editor gets for
// it.
func (k *keys) next(b []byte) (int, []byte) {
	c := b[0]
	switch {
	case c == keyEscape:
		return k.escape(b)
	case c == keyDelete:
		k.deleting(true)
		return 1, b[:1]
	case c == 0x12 || c == 0x13: // Ctrl-R, Ctrl-S
		if !k.history() {
			return 1, nil
		}
		return 1, b[:1]
	case c < 0x20 || c == keyRubout:
		if bytes.IndexByte([]byte("\x01\x02\x03\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x10\x15\x17\x19\x1a\x7f"), c) < 0 {
			return 1, nil
		}
		return 1, b[:1]
	case c < utf8.RuneSelf:
		return 1, b[:1]
	}
	if !utf8.FullRune(b) {
		return 0, nil
	}
	r, n := utf8.DecodeRune(b)
	if isReserved(r) || (r == utf8.RuneError && n == 1) {
		return n, []byte(string(badMark)) // it is seen, and parse refuses the line
	}
	return n, b[:n]
}

// escape reads an escape sequence.
func (k *keys) escape(b []byte) (int, []byte) {
	if len(b) == 1 {
		return 0, nil
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			switch c := b[i]; {
			case c >= 0x40 && c <= 0x7e:
				return i + 1, k.control(string(b[2 : i+1]))
			case c < 0x20 || c > 0x7e:
				return i, nil // not a sequence: drop its beginning
			}
		}
		if len(b) > maxSequence {
			return len(b), nil
		}
		return 0, nil
	case 'O':
		if len(b) == 2 {
			return 0, nil
		}
		if bytes.IndexByte([]byte("ABCDHF"), b[2]) < 0 {
			return 3, nil
		}
		return 3, b[:3]
	case 'b', 'f', 'd', keyRubout:
		return 2, b[:2]
	case keyEnter, '\n': // Alt-Enter: a line break inside the text
		return 2, []byte(string(breakMark))
	}
	return 1, nil
}

// control translates the sequence ESC [ s.
func (k *keys) control(s string) []byte {
	switch s {
	case "200~":
		k.pastes.begin()
		return nil
	case "A", "B", "C", "D", "H", "F":
		return []byte("\x1b[" + s)
	case "3~":
		k.deleting(false)
		return []byte("\x1b[3~")
	case "1~", "7~":
		return []byte{keyStart}
	case "4~", "8~":
		return []byte{keyEnd}
	case "1;5C", "1;3C", "5C":
		return []byte("\x1bf")
	case "1;5D", "1;3D", "5D":
		return []byte("\x1bb")
	case "3;5~", "3;3~":
		return []byte("\x1bd")
	}
	return nil
}
