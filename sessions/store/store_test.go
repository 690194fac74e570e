package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"darkchat/sessions/kv"
)

// wait reads ends until one has this mark.
func (t *diskTest) wait(s *Store, seq uint64) Done {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case d := <-s.Done():
			if d.Seq == seq {
				return d
			}
		case <-limit:
			t.Fatalf("no end of %d", seq)
		}
	}
}

func TestRestartReadsTheSameState(t *testing.T) {
	d := newDiskTest(t)
	r := rand.New(testRandom(1))
	model := map[string]string{}
	for run := range 6 {
		p := d.openWith(d.options("ann"), smallLimits, openJournalFile)
		if got := d.load(p); !maps.Equal(got, model) {
			t.Fatalf("run %d: %d entries came back, want %d", run, len(got), len(model))
		}
		sent := 300
		for n := range sent {
			var batch []kv.Write
			for range 1 + r.IntN(3) {
				w := kv.Write{Bucket: kv.BucketSessions + kv.Bucket(r.IntN(4)), Key: fmt.Appendf(nil, "k%d", r.IntN(100)), Value: nil}
				k := fmt.Sprintf("%v/%s", w.Bucket, w.Key)
				delete(model, k)
				if r.IntN(4) > 0 {
					w.Value = make([]byte, r.IntN(200))
					for i := range w.Value {
						w.Value[i] = byte(r.Uint32())
					}
					model[k] = string(w.Value)
				}
				batch = append(batch, w)
			}
			if !p.Store().Append(batch, uint64(n+1)) {
				t.Fatal("queue is full")
			}
		}
		for n := range sent {
			if end := d.wait(p.Store(), uint64(n+1)); end.Err != nil { // in order, or wait would miss one
				t.Fatal(end.Err)
			}
		}
		d.close(p)
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	sent := 0
	for ; sent < 500 && p.Store().Append([]kv.Write{text(sent)}, uint64(sent+1)); sent++ {
	}
	d.close(p)
	if p.Store().Append([]kv.Write{text(1)}, 1) || p.Store().Reserve(CounterIDs, 1) {
		t.Error("a closed store takes more")
	}
	ended := 0
	for end := range p.Store().Done() {
		if ended++; end.Err != nil || end.Seq != uint64(ended) {
			t.Fatalf("end %d is %+v", ended, end)
		}
	}
	p = d.open("ann")
	defer p.Close()
	if got := len(d.load(p)); got != sent || ended != sent {
		t.Errorf("%d of %d stored, %d ended", got, sent, ended)
	}
}

// Nobody reads Done: Append refuses in time, and nothing hangs.
func TestQueueIsBounded(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	sent, most := 0, cap(p.Store().done)-doneSpare
	limit := time.After(20 * time.Second)
	for sent < most {
		if p.Store().Append([]kv.Write{text(sent)}, 1) {
			sent++
			continue
		}
		select {
		case <-limit:
			t.Fatalf("it refuses after %d, want %d", sent, most)
		default: // the writer is behind
		}
	}
	if p.Store().Append([]kv.Write{text(sent)}, 1) {
		t.Error("a batch is taken although no end has room")
	}
	if p.Store().Reserve(CounterIDs, 2) {
		t.Error("reserve is taken although no end has room")
	}
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	if got := len(d.load(p)); got != sent {
		t.Errorf("%d stored, want %d", got, sent)
	}
	if p.Store().Append([]kv.Write{{Bucket: kv.BucketTexts, Key: []byte("k"), Value: make([]byte, queueBytes)}}, 1) {
		t.Error("more bytes than the queue holds are taken")
	}
}

func TestBatchThatCannotBeStored(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	defer p.Close()
	for _, batch := range [][]kv.Write{nil, {{Bucket: kv.BucketMeta, Key: []byte("k"), Value: nil}}, {text(1), {Bucket: kv.BucketTexts, Key: nil, Value: nil}}, {{Bucket: kv.BucketUsers, Key: make([]byte, 32), Value: []byte("?")}}} {
		if err := d.store(p, batch...); !errors.Is(err, ErrBatch) {
			t.Errorf("error is %v, want ErrBatch", err)
		}
	}
	d.mustStore(p, text(2))
	if got := d.load(p); len(got) != 0 {
		t.Errorf("%d entries are in the store file before a compaction", len(got))
	}
}

func TestFullDisk(t *testing.T) {
	d := newDiskTest(t)
	disk := &faultyDisk{}
	p := d.openWith(d.options("ann"), usualLimits(), disk.open)
	d.mustStore(p, text(1))
	disk.set(func(f *faults) { f.limited, f.room = true, 20 })
	for n := range 10 {
		err := d.store(p, text(100+n))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("error is %v", err)
		}
	}
	disk.set(func(f *faults) { *f = faults{} })
	d.mustStore(p, text(2)) // there is room again
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	got := d.load(p)
	if len(got) != 2 || got["texts/"+string(text(2).Key)] != "text 2" {
		t.Errorf("stored %q, want the two that were said to be", got)
	}
	if len(p.Notices) > 0 {
		t.Errorf("notices %q", p.Notices)
	}
}

