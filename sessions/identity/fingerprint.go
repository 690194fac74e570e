package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
)

const (
	fingerprintBytes = 10 // 80 bits: too many to search for a second key with the same
	fingerprintGroup = 4  // characters between dashes
)

// ErrFingerprint says that something is not a whole fingerprint.
var ErrFingerprint = errors.New("a fingerprint has 16 letters and digits, such as k7f2-9qxd-m3ra-u5wt")

// Fingerprint is what two people compare to know that they mean the same key:
// the first 80 bits of SHA-256(key) in lower-case base32, as "k7f2-q3mz-a5td-wx4e".
func Fingerprint(key UserKey) string {
	digits := FingerprintDigits(key)
	var b strings.Builder
	for i := 0; i < len(digits); i += fingerprintGroup {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(digits[i : i+fingerprintGroup])
	}
	return b.String()
}

// FingerprintDigits has no dashes. Its beginning, the "k7f2" of "ann~k7f2", can be forged in a
// moment: it distinguishes honest keys and proves nothing.
func FingerprintDigits(key UserKey) string {
	sum := sha256.Sum256(key[:])
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:fingerprintBytes]))
}

// Digits converts a whole fingerprint, typed with or without dashes and in either case, to the form
// in which two are compared. The error is ErrFingerprint.
func Digits(fingerprint string) (string, error) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(fingerprint), "-", ""))
	if len(digits) != fingerprintBytes*8/5 {
		return "", ErrFingerprint
	}
	return digits, nil
}

// HasDigits says whether a key has the fingerprint digits, as returned by Digits.
func HasDigits(key UserKey, digits string) bool { return FingerprintDigits(key) == digits }
