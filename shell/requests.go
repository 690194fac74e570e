package shell

import (
	"slices"
	"sync"

	"darkchat/neighbors"
)

// request is one macro that ends later, with an event: \ping, \add, \explode. It may stand for several
// requests to the node (one for each resolved address); then it ends with the first answer, or the
// last failure.
type request struct {
	input  string // the line as typed
	left   int    // requests of the node that may still answer
	ended  bool
	ponged bool          // somebody answered, in time or later
	done   chan struct{} // closed once its end is on the way to the printer
}

func newRequest(input string) *request {
	return &request{input: input, left: 1, done: make(chan struct{})}
}

// maxEarly bounds the events that come before their request is known. The time in between is that of
// one call, so there are never more than a few.
const maxEarly = 64

// requests knows which token belongs to which macro. The node bounds how many
// are under way, and ends each.
type requests struct {
	emit func(item) // must not wait
	mu   sync.Mutex
	// open is bounded by the node, which refuses more requests; early by maxEarly.
	open  map[neighbors.Token]*request
	early map[neighbors.Token]neighbors.Event
	// failed are requests that may still be answered later; at most maxEarly, oldest first.
	failed []failed
}

// failed is one request of the node that ended without an answer.
type failed struct {
	token neighbors.Token
	of    *request
}

func newRequests(emit func(item)) *requests {
	return &requests{emit: emit, open: make(map[neighbors.Token]*request),
		early: make(map[neighbors.Token]neighbors.Event)}
}

// add says that the node answers r with token, or has answered it already.
func (rs *requests) add(token neighbors.Token, r *request) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if e, ok := rs.early[token]; ok {
		delete(rs.early, token)
		rs.end(r, e)
		return
	}
	rs.open[token] = r
}

// answer takes the event with which the node ended token.
func (rs *requests) answer(token neighbors.Token, e neighbors.Event) {
	if token == 0 {
		rs.emit(item{event: e})
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if p, ok := e.(neighbors.Pong); ok && p.Late {
		rs.late(p)
		return
	}
	r, ok := rs.open[token]
	if !ok {
		if len(rs.early) < maxEarly {
			rs.early[token] = e
		}
		return
	}
	delete(rs.open, token)
	rs.end(r, e)
}

// late tells of a pong that comes after the error, once for each macro: if a host has several
// addresses, the first answer is enough.
func (rs *requests) late(p neighbors.Pong) {
	if i := slices.IndexFunc(rs.failed, func(f failed) bool { return f.token == p.Token }); i >= 0 {
		r := rs.failed[i].of
		rs.failed = slices.Delete(rs.failed, i, i+1)
		if r.ponged {
			return
		}
		r.ponged = true
	}
	rs.emit(item{event: p})
}

// expect says how many requests of the node r stands for.
func (rs *requests) expect(r *request, n int) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.left = n
}

// fail ends one of the requests behind r without the node.
func (rs *requests) fail(r *request, text string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.end(r, neighbors.Failed{Text: text})
}

// drop ends r with an error whatever is still under way.
func (rs *requests) drop(r *request, text string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.left = 1
	rs.end(r, neighbors.Failed{Text: text})
}

func (rs *requests) end(r *request, e neighbors.Event) {
	if f, ok := e.(neighbors.Failed); ok && f.Token != 0 {
		if len(rs.failed) == maxEarly {
			rs.failed = rs.failed[1:]
		}
		rs.failed = append(rs.failed, failed{f.Token, r})
	}
	if r.ended {
		return
	}
	if _, failed := e.(neighbors.Failed); failed {
		if r.left--; r.left > 0 {
			return
		}
	}
	r.ended = true
	_, r.ponged = e.(neighbors.Pong)
	rs.emit(item{event: e, input: r.input})
	close(r.done)
}
