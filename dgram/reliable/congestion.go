package reliable

// congestion says how many datagrams with confirmed messages may be under way to one
// peer: NewReno as RFC 9002 7.3 has it, counted in datagrams. Datagrams are named
// by their number in order of sending.
type congestion struct {
	size      int
	threshold int    // slow start below it; 0: no loss yet
	credit    int    // acks since the last growth in congestion avoidance
	recovery  uint64 // losses of earlier numbers belong to the last loss
	heard     bool   // an ack came
	limited   bool   // the window, and nothing else, held a full datagram back
}

func newCongestion() congestion { return congestion{size: windowUnheard} }

// acked notes that a datagram under way arrived. The window grows only while it is what
// holds a full datagram back: small datagrams would otherwise open it until nothing waits
// long enough to share one (RFC 9002 7.8 likewise forbids growth of a window that is not
// used).
func (w *congestion) acked(number uint64) {
	if !w.heard {
		w.heard, w.size = true, windowFirst
		return
	}
	if !w.limited || number < w.recovery || w.size >= windowMost {
		return
	}
	if w.threshold == 0 || w.size < w.threshold {
		w.size++
		return
	}
	if w.credit++; w.credit >= w.size {
		w.size, w.credit = w.size+1, 0
	}
}

// lost notes that a datagram under way was lost; next is the number of the next one to be
// sent. It halves the window at most once a round trip.
func (w *congestion) lost(number, next uint64) {
	if number < w.recovery {
		return
	}
	w.recovery = next
	w.size = max(w.size/2, windowLeast)
	w.threshold = max(w.size, 1)
	w.credit = 0
}
