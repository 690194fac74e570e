package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/store"
)

// pastOf asks a node and returns what was said, as "from: text" or "to: text".
func (n *node) pastOf(macro string) (said []string) {
	n.t.Helper()
	kind, _, _ := strings.Cut(macro[1:], " ")
	at := n.mark()
	n.send(macro)
	e := n.waitAfter(at, macro, func(e event) bool { return e.Event == kind || e.Event == "error" })
	var r struct {
		Text    string
		Entries []struct{ From, To, Text, State, Reason string }
	}
	if err := json.Unmarshal([]byte(e.raw), &r); err != nil {
		n.t.Fatal(err)
	}
	if e.Event == "error" {
		return []string{r.Text}
	}
	for _, l := range r.Entries {
		who := l.From
		if l.To != "" {
			who = "to " + l.To
		}
		end := ""
		if l.Reason != "" {
			end = " (" + l.State + ", " + l.Reason + ")"
		}
		said = append(said, who+": "+l.Text+end)
	}
	return said
}

// What was said is there after a restart and after a kill, once; \last is what came since
// one wrote; with -history 0 it is erased, and -ephemeral keeps none.
func TestHistoryOutlivesTheProgram(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	ann.send(`\chat bob`)
	bob.send(`\chat ann`)
	ann.send("one")
	bob.wait("one", is("message", "one"))
	bob.send("two")
	bob.wait("two is delivered", delivered("", 1, 1))
	bob.send("three")
	ann.wait("three", is("message", "three"))
	bob.wait("three is delivered", func(event) bool { return bob.count(delivered("", 1, 1)) == 2 })
	all := []string{"to bob: one", "bob: two", "bob: three"}
	if got := ann.pastOf(`\history bob`); !slices.Equal(got, all) {
		t.Errorf("got %q", got)
	}
	ann.kill()
	ann = start(t, ann.state, "ann")
	for macro, want := range map[string][]string{
		`\history`: all, `\history bob 2`: all[1:], `\search THREE`: all[2:], `\last`: all[1:], `\search four`: nil,
	} {
		if got := ann.pastOf(macro); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", macro, got, want)
		}
	}
	file := filepath.Join(t.TempDir(), "bob.txt")
	ann.send(`\export bob ` + file)
	ann.wait("the export", func(e event) bool { return e.Event == "export" })
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if text, _ := os.ReadFile(file); strings.Count(string(text), "\n") != 3 || !strings.Contains(string(text), " bob: three\n") {
		t.Errorf("got %q", text)
	}
	ann.quit()
	ann = start(t, ann.state, "ann", "-history", "0")
	if got := ann.pastOf(`\history`); len(got) != 1 || !strings.Contains(got[0], "-history N") {
		t.Errorf("got %q", got)
	}
	ann.quit()
	ann = start(t, ann.state, "ann")
	if got := ann.pastOf(`\history`); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	ann.quit()
	ann = start(t, t.TempDir(), "ann", "-ephemeral")
	if got := ann.pastOf(`\history`); len(got) != 1 || !strings.Contains(got[0], "-ephemeral") {
		t.Errorf("got %q", got)
	}
}

// A line that was taken back is marked, in later runs too, however they begin.
func TestHistoryMarksWhatWasTakenBack(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	bob.quit()
	ann.wait("bob is away", func(e event) bool { return e.Event == "offline" })
	ann.send(`\chat bob`)
	ann.send("one")
	ann.send("two")
	id := ""
	ann.wait("both wait", func(e event) bool {
		if e.Event == "delivery" && e.State == "queued" && e.ID != id {
			if id == "" {
				id = e.ID
				return false
			}
			return true
		}
		return false
	})
	ann.send(`\cancel ` + id)
	ann.wait("it is taken back", func(e event) bool { return e.Event == "cancel" })
	want := []string{"to bob: one (undelivered, cancelled)", "to bob: two"}
	if got := ann.pastOf(`\history bob`); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	ann.kill()
	ann = start(t, ann.state, "ann")
	if got := ann.pastOf(`\history bob`); !slices.Equal(got, want) {
		t.Errorf("after a kill: got %q", got)
	}
	ann.quit()
	ann = start(t, ann.state, "ann")
	if got := ann.pastOf(`\search ONE`); !slices.Equal(got, want[:1]) {
		t.Errorf("after \\quit: got %q", got)
	}
}

// BenchmarkHistory compares the start with 100,000 lines and with none, from exec to ready,
// and times \search over them, from the line typed to its event.
func BenchmarkHistory(b *testing.B) {
	empty, full := b.TempDir(), b.TempDir()
	fillHistory(b, full, store.DefaultHistory)
	p, err := store.OpenProfile(store.ProfileOptions{Dir: empty, User: "ann", Now: time.Now(), Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
	var none, many, find []time.Duration
	for range 7 {
		for _, state := range []string{empty, full} {
			began := time.Now()
			n := start(b, state, "ann")
			took := time.Since(began)
			if state == empty {
				none = append(none, took)
			} else {
				many = append(many, took)
				n.send(`\history`) // so that the next line is not the one that opens the file
				n.wait("the history", func(e event) bool { return e.Event == "history" })
				began = time.Now()
				n.send(`\search LINE 77777`)
				n.wait("what was found", func(e event) bool { return e.Event == "search" })
				find = append(find, time.Since(began))
			}
			n.quit()
		}
	}
	for _, list := range [][]time.Duration{none, many, find} {
		slices.Sort(list)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(none[3]), "start-none-ms")
	b.ReportMetric(ms(many[3]), "start-100000-ms")
	b.ReportMetric(ms(many[6]-none[3]), "worst-difference-ms")
	b.ReportMetric(ms(find[3]), "search-ms")
	b.ReportMetric(ms(find[6]), "search-worst-ms")
}

// fillHistory gives a user's first session so many lines.
func fillHistory(t testing.TB, state string, lines int) {
	p, err := store.OpenProfile(store.ProfileOptions{
		Dir: state, User: "ann", Now: time.Now(), Random: rand.Reader, History: lines,
	})
	if err != nil {
		t.Fatal(err)
	}
	var h store.History
	disk := p.Store()
	for id := range uint64(lines) {
		h.Note(time.Now(), store.HistoryEntry{
			User: identity.UserKey{byte(id % 50)}, Session: identity.SessionID{1}, ID: id, Sent: time.Now(),
			Text: fmt.Sprintf("Line %d is about as long as what people write to each other, most often", id),
		})
		if id%100 == 99 {
			if !disk.Append(h.TakeWrites(), id) {
				t.Fatal("the store takes no more")
			}
			if d := <-disk.Done(); d.Err != nil {
				t.Fatal(d.Err)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
