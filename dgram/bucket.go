package dgram

import "time"

// bucket is a token bucket that is told the time. The zero value is empty for ever; a
// single goroutine owns it.
type bucket struct {
	rate, burst float64 // tokens a second; tokens at most
	tokens      float64
	last        time.Time
}

// newBucket returns a full bucket.
func newBucket(perSecond, burst float64) *bucket {
	return &bucket{rate: perSecond, burst: burst, tokens: burst}
}

// take removes n tokens if they are there.
func (b *bucket) take(now time.Time, n float64) bool {
	b.fill(now)
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// give puts back tokens that were taken and not used.
func (b *bucket) give(n float64) { b.tokens = min(b.burst, b.tokens+n) }

// full says that the bucket has filled up again.
func (b *bucket) full(now time.Time) bool {
	b.fill(now)
	return b.tokens >= b.burst
}

// at returns when n tokens will be there if nobody takes any: now if they are,
// the zero Time if never.
func (b *bucket) at(now time.Time, n float64) time.Time {
	b.fill(now)
	if b.tokens >= n {
		return now
	}
	if n > b.burst || b.rate <= 0 {
		return time.Time{}
	}
	wait := time.Duration((n - b.tokens) / b.rate * float64(time.Second))
	return now.Add(wait + time.Nanosecond) // rounding must never make it too early
}

// fill adds the tokens due since the last call; a clock that steps back adds none.
func (b *bucket) fill(now time.Time) {
	if d := now.Sub(b.last); d > 0 && !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.rate*d.Seconds())
	}
	if now.After(b.last) {
		b.last = now
	}
}
