package timing

import "time"

// Bucket is a token bucket. The zero value is empty for ever; a single goroutine owns it.
type Bucket struct {
	rate, burst float64 // tokens a second; tokens at most
	tokens      float64
	last        time.Time
}

// NewBucket returns a full bucket.
func NewBucket(perSecond, burst float64) Bucket {
	return Bucket{rate: perSecond, burst: burst, tokens: burst}
}

// Take removes n tokens if they are there.
func (b *Bucket) Take(now time.Time, n float64) bool {
	b.fill(now)
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// Give puts back tokens that were taken and not used.
func (b *Bucket) Give(n float64) { b.tokens = min(b.burst, b.tokens+n) }

// Full says that the bucket has filled up again.
func (b *Bucket) Full(now time.Time) bool {
	b.fill(now)
	return b.tokens >= b.burst
}

// At returns when n tokens will be there if nobody takes any: now if they are,
// the zero Time if never.
func (b *Bucket) At(now time.Time, n float64) time.Time {
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
func (b *Bucket) fill(now time.Time) {
	if d := now.Sub(b.last); d > 0 && !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.rate*d.Seconds())
	}
	if now.After(b.last) {
		b.last = now
	}
}
