package neighbors

import (
	"crypto/ed25519"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
)

// BenchmarkCopyCost measures what costCopy says, the worst case: a copy that neither of two
// keys opens costs less than one that the older opens.
func BenchmarkCopyCost(b *testing.B) {
	random := detReader(1)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	user := identity.UserKey(key.Public().(ed25519.PublicKey))
	from, to := identity.MakeSessionID(user, [32]byte{1}), identity.MakeSessionID(user, [32]byte{2})
	var keys mail.HoldKeys
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	keys.Turn(now, random)
	keys.Written()
	older := keys.Public()
	keys.Turn(now.Add(8*24*time.Hour), random)
	sealed, err := mail.Copy{From: from, To: to, Part: mail.Part{ID: 1, Parts: 1, Text: "hello"}}.Seal(key, older)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c, err := keys.Open(to, sealed)
		if err != nil || c.Verify(user) != nil {
			b.Fatal("it does not open")
		}
	}
}

// detReader gives the same bytes each time.
type detReader byte

func (r detReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r) + byte(i)
	}
	return len(b), nil
}
