package fuzz_test

import (
	"strings"
	"testing"
	"time"
)

// Somebody else answers at bob's address, with keys that are valid but not bob's: they
// challenge ann's DATA. Nothing meant for bob goes there, and bob gets all of it on coming
// back.
func TestTextNeverGoesToAnotherKey(t *testing.T) {
	w := newCable(t)
	w.meet()
	bob := w.bob
	mallory := newEnd(t, newPrincipal(t, "mallory", 105), bob.addr.String(), w.now)
	w.bob = mallory
	secret := "for bob alone " + strings.Repeat("x", 200)
	w.ann.say(secret)
	for range 20 {
		w.settle()
	}
	if mallory.ep.Live(mallory.peer) || len(mallory.heard) > 0 {
		t.Fatalf("mallory has keys with ann: %v, and read %q", mallory.ep.Live(mallory.peer), mallory.heard)
	}
	w.bob = bob
	w.ann.say("and this")
	for end := w.now.Add(2 * time.Minute); len(bob.heard) == 0 && w.now.Before(end); {
		w.settle()
	}
	if len(bob.heard) == 0 || strings.Contains(strings.Join(mallory.heard, ""), "bob") {
		t.Fatalf("bob read %q, mallory %q", bob.heard, mallory.heard)
	}
}
