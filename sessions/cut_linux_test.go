package sessions

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cutsWanted is the environment variable that has every prefix tried ("all"), and with
// more of what may become of what was not synced.
const cutsWanted = "DARKCHAT_CUTS"

// Three runs of a profile are recorded, the first and the last without an end: every
// write, cut, sync, rename and removal that they ask the system for. Then the power is
// cut after any of them, and what was not synced is lost, kept, torn or mixed. It opens
// every time; all that was synced is there, whole and in order, and so is all that was
// stored more than 100 ms before; no id and no record number is used again.
func TestPowerCut(t *testing.T) {
	root := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(root)
	recordedOn(func() {
		for _, verb := range []string{"fall", "close", "fall"} {
			rec.run(t, childEnv+"="+verb+" "+filepath.Join(root, "state"))
		}
	})
	if t.Failed() || t.Skipped() {
		return
	}
	seed := byte(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(testRandom(seed))
	all, tries := os.Getenv(cutsWanted) == "all", 1
	most := 150
	if testing.Short() {
		most = 40
	}
	if all {
		most, tries = len(rec.ops), 3
	}
	batches, decisions := synced(rec.ops)
	disk, now := newSimDisk(), witness{}
	cuts, lost, damaged := 0, uint64(0), 0
	stored := uint64(0)
	for n := 0; n <= len(rec.ops); n++ {
		if all || r.IntN(len(rec.ops)) < most {
			for _, f := range fates {
				for range tries {
					if f < fateOrder && cuts%tries != 0 {
						continue
					}
					cuts++
					dir := scratch(t)
					disk.cut(t, f, r, root, dir)
					w := now
					w.lasting, w.decided = batches[n], decisions[n]
					last, notices, err := w.survives(t, filepath.Join(dir, "state"))
					if err != nil {
						t.Fatalf("seed %d, cut after %d of %d operations, fate %d: %v\nnotices: %q\n%s", seed, n, len(rec.ops), f, err, notices, tail(rec.ops[:n]))
					}
					for _, text := range notices {
						if w.session != "" && (!strings.Contains(text, journalName+".") || f < fateOrder) {
							t.Errorf("seed %d, cut after %d, fate %d: notice %q", seed, n, f, text)
						}
						damaged++
					}
					lost = max(lost, stored-min(last, stored))
					os.RemoveAll(dir)
				}
			}
		}
		if n < len(rec.ops) {
			o := rec.ops[n]
			disk.do(n, o)
			if o.kind == opSay {
				now.hear(t, o.path)
				fmt.Sscanf(o.path, "stored %d", &stored)
			}
		}
	}
	t.Logf("%d operations recorded, %d cuts; at most %d of %d batches lost; %d journals with a hole in what was not synced", len(rec.ops), cuts, lost, 3*cutBatches, damaged)
}

// scratch is a folder where syncs cost nothing, if there is one.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "darkchat-cut")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// hear takes what a recorded process said.
func (w *witness) hear(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	number := uint64(0)
	if len(words) == 2 {
		fmt.Sscan(words[1], &number)
	}
	again := false
	switch words[0] {
	case "open":
		if w.session != "" && (w.session != words[1] || w.key != words[2]) {
			t.Error("another start is another session")
		}
		w.session, w.key = words[1], words[2]
	case "id":
		again, w.ids = number <= w.ids, number
	case "seq":
		again, w.seq = number <= w.seq, number
	}
	if again {
		t.Errorf("%s again: %s", words[0], line)
	}
}

// synced tells for each prefix of the operations what is on disk for sure: the last batch
// whose journal was synced since, and the name of that, and the last such decision.
func synced(ops []fileOp) (batches, decisions []uint64) {
	type written struct {
		at    int    // operation
		batch uint64 // stored after it
	}
	wrote := map[int][]written{} // by file
	made, named := map[int]int{}, map[int]bool{}
	journal, people := 0, 0 // files
	batches, decisions = make([]uint64, len(ops)+1), make([]uint64, len(ops)+1)
	for n, o := range ops {
		batches[n+1], decisions[n+1] = batches[n], decisions[n]
		switch {
		case o.kind == opMake && strings.Contains(o.path, journalName+"."):
			journal, made[o.file] = o.file, n
		case o.kind == opWrite && filepath.Base(o.path) == peopleName:
			people = o.file
			wrote[people] = append(wrote[people], written{at: n})
		case o.kind == opWrite && o.file == journal:
			wrote[journal] = append(wrote[journal], written{at: n})
		case o.kind == opSay:
			batch := uint64(0)
			fmt.Sscanf(o.path, "stored %d", &batch)
			if list := wrote[journal]; batch > 0 && len(list) > 0 {
				list[len(list)-1].batch = batch
			}
			if list := wrote[people]; batch%decideEvery == 0 && batch > 0 {
				list[len(list)-1].batch = batch
			}
		case o.kind == opSync && o.file == 0:
			for file, at := range made {
				named[file] = named[file] || at < o.begun
			}
		case o.kind == opSync:
			for _, w := range wrote[o.file] {
				switch {
				case w.at >= o.begun:
				case o.file == people:
					decisions[n+1] = max(decisions[n+1], w.batch)
				case named[o.file]:
					batches[n+1] = max(batches[n+1], w.batch)
				}
			}
		}
	}
	return batches, decisions
}

// tail shows the last operations.
func tail(ops []fileOp) string {
	var b strings.Builder
	for _, o := range ops[max(0, len(ops)-25):] {
		what := []string{"", "make", "folder", "write", "cut", "sync", "rename", "remove", "say"}[o.kind]
		fmt.Fprintf(&b, "%8.1f ms %s %s %s %d+%d\n", o.at.Seconds()*1000, what, filepath.Base(o.path), filepath.Base(o.to), o.off, len(o.data))
	}
	return b.String()
}
