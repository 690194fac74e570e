package neighbors

import (
	"darkchat/sessions"
	"time"
)

// noteOwn notes a line that was typed here.
func (co *core) noteOwn(now time.Time, to sessions.UserKey, id uint64, line string) {
	if co.keepsHistory() {
		co.past.Note(now, sessions.HistoryEntry{User: to, ID: id, Sent: now, Text: line})
	}
}

// noteEnd notes that a line typed here will not arrive, or was taken back.
func (co *core) noteEnd(now time.Time, p sessions.Progress) {
	if co.keepsHistory() {
		co.past.NoteEnd(now, p.To, p.ID, sessions.LineEnd{Reason: p.Reason, Acked: p.Acked})
	}
}

func (co *core) keepsHistory() bool { return !co.cfg.Unstored && !co.cfg.NoHistory }

func (co *core) nameOf(user sessions.UserKey) string {
	if label := co.book.Label(user); label != "" {
		return label
	}
	return sessions.Fingerprint(user)
}
