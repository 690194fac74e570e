package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Profiles returns the names of the users with an identity in dir, sorted by mapped name: people, and
// those who last ran as seeds. A folder that does not exist has none.
func Profiles(dir string) (people, seeds []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, lockedOut(dir, fault(dir, err, "choose another folder with -state"))
	}
	for _, e := range entries {
		mapped, ok := unescapeName(e.Name())
		if !ok || !e.IsDir() {
			continue
		}
		user := filepath.Join(dir, e.Name())
		path := filepath.Join(user, identityName)
		if _, err := os.Stat(path); err != nil && !errors.Is(err, fs.ErrPermission) {
			continue
		}
		// A damaged or locked identity is reported when it is opened, not here.
		if id, err := readIdentity(path); err == nil && sameName(id.name, mapped) {
			mapped = id.name
		}
		if servedAsSeed(user) {
			seeds = append(seeds, mapped)
		} else {
			people = append(people, mapped)
		}
	}
	return people, seeds, nil
}

// servedAsSeed says that all sessions of a user last ran as seeds.
func servedAsSeed(userDir string) bool {
	numbers, err := slotDirs(userDir)
	if err != nil {
		return false
	}
	seeds := 0
	for _, n := range numbers {
		fields, err := readTextFile(filepath.Join(userDir, strconv.Itoa(n), sessionName), "session")
		if err != nil {
			continue // its own start will report it
		}
		if fields["role"] != roleSeed {
			return false
		}
		seeds++
	}
	return seeds > 0
}
