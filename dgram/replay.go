package dgram

// replayWindow remembers which counters were seen, as in RFC 6479: a ring of words of which one
// is always cleared ahead of the highest counter. The zero value has seen nothing. Only the loop
// asks it, and only after the AEAD opened.
type replayWindow struct {
	highest uint64
	ring    [windowBits/64 + 1]uint64
}

// fresh marks a counter and says whether it is neither old nor seen before.
func (w *replayWindow) fresh(counter uint64) bool {
	const words = uint64(len(w.ring))
	if counter < w.highest && w.highest-counter >= windowBits {
		return false
	}
	word := counter / 64
	if counter > w.highest {
		last := w.highest / 64
		for i := range min(word-last, words) {
			w.ring[(last+1+i)%words] = 0
		}
		w.highest = counter
	}
	bit := uint64(1) << (counter % 64)
	if w.ring[word%words]&bit != 0 {
		return false
	}
	w.ring[word%words] |= bit
	return true
}
