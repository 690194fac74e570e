package store

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
)

// Lines that wait in a session that is given up are not sent, since that session may run elsewhere
// and send them. They are shown once, so that the person can type them again.
const (
	maxAbandoned     = 20  // lines that are shown
	maxAbandonedText = 200 // bytes shown of a line
)

// abandonedLines returns how many lines wait in the store, and notices for the first of them, oldest first.
func (p *Profile) abandonedLines(o ProfileOptions) (count int, told []string, err error) {
	var lines []mail.StoredLine // without text: cannot be read
	err = p.db.each(kv.BucketOutbox, func(key, value []byte) error {
		if len(key) != 8 {
			return nil
		}
		if count++; count <= maxAbandoned {
			l, _ := mail.ReadLine(value)
			lines = append(lines, l)
		}
		return nil
	})
	if err != nil || count == 0 {
		return count, nil, err
	}
	names, err := p.names(o)
	for _, l := range lines {
		if l.Text == "" {
			told = append(told, "left out: a line that cannot be read")
			continue
		}
		name := names.Label(l.To)
		if name == "" {
			name = identity.Fingerprint(l.To)
		}
		told = append(told, "left out, to "+name+": "+shorten(l.Text, maxAbandonedText))
	}
	if count > maxAbandoned {
		told = append(told, fmt.Sprintf("and %d more", count-maxAbandoned))
	}
	return count, told, err
}

// names makes a Book only for Label, before the node has one. Load will report what it cannot read.
func (p *Profile) names(o ProfileOptions) (*book.Book, error) {
	b := book.New(identity.UserKey(p.Key.Public().(ed25519.PublicKey)), p.Name, book.Limits{})
	for _, key := range sortedKeys(p.trust.rows) {
		_ = b.Load(kv.BucketUsers, key[:], p.trust.rows[key])
	}
	err := p.db.each(kv.BucketUsers, func(key, row []byte) error {
		if len(key) == len(identity.UserKey{}) {
			if d, ok := p.trust.last[identity.UserKey(key)]; ok {
				if now, err := decided(row, d); err == nil {
					row = now
				}
			}
		}
		_ = b.Load(kv.BucketUsers, key, row)
		return nil
	})
	if err == nil {
		err = p.db.each(kv.BucketSessions, func(key, value []byte) error {
			_ = b.Load(kv.BucketSessions, key, value)
			return nil
		})
	}
	b.Loaded(o.Now)
	return b, err
}

// shorten turns a text into one line of at most n bytes, cut between two runes.
func shorten(text string, n int) string {
	text = strings.ReplaceAll(text, "\n", " ⏎ ")
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}

// isGone says that there is nothing left at path.
func isGone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
