package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Disk faults with a cure of their own.
const (
	errReadOnly = syscall.EROFS
	errNoRoom   = syscall.ENOSPC
	errQuota    = syscall.EDQUOT
)

// errLocked is a lock that another process holds.
var errLocked = errors.New("is in use by another darkchat")

const (
	// lockWait bounds how long one start waits for another to pick its slot.
	lockWait = 5 * time.Second
	// lockRetry is the pause between two looks at a lock that is held.
	lockRetry = 2 * time.Millisecond
)

// A fileLock is a lock among processes. It ends with the process that holds it, however that ends.
type fileLock struct{ f *os.File }

// tryLock takes the lock on the file at path, which it makes if necessary. It fails with errLocked if
// another process holds it.
func tryLock(path string) (*fileLock, error) {
	f, err := OpenRegular(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := flockNow(f); err != nil {
		f.Close()
		return nil, err
	}
	return &fileLock{f}, nil
}

// waitLock is tryLock that keeps trying for as long as wait.
func waitLock(path string, wait time.Duration) (*fileLock, error) {
	f, err := OpenRegular(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := flockWait(f, wait); err != nil {
		f.Close()
		return nil, err
	}
	return &fileLock{f}, nil
}

func flockNow(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		case !errors.Is(err, syscall.EINTR):
			return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}

// flockWait never waits for ever: a stopped process may hold the lock.
func flockWait(f *os.File, wait time.Duration) error {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		err := flockNow(f)
		if !errors.Is(err, errLocked) {
			return err
		}
		select {
		case <-retry.C:
		case <-deadline.C:
			return errLocked
		}
	}
}

// inode is the number of the locked file, 0 where the system has none.
func (l *fileLock) inode() uint64 {
	info, err := l.f.Stat()
	if err != nil {
		return 0
	}
	return inodeOf(info)
}

// free gives the lock back: closing the file does.
func (l *fileLock) free() { l.f.Close() }

func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}
