package timing

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	b := NewBucket(10, 3)
	for range 3 {
		if !b.Take(start, 1) {
			t.Fatal("it does not start full")
		}
	}
	if b.Take(start, 1) {
		t.Fatal("a fourth")
	}
	at := b.At(start, 1)
	if d := at.Sub(start); d < 100*time.Millisecond || d > 101*time.Millisecond {
		t.Fatalf("the next after %v", d)
	}
	if b.Take(at.Add(-time.Millisecond), 1) || !b.Take(at, 1) {
		t.Fatal("not when it said")
	}
	if b.Take(start, 1) {
		t.Fatal("a clock that steps back fills it")
	}
	if full := NewBucket(10, 3); !full.Take(at, 1) || !full.Take(start, 2) {
		t.Fatal("a clock that steps back empties it")
	}
	if b.Take(at.Add(time.Hour), 4) || !b.Take(at.Add(time.Hour), 3) {
		t.Fatal("it holds more or less than its burst")
	}
	if !b.At(start, 4).IsZero() {
		t.Fatal("more than the burst is promised")
	}
}

func BenchmarkBucket(b *testing.B) {
	l := NewBucket(1000, 10)
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		l.Take(now, 1)
	}
}
