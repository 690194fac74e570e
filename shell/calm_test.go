package shell

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
)

// stage plays presence at times and returns what is printed, with the time of each line.
type stage struct {
	calm  calm
	level string
	now   time.Time
	began time.Time
	lines []string
}

func newStage(level string) *stage {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &stage{level: level, now: now, began: now}
}

func (s *stage) show(items []item) {
	for _, it := range items {
		r := it.report
		if r == nil {
			r = newReport(it.event)
		}
		var p page
		r.text(&p, view{now: s.now, zone: time.UTC, width: 80})
		s.lines = append(s.lines, fmt.Sprintf("%v %s", s.now.Sub(s.began).Truncate(100*time.Millisecond), strings.TrimSpace(p.out.String())))
	}
}

// after lets time pass, then events happen.
func (s *stage) after(d time.Duration, events ...neighbors.Event) {
	for end := s.now.Add(d); ; {
		next := s.calm.next()
		if next.IsZero() || next.After(end) {
			s.now = end
			break
		}
		s.now = next
		s.show(s.calm.hold(nil, s.level, s.now))
	}
	var items []item
	for _, e := range events {
		items = append(items, item{event: e})
	}
	s.show(s.calm.hold(items, s.level, s.now))
}

func on(user string) neighbors.Event {
	return neighbors.CameOnline{User: user, Session: user + "000000000000", Trust: "pinned"}
}

func lost(user string) neighbors.Event {
	return neighbors.WentOffline{User: user, Session: user + "000000000000", Trust: "pinned", Reason: neighbors.ReasonLost}
}

func gone(user string) neighbors.Event {
	return neighbors.WentOffline{User: user, Session: user + "000000000000", Trust: "pinned", Reason: neighbors.ReasonDeclared}
}

func (s *stage) want(t *testing.T, lines ...string) {
	t.Helper()
	s.after(time.Hour)
	if got := strings.Join(s.lines, "\n"); got != strings.Join(lines, "\n") {
		t.Errorf("printed\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

// Those who come within a second share a line; two do not need to.
func TestComingsAreJoined(t *testing.T) {
	s := newStage(notifyKnown)
	s.after(0, on("annx"))
	s.after(300*time.Millisecond, on("bobx"))
	s.after(300*time.Millisecond, on("catx"))
	s.after(5*time.Second, on("danx"))
	s.after(5*time.Second, gone("danx"), gone("catx"), gone("bobx"), on("evex"))
	s.want(t, "1s +3 online: annx, bobx, catx", "6.6s + danx is online (danx)",
		"11.6s +1 online: evex", "11.6s -3 offline: danx, catx, bobx")
}

// Of those who share a line people are counted, not their sessions; a seed is called one.
func TestPeopleAreCounted(t *testing.T) {
	s := newStage(notifyKnown)
	other := neighbors.CameOnline{User: "annx", Session: "0b", Trust: "pinned"}
	seed := neighbors.CameOnline{User: "rock", Session: "0c", Trust: "pinned", Seed: true}
	s.after(0, on("annx"), other, on("catx"), seed)
	s.after(5*time.Second, gone("annx"), gone("annx"), gone("annx"))
	s.want(t, "1s +3 online: annx, catx, rock (a seed)", "6s -1 offline: annx")
}

// A loss that ends soon is one line, and one with a number when it comes again; what
// lasts is told as a loss.
func TestReturnsAreOneLine(t *testing.T) {
	s := newStage(notifyKnown)
	for range 3 {
		s.after(10*time.Second, lost("bobx"))
		s.after(2*time.Second, on("bobx"))
	}
	s.after(10*time.Second, lost("bobx"))
	s.want(t, "12s ~ bobx reconnected", "24s ~ bobx reconnected x2", "36s ~ bobx reconnected x3",
		"52s - bobx is offline (bobx, no longer answers)")
}

// Strangers, and those two edges away, are told of on request only; nobody when off. A
// text is never held back and keeps its place.
func TestNotifyLevels(t *testing.T) {
	events := []neighbors.Event{
		neighbors.CameOnline{User: "sam", Session: "5a", Trust: "new"}, on("bobx"),
		neighbors.HeardOf{User: "dan", Session: "7f", State: neighbors.Online, Via: "cat", Trust: "new"},
		neighbors.Notice{Text: "hello"},
	}
	for level, want := range map[string][]string{
		notifyKnown: {"0s + bobx is online (bobx)", "0s hello"},
		notifyOff:   {"0s hello"},
		notifyAll:   {"0s +2 online: sam, bobx", "0s hello"},
	} {
		s := newStage(level)
		s.after(0, events...)
		if level == notifyAll {
			want = []string{"0s ~ dan (new) is online, says cat", "0s +2 online: sam, bobx", "0s hello"}
		}
		s.want(t, want...)
	}
}

// However many come and go, what is held back is bounded, and in the end all is told.
func TestCalmIsBounded(t *testing.T) {
	s := newStage(notifyAll)
	for i := range 5000 {
		s.calm.hold([]item{{event: on(fmt.Sprint(i))}, {event: lost(fmt.Sprint(i))}}, notifyAll, s.now)
		if len(s.calm.gathered) > maxCalm || len(s.calm.lost) > maxCalm || len(s.calm.returns) > maxCalm {
			t.Fatal("it grows")
		}
	}
	s.calm.rest()
	if len(s.calm.gathered)+len(s.calm.lost) > 0 {
		t.Error("something stays behind")
	}
}
