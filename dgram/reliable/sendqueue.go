package reliable

// sendQueue holds the messages of one urgency that wait for one peer, retransmissions
// first. Sender.Put keeps its bounds.
type sendQueue struct {
	retransmissions, fresh []*pendingMessage
	freshBytes             int
	retransmissionBytes    int
}

// push appends a message that was never sent.
func (q *sendQueue) push(p *pendingMessage) {
	q.fresh = append(q.fresh, p)
	q.freshBytes += p.size
}

// pushRetransmission appends a retransmission behind the others.
func (q *sendQueue) pushRetransmission(p *pendingMessage) {
	q.retransmissions = append(q.retransmissions, p)
	q.retransmissionBytes += p.size
}

// remove takes p out, wherever it is, and reports whether it was there.
func (q *sendQueue) remove(p *pendingMessage) bool {
	var ok bool
	if q.retransmissions, ok = without(q.retransmissions, p); ok {
		q.retransmissionBytes -= p.size
		return true
	}
	if q.fresh, ok = without(q.fresh, p); ok {
		q.freshBytes -= p.size
	}
	return ok
}

// resize notes that p, which waits here, gets another length.
func (q *sendQueue) resize(p *pendingMessage, size int) {
	if p.sent > 0 {
		q.retransmissionBytes += size - p.size
	} else {
		q.freshBytes += size - p.size
	}
}

// bytes returns the encoded length of all that waits.
func (q *sendQueue) bytes() int { return q.retransmissionBytes + q.freshBytes }

func (q *sendQueue) len() int { return len(q.retransmissions) + len(q.fresh) }

// without removes p from s, keeping the order. The head is the usual case.
func without(s []*pendingMessage, p *pendingMessage) ([]*pendingMessage, bool) {
	for i := range s {
		if s[i] != p {
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
