package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// The state folder:
//
//	DIR/                      0700
//	  ann/                    a user, by mapped name, bytes outside a-z 0-9 . _ - as %XX
//	    lock                  held while a run picks its slot
//	    identity              the user's key (identityfile.go)
//	    people                whom the user pinned, verified or blocked (trustfile.go)
//	    history               the shell's input history
//	    1/ 2/ ... 64/         a slot for each session that runs at once (slot.go)
//	      lock                held while a run has the slot
//	      session             the session's key and its reserved numbers (reserve.go)
//	      journal.7           what was written since the last compaction (journal.go)
//	      store               everything older, a bbolt file (database.go)
//	      conversations       what was said, a bbolt file (archive.go)
//
// Folders are 0700, files 0600.
const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600

	identityName  = "identity"
	trustFileName = "people"
	historyName   = "history"
	lockName      = "lock"
	sessionName   = "session"
	journalName   = "journal"
	storeName     = "store"
	archiveName   = "conversations"
)

// ErrDamaged means that a file is not what it should be.
var ErrDamaged = errors.New("is damaged")

// StateError is a fault in the state folder, in one line: which file, what is wrong with it, and
// what to do.
type StateError struct {
	Path string
	Err  error
	Cure string
}

func (e *StateError) Error() string {
	what := e.Err.Error()
	var pe *fs.PathError
	if errors.As(e.Err, &pe) {
		what = pe.Err.Error() // the path is in the line already
	}
	return fmt.Sprintf("%s: %s; %s", e.Path, what, e.Cure)
}

func (e *StateError) Unwrap() error { return e.Err }

// fault wraps err as a StateError about path. For errors with a known cure (no permission, no
// room, a newer version) that cure replaces the caller's.
func fault(path string, err error, cure string) error {
	if err == nil {
		return nil
	}
	var told *StateError
	if errors.As(err, &told) {
		return err
	}
	switch {
	case errors.Is(err, kv.ErrNewer):
		cure = "run that version, or choose another folder with -state"
	case errors.Is(err, fs.ErrPermission):
		cure = "make it readable and writable for you, or choose another folder with -state"
	case errors.Is(err, errReadOnly):
		cure = "choose a folder that can be written with -state, or run with -ephemeral"
	case errors.Is(err, errNoRoom), errors.Is(err, errQuota):
		cure = "make room on this disk, or choose another folder with -state"
	}
	return &StateError{Path: path, Err: err, Cure: cure}
}

// DefaultDir is where state lies unless -state says otherwise:
// $XDG_STATE_HOME/darkchat, or ~/.local/state/darkchat.
func DefaultDir() (string, error) {
	// The XDG specification says that a relative path there must be ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "darkchat"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder is known: %w; choose a folder with -state, or run with -ephemeral", err)
	}
	return filepath.Join(home, ".local", "state", "darkchat"), nil
}

func sameName(name, mapped string) bool {
	m, err := identity.MapName(name)
	return err == nil && m == mapped
}

// escapeName turns a mapped name into a folder name that is safe on every file system: ASCII only,
// and no upper-case letters except in %XX.
func escapeName(mapped string) string {
	var b strings.Builder
	for i := range len(mapped) {
		if c := mapped[i]; plainByte(c, i) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func plainByte(c byte, at int) bool {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return true
	case c == '.', c == '_', c == '-':
		return at > 0
	}
	return false
}

// unescapeName is the inverse of escapeName. It refuses anything that escapeName never returns.
func unescapeName(folder string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(folder); i++ {
		if folder[i] != '%' {
			b.WriteByte(folder[i])
			continue
		}
		var c byte
		if i+2 >= len(folder) {
			return "", false
		}
		if _, err := fmt.Sscanf(folder[i+1:i+3], "%02X", &c); err != nil {
			return "", false
		}
		b.WriteByte(c)
		i += 2
	}
	mapped := b.String()
	return mapped, mapped != "" && escapeName(mapped) == folder
}

// makeDir makes sure that path is a folder of ours that only its owner can enter.
func makeDir(path string) error {
	if err := makeDirs(path); err != nil {
		return err
	}
	if err := folderFault(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(path, dirMode)
	}
	return nil
}

// makeBase makes sure that our folders can be in the folder at path. If it is ours, and others
// could change it, it takes that permission away and returns a notice.
func makeBase(path string) (notice string, err error) {
	if err := makeDirs(path); err != nil {
		return "", err
	}
	if err := baseFault(path); err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil || !openToOthers(info) {
		return "", err
	}
	if err := os.Chmod(path, info.Mode().Perm()&^0o022); err != nil {
		return "", err
	}
	return path + " could be changed by others; now only you can change it", nil
}

// makeDirs is os.MkdirAll, but the folders survive a power cut: numbers may be used as soon as
// they are reserved in a file below.
func makeDirs(path string) error {
	var parents []string
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parents = append(parents, filepath.Dir(at))
	}
	if err := os.MkdirAll(path, dirMode); err != nil {
		return err
	}
	for _, dir := range parents {
		// A folder that we may enter but not read, as the parents of homes often are, cannot be synced.
		if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// writeWhole puts b at path, mode 0600, so that a crash at any time, even of the
// machine, leaves the old file or the new one.
func writeWhole(path string, b []byte) error {
	return replaceFile(path, func(uint64) []byte { return b })
}

// replaceFile is writeWhole of what render returns, given the inode number of the
// new file.
func replaceFile(path string, render func(inode uint64) []byte) error {
	// Unless we name a folder, renameio puts the secret into $TMPDIR first.
	f, err := renameio.NewPendingFile(path,
		renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(fileMode))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(render(inodeOf(info))); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := OpenRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// syncDir makes new, renamed and removed names in dir survive a power cut.
func syncDir(dir string) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// sweep removes what interrupted runs of replaceFile left in dir. The caller holds
// the lock under which replaceFile is called there.
func sweep(dir string, names ...string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		for _, name := range names {
			rest, ok := strings.CutPrefix(e.Name(), "."+name)
			if ok && rest != "" && strings.Trim(rest, "0123456789") == "" {
				os.Remove(filepath.Join(dir, e.Name())) // a leftover only takes room
			}
		}
	}
}
