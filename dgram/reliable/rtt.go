package reliable

import "time"

// roundTrip estimates the round trip to one peer (RFC 6298 2, RFC 9002 5). The peer may have
// delayed an ack of presence, so such samples count only until a prompt one comes: of a text, a
// probe or a handshake.
type roundTrip struct {
	smoothed, variation, latest time.Duration
	presumed                    time.Duration // upper bound from a handshake, used until there is a sample
	prompt                      bool          // the estimate consists of prompt samples
	sameLink                    bool
}

// sample takes in one measured round trip.
func (r *roundTrip) sample(d time.Duration, prompt bool) {
	if d < 0 || r.prompt && !prompt {
		return
	}
	if prompt && !r.prompt {
		*r = roundTrip{sameLink: r.sameLink, prompt: true}
	}
	d = max(d, time.Nanosecond) // zero would mean that there is no estimate
	r.latest = d
	if r.smoothed == 0 {
		r.smoothed, r.variation = d, d/2
		return
	}
	r.variation = (3*r.variation + (r.smoothed - d).Abs()) / 4
	r.smoothed = (7*r.smoothed + d) / 8
}

// timeout returns how long to wait for the first answer (the retransmission timeout). Messages that
// are not answered promptly may be acknowledged maxAckDelay later.
func (r *roundTrip) timeout(prompt bool) time.Duration {
	d := timeoutUnknown
	if r.sameLink {
		d = timeoutSameLink
	}
	if d = max(d, TripWait(r.presumed)); r.smoothed != 0 {
		d = max(timeoutFloor, r.smoothed+max(4*r.variation, clockGranule))
	}
	if !prompt {
		d += maxAckDelay
	}
	return min(d, timeoutCeiling)
}

// TripWait returns how long to wait for an answer if the round trip takes d: half as long again, so
// that even a quarter less, by jitter, is more than d.
func TripWait(d time.Duration) time.Duration { return d * 3 / 2 }

// known returns the smoothed round trip or, before there is a sample, the presumed one; 0 if there
// is neither.
func (r *roundTrip) known() time.Duration {
	if r.smoothed != 0 {
		return r.smoothed
	}
	return r.presumed
}

// lossDelay returns how much later than an arrived datagram one sent before it may still arrive
// (RFC 9002 6.1.2).
func (r *roundTrip) lossDelay() time.Duration {
	return max(9*max(r.smoothed, r.latest)/8, clockGranule)
}
