package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// errForeign is a folder of another user, who could choose what we open there.
var errForeign = errors.New("belongs to another user")

func foreign(path string, owner int) error {
	return fault(path, fmt.Errorf("%w (uid %d; this program runs as uid %d)", errForeign, owner, os.Geteuid()),
		"run it as that user, or choose a folder of your own with -state")
}

func ownerOf(info fs.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// lockedOut adds to a fault below the state folder dir what to do if root owns it: one run with
// sudo makes folders and files that nobody else can open afterwards.
func lockedOut(dir string, err error) error {
	var told *StateError
	if os.Geteuid() == 0 || !errors.As(err, &told) || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errForeign) {
		return err
	}
	top := rootsPart(told.Path, dir, os.Geteuid())
	if top == "" {
		return err
	}
	cure := fmt.Sprintf("%s belongs to root, as after a run with sudo: run sudo chown -R %d:%d %s once, or choose another folder with -state",
		top, os.Geteuid(), os.Getegid(), quoted(top))
	return &StateError{Path: told.Path, Err: told.Err, Cure: cure}
}

// rootsPart is the highest of the files and folders from path upwards that root owns inside a
// folder of the user uid; if no folder above belongs to that user, the highest that is not above
// dir. It is empty if root owns none.
func rootsPart(path, dir string, uid int) string {
	at, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return ""
	}
	top, inside := "", ""
	for {
		if info, err := os.Lstat(at); err == nil {
			switch owner, ok := ownerOf(info); {
			case ok && owner == uid:
				return top
			case !ok || owner != 0:
				return inside
			}
			top = at
		}
		if at == dir || strings.HasPrefix(at, dir+string(filepath.Separator)) {
			inside = top
		}
		up := filepath.Dir(at)
		if up == at {
			return inside
		}
		at = up
	}
}

// quoted is a path quoted as one word for a shell.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@%,:=", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
