package main

import (
	"darkchat/neighbors"
	"darkchat/neighbors/file"
	"darkchat/neighbors/lan"
	"net/netip"
)

// finders are the Sources that -presence names, with what each needs from outside; nil: it is off.
type finders struct {
	seeds  *resolver
	lan    *lan.Source
	people *contactsFile
}

// newFinders makes the finders. A node that listens only on loopback announces itself nowhere.
func newFinders(c config, path string, seeds map[string][]netip.AddrPort) (f finders, err error) {
	if c.has(presenceSeed) && len(c.seeds) > 0 {
		f.seeds = newResolver(c.seeds, seeds)
	}
	if c.has(presenceLAN) && !c.listen.IsLoopback() {
		f.lan = lan.New()
	}
	if c.has(presenceFile) {
		f.people, err = readContacts(path)
	}
	return f, err
}

// sources lists the Sources that are on, in the order of -presence.
func (f finders) sources() (list []neighbors.Source) {
	if f.lan != nil {
		list = append(list, f.lan)
	}
	if f.seeds != nil {
		list = append(list, f.seeds.source)
	}
	if f.people != nil {
		list = append(list, f.people.source)
	}
	return list
}

var _ neighbors.Source = (*file.Source)(nil)
