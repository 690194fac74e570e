// Package sessiontest is what the tests of several rooms of sessions share: users, and a disk that is
// a map. It knows no room above kv, so that the tests of all can import it; a user key is the
// bytes of one.
package sessiontest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"darkchat/sessions/kv"
)

// Epoch is when tests begin.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// testKeys are the users of the tests: making one takes a while.
var testKeys = func() (keys [128]ed25519.PrivateKey) {
	for n := range keys {
		seed := sha256.Sum256([]byte{'u', byte(n)})
		keys[n] = ed25519.NewKeyFromSeed(seed[:])
	}
	return keys
}()

// Key is the private key of the n-th user of a test.
func Key(n int) ed25519.PrivateKey { return testKeys[n] }

// User is the public key of that user.
func User(n int) [32]byte { return [32]byte(Key(n)[32:]) }

// Static is the n-th static key of a session.
func Static(n int) [32]byte { return sha256.Sum256([]byte{'s', byte(n), byte(n >> 8)}) }

// Apply puts writes on a disk.
func Apply(disk map[string][]byte, writes []kv.Write) {
	for _, w := range writes {
		key := fmt.Sprintf("%d %s", w.Bucket, w.Key)
		if w.Value == nil {
			delete(disk, key)
		} else {
			disk[key] = w.Value
		}
	}
}

// Replay gives what is on a disk to a Load, in the order of a map.
func Replay(disk map[string][]byte, load func(kv.Bucket, []byte, []byte) error) error {
	for key, value := range disk {
		number, rest, _ := strings.Cut(key, " ")
		if err := load(kv.Bucket(number[0]-'0'), []byte(rest), value); err != nil {
			return err
		}
	}
	return nil
}
