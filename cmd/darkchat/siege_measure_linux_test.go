package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is measured of a siege. Nothing here fails a test: a siege is measured to its end,
// and judged then.

const (
	longEvery  = 10               // of bob's lines one has many parts
	graceAfter = 10 * time.Second // for what is still under way when the attackers have ended
	never      = time.Duration(math.MaxInt64)
)

// figures is what a siege was like.
type figures struct {
	row            string
	last           time.Duration
	typed          int
	p50, p99, most time.Duration // from a line typed to its delivered event
	lost           int           // lines that were not shown
	untold         int           // lines that were shown and are not known to be delivered
	twice, crossed int           // lines shown again, and before an earlier one
	spoilt         int           // lines that are not what was typed
	crash          time.Duration
	newcomer       time.Duration // the slowest
	pinged, ponged int
	history        int // lines that were shown and are not in the history
	peak, resident int // kB
	state          int64
	cpu            float64 // of one core
	outLines       float64 // a second
	outBytes       float64
	exit           string // empty: as it should be
	attacks        []attackReport
	seen           []string // what the row's own look found
}

// speech is how bob talks: what a relay carries of one pair has a quota.
type speech struct {
	pace time.Duration // between two lines
	long int           // bytes of a long one
}

func (s *scene) speech() speech {
	if s.seed {
		return speech{200 * time.Millisecond, 1 << 10}
	}
	return speech{50 * time.Millisecond, 3 << 10}
}

// line is what bob types.
func (s speech) line(i int) string {
	text := fmt.Sprintf("line %06d of the siege ", i)
	if i%longEvery == longEvery-1 {
		text += strings.Repeat("and so on, ", s.long/11)
	}
	return strings.TrimSpace(text)
}

// writer types bob's lines.
type writer struct {
	speech
	typed   []time.Time
	stop    chan struct{}
	stopped chan struct{}
}

func (s *scene) startWriter() *writer {
	w := &writer{speech: s.speech(), stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(w.stopped)
		tick := time.NewTicker(w.pace)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-w.stop:
				return
			}
			at := time.Now()
			if _, err := io.WriteString(s.bob.stdin, w.line(len(w.typed))+"\n"); err != nil {
				return
			}
			w.typed = append(w.typed, at)
		}
	}()
	return w
}

func (w *writer) end() {
	close(w.stop)
	<-w.stopped
}

// texts fills in what became of bob's lines, and returns the lines that ann was shown.
func (f *figures) texts(w *writer, ann, bob *node, from [2]int, until time.Time) (shown []string) {
	deliveredAt := map[string]time.Time{}
	collect := func() {
		events, _ := bob.since(from[1])
		from[1] += len(events)
		for _, e := range events {
			if e.Event == "delivery" && e.State == "delivered" {
				deliveredAt[e.ID] = e.at
			}
		}
	}
	for collect(); len(deliveredAt) < len(w.typed) && time.Now().Before(until); collect() {
		settle(50 * time.Millisecond)
	}
	f.typed = len(w.typed)
	idOf, next := map[int]string{}, 0
	came, _ := ann.since(from[0])
	for _, e := range came {
		number, ok := lineNumber(e)
		if !ok {
			continue
		}
		if e.Text != w.line(number) {
			f.spoilt++
		}
		if _, again := idOf[number]; again {
			f.twice++
			continue
		}
		if number < next {
			f.crossed++
		}
		idOf[number], next = e.ID, number
		shown = append(shown, e.Text)
	}
	var took []time.Duration
	for i, at := range w.typed {
		id, ok := idOf[i]
		if !ok {
			f.lost++
		}
		done, told := deliveredAt[id]
		switch {
		case ok && told:
			took = append(took, done.Sub(at))
		case ok:
			f.untold++
			fallthrough
		default:
			took = append(took, never)
		}
	}
	slices.Sort(took)
	if n := len(took); n > 0 {
		f.p50, f.p99, f.most = took[n/2], took[n*99/100], took[n-1]
	}
	return shown
}

