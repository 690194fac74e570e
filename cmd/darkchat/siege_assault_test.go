package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// An attacker is a process of its own: the test binary once more. It is told by one
// environment variable whom to attack, how, from which of its addresses and for how long,
// and it ends by itself: after that time, or when whoever started it is gone. It sends to
// the addresses of its order alone.

// asAttacker is the environment variable that turns the test binary into an attacker.
const asAttacker = "DARKCHAT_TEST_AS_ATTACKER"

// order is what an attacker is told.
type order struct {
	Attack  string
	Victim  netip.AddrPort
	User    string       // the victim's name
	Friends []string     // of the victim: names that anybody may guess
	Near    []netip.Addr // addresses of the attacker on the victim's link
	Far     []netip.Addr // addresses elsewhere, each in a /24 of its own
	Prefix  []netip.Addr // addresses elsewhere, all in one /24
	Third   netip.Addr   // somebody else's address: what comes there is counted
	Last    time.Duration
}

// assault is an attack under way.
type assault struct {
	order
	tally *tally
}

// tally counts what an attack did. Many goroutines add to it.
type tally struct {
	strangers, met, messages     atomic.Int64
	datagramsOut, bytesOut       atomic.Int64
	datagramsIn, bytesIn, errors atomic.Int64
	mu                           sync.Mutex
	notes                        map[string]int64
}

func (t *tally) put(n int) { t.datagramsOut.Add(1); t.bytesOut.Add(int64(n)) }
func (t *tally) got(n int) { t.datagramsIn.Add(1); t.bytesIn.Add(int64(n)) }

// note adds to a number that only some attacks have.
func (t *tally) note(what string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes[what] += n
}

// attackReport is the only line that an attacker prints.
type attackReport struct {
	Event     string           `json:"event"`
	Attack    string           `json:"attack"`
	Strangers int64            `json:"strangers"`
	Met       int64            `json:"met"`
	Messages  int64            `json:"messages"`
	Out       [2]int64         `json:"out"` // datagrams, bytes
	In        [2]int64         `json:"in"`
	Errors    int64            `json:"errors,omitempty"`
	Notes     map[string]int64 `json:"notes,omitempty"`
}

func (r attackReport) String() string {
	s := fmt.Sprintf("%s: %d strangers, %d met, %d messages, out %d datagrams %.1f MB, in %d datagrams %.1f MB",
		r.Attack, r.Strangers, r.Met, r.Messages, r.Out[0], float64(r.Out[1])/1e6, r.In[0], float64(r.In[1])/1e6)
	var names []string
	for k := range r.Notes {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		s += fmt.Sprintf(", %s %d", k, r.Notes[k])
	}
	return s
}

// attacks are all there are, by name.
func attacks() map[string]func(context.Context, *assault) {
	return map[string]func(context.Context, *assault){
		"gap-texts":            gapTexts,
		"text-flood-1B":        func(ctx context.Context, a *assault) { textFlood(ctx, a, 1) },
		"text-flood-1KiB":      func(ctx context.Context, a *assault) { textFlood(ctx, a, 1024) },
		"text-flood-fresh":     freshTexts,
		"unfinished-lines":     unfinishedLines,
		"endless-gap":          endlessGap,
		"copies-unopened":      unopenedCopies,
		"one-prefix":           onePrefix,
		"edges-one-ip":         func(ctx context.Context, a *assault) { takeEdges(ctx, a, a.Near[:1]) },
		"edges-20-ips":         func(ctx context.Context, a *assault) { takeEdges(ctx, a, a.Near) },
		"edges-far":            func(ctx context.Context, a *assault) { takeEdges(ctx, a, a.Far) },
		"edges-visit":          visits,
		"comings-goings":       comingsAndGoings,
		"vanished":             vanished,
		"namesakes":            namesakes,
		"dead-crowd":           deadCrowd,
		"presence-toggles":     toggles,
		"false-observed":       falseObserved,
		"impostor":             impostor,
		"name-guesses":         guesses,
		"third-host":           thirdHost,
		"false-challenges":     falseChallenges,
		"announcements-one-ip": func(ctx context.Context, a *assault) { announcements(ctx, a, a.Near[:1]) },
		"announcements-20-ips": func(ctx context.Context, a *assault) { announcements(ctx, a, a.Near) },
		"idle-circuits":        idleCircuits,
	}
}

// Bounds of an attacker, whatever it is told.
const (
	longestAttack = 5 * time.Minute
	mostStrangers = 50_000
)

// besiege is the other program.
func besiege() {
	a := &assault{tally: &tally{notes: map[string]int64{}}}
	if err := json.Unmarshal([]byte(os.Getenv(asAttacker)), &a.order); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	attack := attacks()[a.Attack]
	if attack == nil {
		fmt.Fprintf(os.Stderr, "no attack is called %q\n", a.Attack)
		os.Exit(2)
	}
	last := min(a.Last, longestAttack)
	ctx, cancel := context.WithTimeout(context.Background(), last)
	defer cancel()
	time.AfterFunc(last+10*time.Second, func() { os.Exit(3) })
	go func() { // nobody is left who waits for it
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	attack(ctx, a)
	t := a.tally
	line, err := json.Marshal(attackReport{
		"attacked", a.Attack, t.strangers.Load(), t.met.Load(), t.messages.Load(),
		[2]int64{t.datagramsOut.Load(), t.bytesOut.Load()}, [2]int64{t.datagramsIn.Load(), t.bytesIn.Load()}, t.errors.Load(), t.notes,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(line))
}

// each runs f beside itself for so many strangers, number i at one of the addresses in
// turn, and returns when all have ended.
func (a *assault) each(count int, from []netip.Addr, name func(i int) string, flags uint64, f func(s *stranger)) {
	var all sync.WaitGroup
	for i := range count {
		s, err := a.stranger(name(i), from[i%len(from)], flags)
		if err != nil {
			a.tally.errors.Add(1)
			continue
		}
		all.Go(func() {
			defer s.close()
			f(s)
		})
	}
	all.Wait()
}

// stream has one fresh stranger after the other do something, so many beside each other,
// until ctx ends. f closes it.
func (a *assault) stream(ctx context.Context, beside int, from []netip.Addr, name func(i int) string, f func(s *stranger, i int)) {
	var all sync.WaitGroup
	var number atomic.Int64
	for range beside {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(number.Add(1) - 1)
				if i >= mostStrangers {
					return
				}
				s, err := a.stranger(name(i), from[i%len(from)], 0)
				if err != nil {
					a.tally.errors.Add(1)
					pause(ctx, 100*time.Millisecond)
					continue
				}
				f(s, i)
			}
		})
	}
	all.Wait()
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func numbered(name string) func(int) string {
	return func(i int) string { return fmt.Sprintf("%s%d", name, i) }
}