// The journal grows to its bound while it cannot be compacted; then batches are
// refused; when the store can be written again, they are taken again.
func TestStoreThatCannotBeCompacted(t *testing.T) {
	d := newDiskTest(t)
	disk := &faultyDisk{}
	limits := smallLimits
	limits.maxJournal = 8 << 10
	p := d.openWith(d.options("ann"), limits, disk.open)
	disk.mu.Lock()
	disk.shut = true // no new journal can be made
	disk.mu.Unlock()
	stored := 0
	var err error
	for ; err == nil && stored < 1000; stored++ {
		err = d.store(p, text(stored))
	}
	stored--
	if !errors.Is(err, ErrJournalFull) {
		t.Fatalf("error is %v, want ErrJournalFull", err)
	}
	disk.mu.Lock()
	disk.shut = false
	disk.mu.Unlock()
	for range 1000 {
		if err = d.store(p, text(5000)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("it never recovers: %v", err)
	}
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	if got := len(d.load(p)); got != stored+1 {
		t.Errorf("%d stored, want %d", got, stored+1)
	}
}

func TestSyncFollowsSoonAndSeldom(t *testing.T) {
	d := newDiskTest(t)
	disk := &faultyDisk{}
	p := d.openWith(d.options("ann"), usualLimits(), disk.open)
	defer p.Close()
	begin := time.Now()
	for n := range 200 {
		d.mustStore(p, text(n))
	}
	wrote := time.Since(begin)
	if got, most := disk.syncs(), 1+int(wrote/usualLimits().syncDelay); got > most {
		t.Errorf("%d syncs within %v, want at most %d", got, wrote, most)
	}
	for disk.syncs() == 0 {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("nothing is synced")
		}
		d.mustStore(p, text(1))
	}
}

// A sync that fails is told once; the journal is compacted at the next write, and
// nothing is lost.
func TestSyncThatFails(t *testing.T) {
	d := newDiskTest(t)
	disk := &faultyDisk{}
	limits := usualLimits()
	limits.syncDelay = time.Millisecond
	p := d.openWith(d.options("ann"), limits, disk.open)
	disk.set(func(f *faults) { f.noSync = true })
	d.mustStore(p, text(1))
	end := d.wait(p.Store(), 0)
	if !errors.Is(end.Err, syscall.EIO) || !strings.Contains(end.Err.Error(), "check this disk") {
		t.Errorf("report is %v", end.Err)
	}
	disk.set(func(f *faults) { *f = faults{} })
	d.mustStore(p, text(2))
	for len(d.load(p)) < 1 { // until it is compacted
		d.mustStore(p, text(3))
	}
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	if got := len(d.load(p)); got < 2 {
		t.Errorf("%d stored", got)
	}
}

func TestReservesAreRefusedWhenClosing(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	for range reserveQueue {
		p.Store().Reserve(CounterIDs, 3)
	}
	d.close(p)
	for end := range p.Store().Done() {
		if end.Seq != 3 || (end.Err == nil) != (end.Granted != Range{}) {
			t.Errorf("end is %+v", end)
		}
	}
}

func BenchmarkAppendToDone(b *testing.B) {
	p, err := OpenProfile(ProfileOptions{Dir: b.TempDir(), User: "ann", Now: testNow, Random: testRandom(1)})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	s := p.Store()
	value := make([]byte, 120)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		batch := []kv.Write{{Bucket: kv.BucketTexts, Key: text(n).Key, Value: value}, {Bucket: kv.BucketInbox, Key: []byte("12345678"), Value: value[:40]}}
		if !s.Append(batch, uint64(n)) {
			b.Fatal("refused")
		}
		if d := <-s.Done(); d.Err != nil {
			b.Fatal(d.Err)
		}
	}
}

func BenchmarkAppendGroups(b *testing.B) {
	p, err := OpenProfile(ProfileOptions{Dir: b.TempDir(), User: "ann", Now: testNow, Random: testRandom(1)})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	s := p.Store()
	value := make([]byte, 120)
	out := 0
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for !s.Append([]kv.Write{{Bucket: kv.BucketTexts, Key: text(n).Key, Value: value}}, 1) || out > 64 {
			<-s.Done()
			out--
		}
		out++
	}
}