func lineNumber(e event) (int, bool) {
	rest, ok := strings.CutPrefix(e.Text, "line ")
	if e.Event != "message" || !ok || len(rest) < 6 {
		return 0, false
	}
	number, err := strconv.Atoi(rest[:6])
	return number, err == nil
}

// lacks counts the lines that ann's history with bob does not have.
func (s *scene) lacks(shown []string) int {
	file := filepath.Join(s.TempDir(), "bob.txt")
	from := s.ann.mark()
	_, _ = io.WriteString(s.ann.stdin, `\export bob `+file+"\n")
	s.ann.seenAfter(from, time.Now().Add(graceAfter), func(e event) bool {
		return e.Event == "export" || e.Event == "error" && strings.HasPrefix(e.Input, `\export`)
	})
	kept, err := os.ReadFile(file)
	if err != nil {
		return len(shown)
	}
	lacks := 0
	for _, line := range shown {
		if !strings.Contains(string(kept), line) {
			lacks++
		}
	}
	return lacks
}

// seenAfter is seenBy for what comes after a mark.
func (n *node) seenAfter(mark int, until time.Time, fits func(event) bool) (event, bool) {
	for {
		unseen, more := n.since(mark)
		mark += len(unseen)
		if i := slices.IndexFunc(unseen, fits); i >= 0 {
			return unseen[i], true
		}
		select {
		case <-more:
		case <-time.After(time.Until(until)):
			return event{}, false
		}
	}
}

// ask types a macro and returns the event that answers it; nothing comes in time: ok is
// false.
func (n *node) ask(macro, kind string) (e event, ok bool) {
	from := n.mark()
	_, _ = io.WriteString(n.stdin, macro+"\n")
	return n.seenAfter(from, time.Now().Add(graceAfter), func(e event) bool { return e.Event == kind })
}

// skipStrangers has lines of strangers counted alone: a flood of them fills more memory
// than the test should have.
func (n *node) skipStrangers() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.skip = func(line string) bool {
		return strings.HasPrefix(line, `{"event":"message"`) &&
			(strings.Contains(line, `"from":"`+floodName) || strings.Contains(line, `"from":"`+freshName))
	}
}

// cost is what a process used so far.
type cost struct {
	at    time.Time
	cpu   time.Duration
	lines int
	bytes int
}

func (n *node) cost() cost {
	c := cost{at: time.Now()}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid)); err == nil {
		_, rest, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); len(f) > 12 {
			for _, ticks := range f[11:13] { // user and system, in hundredths
				v, _ := strconv.Atoi(ticks)
				c.cpu += time.Duration(v) * 10 * time.Millisecond
			}
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c.lines, c.bytes = len(n.lines)+n.skipped, n.errs.Len()+n.skippedBytes
	for _, l := range n.lines {
		c.bytes += len(l) + 1
	}
	return c
}

// spent fills in what the watched process used since then.
func (f *figures) spent(n *node, was cost) {
	is := n.cost()
	seconds := is.at.Sub(was.at).Seconds()
	f.cpu = (is.cpu - was.cpu).Seconds() / seconds
	f.outLines, f.outBytes = float64(is.lines-was.lines)/seconds, float64(is.bytes-was.bytes)/seconds
}

// memory fills in the resident memory, now and at its highest.
func (f *figures) memory(n *node) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		for name, to := range map[string]*int{"VmHWM:": &f.peak, "VmRSS:": &f.resident} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				*to, _ = strconv.Atoi(strings.Fields(rest)[0])
			}
		}
	}
}

// leaves fills in how the watched process ends.
func (f *figures) leaves(n *node) {
	began := time.Now()
	_, _ = io.WriteString(n.stdin, "\\quit\n")
	select {
	case <-n.exited:
		if code := n.cmd.ProcessState.ExitCode(); code != 0 {
			f.exit = fmt.Sprintf("exit %d", code)
		}
	case <-time.After(graceAfter):
		f.exit = fmt.Sprintf("still there after %s", short(time.Since(began)))
	}
}
