package dgram

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	b := newBucket(10, 3)
	for range 3 {
		if !b.take(began, 1) {
			t.Fatal("it does not began full")
		}
	}
	if b.take(began, 1) {
		t.Fatal("a fourth")
	}
	at := b.at(began, 1)
	if d := at.Sub(began); d < 100*time.Millisecond || d > 101*time.Millisecond {
		t.Fatalf("the next after %v", d)
	}
	if b.take(at.Add(-time.Millisecond), 1) || !b.take(at, 1) {
		t.Fatal("not when it said")
	}
	if b.take(began, 1) {
		t.Fatal("a clock that steps back fills it")
	}
	if full := newBucket(10, 3); !full.take(at, 1) || !full.take(began, 2) {
		t.Fatal("a clock that steps back empties it")
	}
	if b.take(at.Add(time.Hour), 4) || !b.take(at.Add(time.Hour), 3) {
		t.Fatal("it holds more or less than its burst")
	}
	if !b.at(began, 4).IsZero() {
		t.Fatal("more than the burst is promised")
	}
}
