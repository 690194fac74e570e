package neighbors

import (
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
	"time"
)

// noteOwn notes a line that was typed here.
func (co *core) noteOwn(now time.Time, to identity.UserKey, id uint64, line string) {
	if co.keepsHistory() {
		co.past.Note(now, store.HistoryEntry{User: to, ID: id, Sent: now, Text: line})
	}
}

// noteEnd notes that a line typed here will not arrive, or was taken back.
func (co *core) noteEnd(now time.Time, p mail.Progress) {
	if co.keepsHistory() {
		co.past.NoteEnd(now, p.To, p.ID, store.LineEnd{Reason: p.Reason, Acked: p.Acked})
	}
}

func (co *core) keepsHistory() bool { return !co.cfg.Unstored && !co.cfg.NoHistory }

func (co *core) nameOf(user identity.UserKey) string {
	if label := co.book.Label(user); label != "" {
		return label
	}
	return identity.Fingerprint(user)
}
