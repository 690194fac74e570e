package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"darkchat/neighbors"
)

// drain takes all that is inside, as text.
func drain(q *queue) (lines []string) {
	for {
		items, open := q.take(maxBatch)
		for _, it := range items {
			switch e := it.event.(type) {
			case neighbors.Incoming:
				lines = append(lines, e.Text)
			case neighbors.CameOnline:
				lines = append(lines, "+"+e.Session)
			case neighbors.WentOffline:
				lines = append(lines, "-"+e.Session)
			case neighbors.WentAway:
				lines = append(lines, fmt.Sprintf("away %t %s", e.Away, e.Session))
			case nil:
				if r, ok := it.report.(textReport); ok {
					lines = append(lines, r.Text)
				}
			}
		}
		if len(items) == 0 || !open {
			return lines
		}
	}
}

// A reader that stalls makes neither the node wait nor the queue grow: what is no text
// is bounded and counted.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	for i := range 3 * maxEvents {
		q.offer(item{event: neighbors.Notice{}})
		q.offer(item{event: neighbors.CameOnline{Session: fmt.Sprint(i)}})
	}
	if got, most := len(q.items)+len(q.latest), maxEvents+maxPresence+maxLatest; got > most {
		t.Errorf("%d events inside, want at most %d", got, most)
	}
	seen, told := 0, 0
	for _, line := range drain(q) {
		if n := 0; strings.HasSuffix(line, "left out: the output was not read fast enough") {
			fmt.Sscan(line, &n)
			told += n
		} else if strings.HasPrefix(line, "+") {
			seen++
		}
	}
	if want := 6*maxEvents - maxEvents - seen; told != want || seen != maxPresence+maxLatest {
		t.Errorf("%d events are said to be left out of %d, and %d of presence came; want %d", told, 6*maxEvents, seen, want)
	}
	if q.count != [numLanes]int{} {
		t.Errorf("an empty queue counts %v", q.count)
	}
}

// Whatever else there is, no text is refused while the program runs, and all come in
// order: the node has given each its receipt, and would not offer it again.
func TestTextsHaveRoomOfTheirOwn(t *testing.T) {
	q := newQueue()
	toggle := func(i int) {
		q.offer(item{event: neighbors.CameOnline{User: "mallory", Session: "m"}})
		q.offer(item{event: neighbors.WentOffline{User: "mallory", Session: "m"}})
		q.offer(item{event: neighbors.Notice{}})
	}
	var want []string
	for i := range 4096 { // as many as an inbox holds
		for range 8 {
			toggle(i)
		}
		line := fmt.Sprint("text ", i, strings.Repeat("x", 600))
		if !q.offer(item{event: neighbors.Incoming{Receipt: uint64(i + 1), Text: line}}) {
			t.Fatalf("text %d is refused", i)
		}
		want = append(want, line)
	}
	got := slices.DeleteFunc(drain(q), func(line string) bool { return !strings.HasPrefix(line, "text ") })
	if !slices.Equal(got, want) {
		t.Errorf("%d texts came of %d, or in another order", len(got), len(want))
	}
}

// After a stall it is told how much is left out, and then of each session how things
// stand: nothing that is shown last is false.
func TestWhatIsShownLastIsTrue(t *testing.T) {
	q := newQueue()
	for i := range maxPresence {
		q.offer(item{event: neighbors.HeardOf{Session: fmt.Sprint(i)}})
	}
	on := func(s string) { q.offer(item{event: neighbors.CameOnline{Session: s}}) }
	off := func(s string) { q.offer(item{event: neighbors.WentOffline{Session: s}}) }
	away := func(s string, is bool) { q.offer(item{event: neighbors.WentAway{Session: s, Away: is}}) }
	on("bob")
	off("bob")
	on("bob") // 3 events, 1 is told
	off("cy") // 1, told
	on("dan")
	off("dan") // 2, nothing has changed
	off("eve")
	on("eve")
	off("eve")
	on("eve") // 4, nothing has changed
	away("bob", true)
	away("bob", false)
	away("bob", true) // 3, 1 is told
	q.offer(item{event: neighbors.Incoming{Text: "hello"}})
	got := drain(q)
	want := []string{"hello", "10 events left out: the output was not read fast enough", "+bob", "-cy", "away true bob"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if on("bob"); !slices.Equal(drain(q), []string{"+bob"}) {
		t.Error("what was left out before is not forgotten")
	}
	// The end does not wait for the queue to be empty.
	for i := range maxPresence {
		q.offer(item{event: neighbors.HeardOf{Session: fmt.Sprint(i)}})
	}
	on("fay")
	q.last(item{report: textReport{Text: "bye"}})
	if got := drain(q); !slices.Equal(got, []string{"+fay", "bye"}) {
		t.Errorf("at the end: %q", got)
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
		items, _ := q.take(maxBatch)
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
	if items, open := q.take(10); len(items) != 1 || open {
		t.Errorf("%d items, open %t, behind the last", len(items), open)
	}
}
