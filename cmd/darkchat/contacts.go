package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"darkchat/neighbors/file"
	"darkchat/sessions/store"
)

// contactsName is the contacts file beside a user's other files: one person a line, NAME
// [FINGERPRINT] ADDRESS..., for -presence file.
const contactsName = "contacts"

// maxContacts bounds the bytes read of it.
const maxContacts = 1 << 20

// contactsPath is the path of a user's contacts file; empty: none.
func contactsPath(profile *store.Profile) string {
	if profile.Folder() == "" {
		return ""
	}
	return filepath.Join(profile.Folder(), contactsName)
}

// contactsFile is the contacts file and the Source made from it.
type contactsFile struct {
	path   string // empty: there is none and never will be
	source *file.Source
	size   int64 // as last seen; -1: no file
	at     time.Time
}

// readContacts reads the contacts file; a user may well have none.
func readContacts(path string) (*contactsFile, error) {
	f := &contactsFile{path: path, size: -1, source: file.New(nil)}
	people, _, err := f.look()
	if err != nil {
		return nil, fmt.Errorf("%w; fix it, or leave it out with -presence lan,seed", err)
	}
	f.source.Replace(people)
	return f, nil
}

// look reads the file if it has changed since it was last read. An error in it is reported once for
// each change.
func (f *contactsFile) look() (people []file.Person, changed bool, err error) {
	if f.path == "" {
		return nil, false, nil
	}
	size, at := int64(-1), time.Time{}
	info, err := os.Stat(f.path)
	if err == nil {
		size, at = info.Size(), info.ModTime()
	}
	if size == f.size && at.Equal(f.at) {
		return nil, false, nil
	}
	f.size, f.at = size, at
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, true, nil
	case err == nil && size > maxContacts:
		return nil, false, fmt.Errorf("%s is larger than %d bytes: shorten it", f.path, maxContacts)
	}
	if err == nil {
		people, err = parseContacts(f.path)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", f.path, err)
	}
	return people, true, nil
}

// parseContacts reads the file, which may be the person's own link to one, but nothing that would
// have to be waited for, such as a FIFO.
func parseContacts(path string) ([]file.Person, error) {
	in, err := store.OpenNamed(path)
	if err != nil {
		return nil, unpathed(err)
	}
	defer in.Close()
	b, err := store.ReadRegular(in, maxContacts)
	if err != nil {
		return nil, unpathed(err)
	}
	return file.Parse(b)
}

// unpathed takes the path out of an error that is reported with the path anyway.
func unpathed(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
