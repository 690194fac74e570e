package nodetest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
)

// Keeper compares runs with what a file keeps of them: in a package's TestRecord, ten for each
// profile.
type Keeper struct {
	Path   string // of the file
	About  string // what stands at its top
	Write  bool   // what the runs are now is kept, instead of being compared
	Folder string // where the conversations go, NAME.txt for each run; empty: nowhere

	names []string
	kept  map[string]string
}

// NewKeeper keeps runs in testdata/record.txt, below about. It adds two flags to the test command, so
// it is called before flags are read.
func NewKeeper(about string) *Keeper {
	k := &Keeper{Path: "testdata/record.txt", About: about}
	flag.BoolVar(&k.Write, "write-record", false, "write testdata/record.txt anew")
	flag.StringVar(&k.Folder, "conversations", "", "write the conversations of TestRecord into this folder")
	return k
}

// Runs has run make the runs, and holds each to what is kept of it; about says what the run is.
// The randomness of the process is seeded: one stream for all nodes.
func (k *Keeper) Runs(t *testing.T, run func(t *testing.T, profile string, seed uint64) (about string, r *Record)) {
	k.open(t)
	for _, profile := range []string{"lan", "wan", "quiet"} {
		t.Run(profile, func(t *testing.T) {
			for seed := range uint64(10) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					cryptotest.SetGlobalRandom(t, seed)
					about, r := run(t, profile, seed)
					k.check(t, fmt.Sprintf("%s-%d", profile, seed), about, r)
				})
			}
		})
	}
	k.close(t)
}

// open reads the file; one that is not there is empty.
func (k *Keeper) open(t *testing.T) {
	t.Helper()
	k.kept = map[string]string{}
	text, err := os.ReadFile(k.Path)
	if err != nil && !(k.Write && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(text), "\n\n") {
		if name, rest, ok := strings.Cut(block, ":"); ok && !strings.HasPrefix(block, "#") {
			k.keep(name, strings.TrimRight(name+":"+rest, "\n")+"\n")
		}
	}
}

func (k *Keeper) keep(name, text string) {
	if k.kept[name] == "" {
		k.names = append(k.names, name)
	}
	k.kept[name] = text
}

// Tells says whether records are to have conversations.
func (k *Keeper) Tells() bool { return k.Folder != "" }

// check holds a run to what is kept of it under that name; about says what the run is.
func (k *Keeper) check(t *testing.T, name, about string, r *Record) {
	t.Helper()
	if k.Folder != "" {
		path := filepath.Join(k.Folder, name+".txt")
		if err := os.MkdirAll(k.Folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, r.Conversation(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := name + ": " + about + "\n" + r.Text()
	if k.Write {
		k.keep(name, text)
		return
	}
	switch kept, ok := k.kept[name]; {
	case !ok:
		t.Errorf("%s keeps nothing of %s", k.Path, name)
	case kept != text:
		t.Errorf("%s is not what %s keeps:\n%s\n%s", name, k.Path, differing(text, kept), howTo(t, name))
	}
}

// close writes the file, if that is wanted.
func (k *Keeper) close(t *testing.T) {
	t.Helper()
	if !k.Write {
		return
	}
	var b strings.Builder
	for l := range strings.Lines(k.About) {
		b.WriteString(strings.TrimSpace("# "+l) + "\n")
	}
	for _, name := range k.names {
		b.WriteString("\n" + k.kept[name])
	}
	if err := os.MkdirAll(filepath.Dir(k.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.Path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// differing lists what two texts of records say differently.
func differing(now, kept string) string {
	var b strings.Builder
	is, was := values(now), values(kept)
	for _, what := range slices.Sorted(maps.Keys(is)) {
		if is[what] != was[what] && !strings.HasPrefix(what, "until ") {
			fmt.Fprintf(&b, "\t%s: %s, kept %s\n", what, is[what], orNone(was[what]))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(was)) {
		if is[what] == "" {
			fmt.Fprintf(&b, "\t%s: none, kept %s\n", what, was[what])
		}
	}
	before := "the start"
	for _, end := range ends(now) {
		if is["until "+end] != was["until "+end] {
			fmt.Fprintf(&b, "\tthey part between %s and %s of virtual time\n", before, end)
			break
		}
		before = end
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// values are those of a record's text by their names: "came text" has "12".
func values(text string) map[string]string {
	list := map[string]string{}
	for i, l := range strings.Split(text, "\n") {
		if i == 0 {
			list["the run"] = l
			continue
		}
		of, rest, _ := strings.Cut(l, " ")
		for word := range strings.FieldsSeq(rest) {
			kind, value, _ := strings.Cut(word, "=")
			list[of+" "+kind] = value
		}
	}
	return list
}

// ends lists those of the spans, in order.
func ends(text string) (list []string) {
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, "until "); ok {
			for word := range strings.FieldsSeq(rest) {
				end, _, _ := strings.Cut(word, "=")
				list = append(list, end)
			}
		}
	}
	return list
}

// howTo says how one finds where two runs part.
func howTo(t *testing.T, name string) string {
	top, _, _ := strings.Cut(t.Name(), "/")
	only := "'^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$'"
	return fmt.Sprintf(`To see where they part, in this folder with this code and with that of the last commit that passed:
	go test -count=1 -run %s . -conversations /tmp/now
	git worktree add /tmp/then COMMIT; the same there, with -conversations /tmp/before
	diff /tmp/before/%[2]s.txt /tmp/now/%[2]s.txt
If the change is meant, name it in the commit that writes the file anew:
	go test -count=1 -run '^%[3]s$' . -write-record`, only, name, top)
}
