package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Folder is where the user's files lie. It is empty when ephemeral.
func (p *Profile) Folder() string { return p.dir }

// HistoryPath is the file, mode 0600, for lines typed in the shell, which all slots of the user
// share. It is empty when none are kept.
func (p *Profile) HistoryPath() string {
	if p.dir == "" || !p.typed {
		return ""
	}
	return filepath.Join(p.dir, historyName)
}

// eraseHistory removes what was said and what was typed, in the slot that this run has taken and
// in those that no run uses. The caller holds the lock of the user's folder.
func (p *Profile) eraseHistory(past *archive) error {
	if err := eraseFile(filepath.Join(p.dir, historyName)); err != nil {
		return err
	}
	if err := eraseFile(past.path); err != nil {
		return err
	}
	numbers, err := slotDirs(p.dir)
	if err != nil {
		return fault(p.dir, err, "check this folder")
	}
	for _, n := range numbers {
		s, err := takeSlot(p.dir, n)
		if errors.Is(err, errLocked) {
			continue // ours, or that of another run, which keeps what it was told to
		}
		if err != nil {
			return err
		}
		err = eraseFile(s.path(archiveName))
		s.lock.free()
		if err != nil {
			return err
		}
	}
	return nil
}

// eraseFile removes the file at path, and damaged ones of that name that were set aside.
func eraseFile(path string) error {
	dir, name := filepath.Split(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault(dir, err, "check this folder")
	}
	for _, e := range entries {
		if e.Name() != name && !strings.HasPrefix(e.Name(), name+asideMark) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault(filepath.Join(dir, e.Name()), err, "move it away: -history 0 keeps none")
		}
	}
	return nil
}
