package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"darkchat/neighbors"
	"darkchat/neighbors/file"
	"darkchat/sessions"
)

// contactsName is the file of people beside a user's other files: one person a
// line, NAME [FINGERPRINT] ADDRESS..., for -presence file.
const contactsName = "contacts"

// maxContacts bounds the bytes read of it.
const maxContacts = 1 << 20

// presence makes the Sources that -presence names. asks is nil when there is
// nothing to resolve.
func presence(c config, profile *sessions.Profile, seeds map[string][]netip.AddrPort) (sources []neighbors.Source, asks *resolver, err error) {
	if c.has(presenceSeed) && len(c.seeds) > 0 {
		asks = newResolver(c.seeds, seeds)
		sources = append(sources, asks.source)
	}
	if c.has(presenceFile) {
		people, err := contacts(profile)
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, file.New(people))
	}
	return sources, asks, nil
}

// contacts reads the user's file of people; a user may well have none.
func contacts(profile *sessions.Profile) ([]file.Person, error) {
	history := profile.HistoryPath()
	if history == "" {
		return nil, nil
	}
	path := filepath.Join(filepath.Dir(history), contactsName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > maxContacts {
		return nil, fmt.Errorf("%s is larger than %d bytes: shorten it", path, maxContacts)
	}
	var people []file.Person
	b, err := os.ReadFile(path)
	if err == nil {
		people, err = file.Parse(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; mend it, or leave it out with -presence seed", path, err)
	}
	return people, nil
}
