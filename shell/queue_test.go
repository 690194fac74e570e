package shell

import (
	"strings"
	"testing"

	"darkchat/neighbors"
)

// A reader that stalls makes neither the node wait nor the queue grow: texts stop
// being taken first, so that they are not acknowledged; others are counted.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	taken := 0
	for range maxIncoming + 10 {
		if q.offer(item{event: neighbors.Incoming{Receipt: 1, Text: "x"}}) {
			taken++
		}
	}
	if taken != maxIncoming {
		t.Errorf("%d texts taken, want %d", taken, maxIncoming)
	}
	for range maxEvents {
		q.offer(item{event: neighbors.Notice{}})
	}
	if len(q.items) != maxEvents {
		t.Errorf("%d events inside, want %d", len(q.items), maxEvents)
	}
	all, left := 0, 0
	for {
		items, l, open := q.take(maxBatch)
		all, left = all+len(items), left+l
		if len(items) == 0 || !open {
			break
		}
	}
	if all != maxEvents || left != maxIncoming || q.bytes != 0 {
		t.Errorf("%d events came out, %d were counted, %d bytes inside; want %d, %d, 0", all, left, q.bytes, maxEvents, maxIncoming)
	}
}

// Long texts are bounded by their bytes.
func TestQueueBoundsBytes(t *testing.T) {
	q := newQueue()
	text := strings.Repeat("x", 16<<10)
	taken := 0
	for range 1000 {
		if q.offer(item{event: neighbors.Incoming{Receipt: 1, Text: text}}) {
			taken++
		}
	}
	if want := maxTextQueued / len(text); taken != want {
		t.Errorf("%d texts taken, want %d", taken, want)
	}
}

// What the shell says itself waits for room and is never left out; after the last
// item nothing is taken.
func TestQueueWaitsForRoom(t *testing.T) {
	q := newQueue()
	for range maxEvents {
		q.offer(item{event: neighbors.Notice{}})
	}
	put := make(chan bool)
	go func() {
		q.put(item{report: byeReport{"mine"}}, nil)
		close(put)
	}()
	seen := false
	for !seen {
		items, _, _ := q.take(maxBatch)
		for _, it := range items {
			if it.report != nil {
				seen = true
			}
		}
	}
	<-put
	q.last(item{report: byeReport{"bye"}})
	if q.offer(item{event: neighbors.Notice{}}) {
		t.Error("an event was taken behind the last")
	}
	q.put(item{}, nil)
	if items, _, open := q.take(10); len(items) != 1 || open {
		t.Errorf("%d items, open %t, behind the last", len(items), open)
	}
}
