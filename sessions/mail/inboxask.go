package mail

import "darkchat/sessions/identity"

// Took says whether a session's text was taken already, or skipped: offering it again costs nothing,
// and it must be answered.
func (i *Inbox) Took(from identity.SessionID, id uint64) bool {
	w, ok := i.window(from)
	return ok && id <= w.head
}
