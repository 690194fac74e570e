package identity

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"darkchat/sessions/sessiontest"
)

// Anybody can sign for a key of small order; for each of the eight the library accepts
// what was made without any private key.
func TestKeysOfSmallOrderAreNobodys(t *testing.T) {
	points := map[string]bool{}
	for _, y := range smallOrders {
		for _, sign := range []byte{0, 0x80} {
			key := []byte(y)
			key[31] |= sign
			if zero := y == smallOrders[1] || y == smallOrders[2]; zero && sign > 0 {
				continue // x is 0 and has no sign
			}
			points[string(key)] = true
			taken := 0
			for i := range 64 {
				message := fmt.Appendf(nil, "message %d", i)
				if ed25519.Verify(key, message, sessiontest.Forged()) {
					taken++
				}
				if (Ed25519{}).Verify(key, message, sessiontest.Forged()) {
					t.Fatalf("%x signs", key)
				}
			}
			if taken == 0 {
				t.Errorf("%x: nothing was there to be refused; it is not of small order", key)
			}
		}
	}
	if len(points) != 8 {
		t.Errorf("%d points of small order, there are 8", len(points))
	}
}

// What has two encodings could be refused here and taken there.
func TestPointsHaveOneEncoding(t *testing.T) {
	nothing := []byte(smallOrders[1])
	minus := slices.Clone(nothing)
	minus[31] |= 0x80
	beyond := []byte(fieldPrime)
	beyond[0]++ // p + 1 is 1
	for _, key := range [][]byte{minus, beyond} {
		if !ed25519.Verify(key, nil, sessiontest.Forged()) || (Ed25519{}).Verify(key, nil, sessiontest.Forged()) {
			t.Errorf("%x", key)
		}
	}
	for _, c := range []struct {
		y    []byte
		want bool
	}{
		{[]byte(fieldPrime), false}, {beyond, false}, {bytes.Repeat([]byte{0xff}, 32), false}, {nothing, true}, {[]byte(smallOrders[2]), true},
		{bytes.Repeat([]byte{0x7f}, 32), true}, {append(bytes.Repeat([]byte{0xff}, 31), 0x7e), true},
	} {
		if reduced(c.y) != c.want {
			t.Errorf("%x: reduced is %v", c.y, !c.want)
		}
	}
}

// An R that is nothing shows the private scalar's place in the equation and is made by no
// honest signer.
func TestRIsNotOfSmallOrder(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	user := key.Public().(ed25519.PublicKey)
	message := []byte("a message")
	sig := sessiontest.WithR(key, []byte(smallOrders[1]), message)
	if !ed25519.Verify(user, message, sig) || (Ed25519{}).Verify(user, message, sig) {
		t.Error("it is taken")
	}
	beyond := []byte(fieldPrime)
	beyond[0]++
	if (Ed25519{}).Verify(user, message, sessiontest.WithR(key, beyond, message)) {
		t.Error("another encoding of it is taken")
	}
	if !(Ed25519{}).Verify(user, message, ed25519.Sign(key, message)) {
		t.Error("a good signature is refused")
	}
	if (Ed25519{}).Verify(user, message, sig[:63]) || (Ed25519{}).Verify(user[:31], message, sig) {
		t.Error("lengths")
	}
}

// Tickets are held to the same rule.
func TestTicketsAreHeldToTheRule(t *testing.T) {
	nobody := UserKey([]byte(smallOrders[1]))
	if (Ticket{}).Verify(nobody[:], sessiontest.Forged()) {
		t.Error("a ticket")
	}
}
