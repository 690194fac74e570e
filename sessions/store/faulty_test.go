package store

import (
	"errors"
	"sync"
	"syscall"
)

// faults is what a faultyFile does wrong.
type faults struct {
	limited    bool // a write ends after room bytes, for want of space
	room       int
	noTruncate bool
	noSync     bool
}

// faultyFile is a file on a disk that fails as told.
type faultyFile struct {
	file
	mu    sync.Mutex
	now   faults
	syncs int
}

func (f *faultyFile) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.now)
}

func (f *faultyFile) get() faults {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if now := f.get(); now.limited && now.room < len(b) {
		n, err := f.file.WriteAt(b[:now.room], off)
		return n, errors.Join(err, syscall.ENOSPC)
	}
	return f.file.WriteAt(b, off)
}

func (f *faultyFile) Truncate(n int64) error {
	if f.get().noTruncate {
		return syscall.EIO
	}
	return f.file.Truncate(n)
}

func (f *faultyFile) Sync() error {
	f.mu.Lock()
	f.syncs++
	bad := f.now.noSync
	f.mu.Unlock()
	if bad {
		return syscall.EIO
	}
	return f.file.Sync()
}

// faultyDisk opens faultyFiles that share what they do wrong.
type faultyDisk struct {
	mu    sync.Mutex
	now   faults
	files []*faultyFile
	shut  bool // no file can be made
}

func (d *faultyDisk) open(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return nil, syscall.ENOSPC
	}
	real, err := openJournalFile(path)
	if err != nil {
		return nil, err
	}
	f := &faultyFile{file: real, now: d.now}
	d.files = append(d.files, f)
	return f, nil
}

func (d *faultyDisk) set(change func(*faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.now)
	for _, f := range d.files {
		f.set(change)
	}
}

func (d *faultyDisk) syncs() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		f.mu.Lock()
		n += f.syncs
		f.mu.Unlock()
	}
	return n
}
