package store

import (
	"crypto/ed25519"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// syncLeft syncs what a run that ended badly wrote, before anything is built on it.
func (p *Profile) syncLeft(journals []stored) error {
	if len(journals) == 0 {
		return nil
	}
	paths := []string{p.trust.path}
	for _, j := range journals {
		paths = append(paths, j.path)
	}
	for _, path := range paths {
		if err := syncFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault(path, err, "check this disk")
		}
	}
	if err := syncDir(p.slot.dir); err != nil {
		return fault(p.slot.dir, err, "check this disk")
	}
	return nil
}

// compactAtStart opens the store, a new one if the old one is damaged, and compacts
// what the last run left in journals.
func (p *Profile) compactAtStart(journals []stored, past *archive, now time.Time) error {
	path := p.slot.path(storeName)
	fresh := false
	if p.db != nil {
		markHoles(journals, p.db.compacted)
	}
	for {
		if p.db == nil {
			aside, err := setAside(path, now)
			if err != nil {
				return err
			}
			p.notice(fmt.Sprintf("%s was damaged and is now %s: started without what was in it", path, aside))
			if p.db, err = openDatabase(path); err != nil {
				return err
			}
			fresh = true
		}
		p.db.past = past
		var batches [][]kv.Write
		last := p.db.compacted
		for _, j := range journals {
			if j.number > p.db.compacted {
				batches = append(batches, j.batches...)
				last = j.number
			}
		}
		err := p.db.compact(batches, last)
		if !errors.Is(err, ErrDamaged) || fresh {
			return err
		}
		p.db.close()
		p.db = nil
	}
}

// startAnew gives the slot a new session key, since the old one is lost or may be in use elsewhere.
// It drops what belonged only to the old session: the texts that waited are for that session to
// deliver.
func (p *Profile) startAnew(st *slotState, path string, o ProfileOptions) error {
	waiting, told, err := p.abandonedLines(o)
	if err == nil {
		err = p.db.clear(kv.BucketOutbox, kv.BucketInbox)
	}
	if err != nil {
		return fault(p.db.path, err, "check this disk")
	}
	lost := ""
	if waiting > 0 {
		lost = fmt.Sprintf("; %d waiting lines were left out, type them again if nobody has them", waiting)
	}
	if waiting == 1 {
		lost = "; 1 waiting line was left out, type it again if nobody has it"
	}
	was := st.session.folder
	switch {
	case st.stale:
		aside, err := setAside(path, o.Now)
		if err != nil {
			return fault(path, err, "check this disk")
		}
		p.notice(fmt.Sprintf("%s was damaged and is now %s: started as a new session%s", path, aside, lost))
	case st.fresh == "copied" && was != "" && isGone(was):
		p.notice(fmt.Sprintf("%s is a copy and %s is no longer there: started as a new session all the same, since another copy may run elsewhere%s",
			p.slot.dir, was, lost))
	case st.fresh == "copied":
		p.notice(fmt.Sprintf("%s is a copy: started as a new session, since the old one may run elsewhere%s", p.slot.dir, lost))
	case lost != "":
		p.notice(fmt.Sprintf("%s is missing: started as a new session%s", path, lost))
	}
	p.Notices = append(p.Notices, told...)
	st.session, err = newSession(identity.UserKey(p.Key.Public().(ed25519.PublicKey)), o.Now, o.Random)
	return err
}
