package store

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// fileOp is one thing that a recorded process did to the files below a folder.
type fileOp struct {
	kind  opKind
	at    time.Duration
	path  string // of what is made, renamed, removed or synced; what was said
	to    string // the new name
	file  int    // the file that is made, written, cut or synced; 0: a folder
	off   int64
	data  []byte
	size  int64 // that it is cut to
	begun int   // a sync: what was done before this many operations is on disk
}

type opKind uint8

const (
	opMake   opKind = iota + 1 // a file under a name
	opFolder                   // a folder
	opWrite
	opCut
	opSync
	opRename
	opRemove
	opSay // a line on standard output
)

// simDisk is a disk that keeps what was synced and promises nothing of the rest: of
// names made, changed and removed since their folder was synced, and of each sector
// written since its file was synced, any older state may be there after a power cut.
// That is stricter than the usual file systems are.
type simDisk struct {
	files   map[int]*simFile
	folders map[string]bool // on disk
	names   map[string]int  // on disk
	changes []pendingOp     // of names, not synced
}

type simFile struct {
	synced []byte
	since  []pendingOp
}

type pendingOp struct {
	n int // its place among all
	fileOp
}

const sector = 512

func newSimDisk() *simDisk {
	return &simDisk{files: map[int]*simFile{}, folders: map[string]bool{}, names: map[string]int{}}
}

// do has the disk take the operation with the number n.
func (d *simDisk) do(n int, o fileOp) {
	switch o.kind {
	case opMake:
		d.files[o.file] = &simFile{}
		d.changes = append(d.changes, pendingOp{n, o})
	case opFolder, opRename, opRemove:
		d.changes = append(d.changes, pendingOp{n, o})
	case opWrite, opCut:
		f := d.files[o.file]
		f.since = append(f.since, pendingOp{n, o})
	case opSync:
		if o.file == 0 {
			d.changes = slices.DeleteFunc(d.changes, func(p pendingOp) bool {
				done := p.n < o.begun && filepath.Dir(p.path) == o.path
				if done {
					p.rename(d.folders, d.names)
				}
				return done
			})
			return
		}
		f := d.files[o.file]
		f.since = slices.DeleteFunc(f.since, func(p pendingOp) bool {
			done := p.n < o.begun
			if done {
				f.synced = p.write(f.synced)
			}
			return done
		})
	}
}

// rename does what the operation does to names.
func (o fileOp) rename(folders map[string]bool, names map[string]int) {
	switch o.kind {
	case opMake:
		names[o.path] = o.file
	case opFolder:
		folders[o.path] = true
	case opRemove:
		delete(names, o.path)
	case opRename:
		delete(names, o.path)
		names[o.to] = o.file
	}
}

// write does what the operation does to the content of its file.
func (o fileOp) write(b []byte) []byte {
	if o.kind == opCut {
		return resize(b, int(o.size))
	}
	if end := int(o.off) + len(o.data); end > len(b) {
		b = resize(b, end)
	}
	copy(b[o.off:], o.data)
	return b
}

// resize cuts b, or fills it up with zeros.
func resize(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

// A fate is what becomes of what was not synced.
type fate uint8

const (
	fateLost  fate = iota // all of it is gone
	fateKept              // all of it is there: the process alone died
	fateOrder             // names in order up to some point, of each file's sectors any state
	fateMixed             // of names and of sectors any state
)

var fates = []fate{fateLost, fateKept, fateOrder, fateMixed}

// cut puts what is left after a power cut below the folder to.
func (d *simDisk) cut(t *testing.T, f fate, r *rand.Rand, root, to string) {
	t.Helper()
	folders, names := maps.Clone(d.folders), maps.Clone(d.names)
	upTo := r.IntN(len(d.changes) + 1)
	for i, p := range d.changes {
		if f == fateKept || f == fateOrder && i < upTo || f == fateMixed && r.IntN(2) == 0 {
			p.rename(folders, names)
		}
	}
	there := func(path string) bool {
		for ; path != root; path = filepath.Dir(path) {
			if !folders[path] {
				return false
			}
		}
		return true
	}
	for _, path := range slices.Sorted(maps.Keys(folders)) {
		if there(path) {
			if err := os.Mkdir(filepath.Join(to, path[len(root):]), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if there(filepath.Dir(path)) {
			writeFile(t, filepath.Join(to, path[len(root):]), d.files[names[path]].left(f, r))
		}
	}
}

// left is the content of a file after a power cut.
func (x *simFile) left(f fate, r *rand.Rand) []byte {
	b := slices.Clone(x.synced)
	switch f {
	case fateLost:
		return b
	case fateKept:
		for _, p := range x.since {
			b = p.write(b)
		}
		return b
	}
	// Each sector, and the length, is as it was after some number of the writes.
	size, sized := len(b), r.IntN(len(x.since)+1)
	upTo := map[int]int{}
	for i, p := range x.since {
		end := int(p.off) + len(p.data)
		if p.kind == opCut {
			end = int(p.size)
			b = resize(b, max(len(b), end))
			for s := end / sector; s*sector < len(b); s++ {
				if x.keeps(upTo, s, i, r) {
					clear(b[max(s*sector, end):min((s+1)*sector, len(b))])
				}
			}
		} else {
			b = resize(b, max(len(b), end))
			for s := int(p.off) / sector; s*sector < end; s++ {
				if from, to := max(s*sector, int(p.off)), min((s+1)*sector, end); x.keeps(upTo, s, i, r) {
					copy(b[from:to], p.data[from-int(p.off):])
				}
			}
		}
		switch {
		case i >= sized:
		case p.kind == opCut:
			size = end
		default:
			size = max(size, end)
		}
	}
	return resize(b, size)
}

// keeps says whether the write i is still seen in a sector.
func (x *simFile) keeps(upTo map[int]int, sector, i int, r *rand.Rand) bool {
	n, ok := upTo[sector]
	if !ok {
		switch n = 0; r.IntN(3) {
		case 0:
			n = len(x.since)
		case 1:
			n = r.IntN(len(x.since) + 1)
		}
		upTo[sector] = n
	}
	return i < n
}
