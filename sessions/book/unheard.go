package book

import (
	"time"

	"darkchat/sessions/identity"
)

// DropUnheard forgets a session of a new user that was never heard and that the person was not told
// of: its record came with a handshake that its owner did not finish.
func (b *Book) DropUnheard(now time.Time, id identity.SessionID) {
	s := b.byID[id]
	if s == nil || s.Heard || s.owner.Trust != TrustNew || s.owner.Told {
		return
	}
	b.drop(now, s)
}
