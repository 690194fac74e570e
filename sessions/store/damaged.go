package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxAside bounds the files of one name set aside within one second.
const maxAside = 100

// asideMark separates the name of a file that was set aside from the time.
const asideMark = ".damaged-"

// setAside renames a damaged file to NAME.damaged-TIME, so that nothing of it is
// lost, and returns its new name.
func setAside(path string, now time.Time) (string, error) {
	base := path + asideMark + now.UTC().Format("20060102T150405Z")
	to := base
	for n := 2; ; n++ {
		_, err := os.Lstat(to)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		if n > maxAside {
			return "", fmt.Errorf("there are %d files named %s already: %w", maxAside, base, fs.ErrExist)
		}
		to = fmt.Sprintf("%s-%d", base, n)
	}
	if err := os.Rename(path, to); err != nil {
		return "", err
	}
	return filepath.Base(to), syncDir(filepath.Dir(path))
}
