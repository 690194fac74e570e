package store

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
	cuts, holes := 0, 0
	var told []time.Duration // when each batch was stored
	lost, oldest := 0, time.Duration(0)
	clock := time.Duration(0) // stands still while a process starts, or the machine is busy with others
	for n := 0; n <= len(rec.ops); n++ {
		if n > 0 {
			o := rec.ops[n-1]
			disk.do(n-1, o)
			clock += min(o.at-rec.ops[max(n-2, 0)].at, 20*time.Millisecond)
			now.batches, now.decisions = batches[n], decisions[n]
			if o.kind == opSay && now.hear(t, o.path) {
				told = append(told, clock)
			}
			if gone := told[min(int(now.batches), len(told)):]; len(gone) > 0 {
				oldest = max(oldest, clock-gone[0])
			}
		}
		if !all && r.IntN(len(rec.ops)) >= most {
			continue
		}
		for try := range tries * len(fates) {
			f := fates[try%len(fates)]
			if f < fateOrder && try >= len(fates) {
				continue // it is the same each time
			}
			cuts++
			dir := scratch(t)
			disk.cut(t, f, r, root, dir)
			last, notices, err := now.survives(filepath.Join(dir, "state"))
			if err != nil {
				t.Fatalf("seed %d, cut after %d of %d operations, fate %d: %v\nnotices: %q\n%s", seed, n, len(rec.ops), f, err, notices, tail(rec.ops[:n]))
			}
			for _, text := range notices {
				if now.session != "" && (!strings.Contains(text, journalName+".") || f < fateOrder) {
					t.Errorf("seed %d, cut after %d, fate %d: notice %q", seed, n, f, text)
				}
				holes++
			}
			lost = max(lost, len(told)-int(last))
			os.RemoveAll(dir)
		}
	}
	// TestSyncFollowsSoonAndSeldom holds the 100 ms; here each system call is watched.
	if oldest > time.Second {
		t.Errorf("a batch was stored for %v and not synced", oldest)
	}
	t.Logf("%d operations, %d cuts; at most %d of %d batches lost, the oldest stored for %v; %d times what was not synced had holes",
		len(rec.ops), cuts, lost, len(told), oldest.Round(time.Millisecond), holes)
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

// hear takes what a recorded process said; true: a batch is stored.
func (w *witness) hear(t *testing.T, line string) bool {
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
	return words[0] == "stored"
}

// synced tells for each prefix of the operations what is on disk for sure: the last batch
// whose journal was synced since, and the name of that, and the last such decision.
func synced(ops []fileOp) (batches, decisions []uint64) {
	type written struct {
		at    int    // operation
		batch uint64 // stored after it
	}
	wrote := map[int][]written{}                 // by file
	made, named := map[int]int{}, map[int]bool{} // journals
	slot := ""
	journal, people := 0, 0 // files
	batches, decisions = make([]uint64, len(ops)+1), make([]uint64, len(ops)+1)
	for n, o := range ops {
		batches[n+1], decisions[n+1] = batches[n], decisions[n]
		switch {
		case o.kind == opMake && strings.Contains(o.path, journalName+"."):
			journal, made[o.file], slot = o.file, n, filepath.Dir(o.path)
		case o.kind == opWrite && filepath.Base(o.path) == trustFileName:
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
		case o.kind == opSync && o.file == 0 && o.path == slot:
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
