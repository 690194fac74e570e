package reliable

// lane is a send queue: the messages of one urgency that wait for one peer, retransmissions
// first. courier.put keeps its bounds.
type lane struct {
	again, fresh []*errand
	freshBytes   int
	againBytes   int
}

// push appends a message that was never sent.
func (l *lane) push(e *errand) {
	l.fresh = append(l.fresh, e)
	l.freshBytes += e.size
}

// pushAgain appends a retransmission behind the others.
func (l *lane) pushAgain(e *errand) {
	l.again = append(l.again, e)
	l.againBytes += e.size
}

// remove takes e out, wherever it is, and reports whether it was there.
func (l *lane) remove(e *errand) bool {
	var ok bool
	if l.again, ok = without(l.again, e); ok {
		l.againBytes -= e.size
		return true
	}
	if l.fresh, ok = without(l.fresh, e); ok {
		l.freshBytes -= e.size
	}
	return ok
}

// resize notes that e, which waits here, gets another length.
func (l *lane) resize(e *errand, size int) {
	if e.sent > 0 {
		l.againBytes += size - e.size
	} else {
		l.freshBytes += size - e.size
	}
}

// bytes returns the encoded length of all that waits.
func (l *lane) bytes() int { return l.againBytes + l.freshBytes }

func (l *lane) len() int { return len(l.again) + len(l.fresh) }

// without removes e from s, keeping the order. The head is the usual case.
func without(s []*errand, e *errand) ([]*errand, bool) {
	for i := range s {
		if s[i] != e {
			continue
		}
		if i == 0 {
			s[0] = nil
			if len(s) == 1 {
				return nil, true // release the array
			}
			return s[1:], true
		}
		copy(s[i:], s[i+1:])
		s[len(s)-1] = nil
		return s[:len(s)-1], true
	}
	return s, false
}
