package store

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// ProfileOptions says whose state to open and where it lies.
type ProfileOptions struct {
	Dir          string    // the state folder, empty: DefaultDir
	User         string    // the user's name
	IdentityFile string    // an identity to adopt, empty: the one in Dir or a new one
	History      int       // most lines of the history to keep; 0: none, nor typed ones, and what there was is erased
	Seed         bool      // this run is a seed, which Profiles lists apart from people
	Ephemeral    bool      // keep everything in memory: read nothing but IdentityFile, write nothing
	Now          time.Time // the present
	Random       io.Reader // for new keys
}

// Profile is one run of one user: keys, reserved numbers, and the store of the
// slot that this run has taken. One goroutine owns it.
type Profile struct {
	Key     ed25519.PrivateKey // the user's
	Name    string             // as it was typed
	Session [32]byte           // the session's X25519 private key
	Seq     uint64             // of the first record: Seqs.First
	Seqs    Range              // record sequence numbers
	IDs     Range              // text ids
	Past    History            // places the lines of this run behind earlier ones
	Notices []string           // for the user; Load may add to them

	dir     string // of the user, empty when ephemeral
	typed   bool   // keep lines typed in the shell
	slot    *slot
	numbers *reserver
	trust   *trustFile
	db      *database
	store   *Store
	given   bool // GiveBack was called
	ids     uint64
	seq     uint64
}

// OpenProfile takes a slot of the user, makes what is missing and reads what is there. An error is
// one line that says what is wrong and what to do; then no file that was there before has changed.
// A damaged store or journal is not an error: it is set aside with a notice.
func OpenProfile(o ProfileOptions) (*Profile, error) {
	return openProfile(o, usualLimits(), openJournalFile)
}

func openProfile(o ProfileOptions, limits storeLimits, open openFile) (*Profile, error) {
	mapped, err := identity.MapName(o.User)
	if err == nil {
		err = identity.CheckName(o.User)
	}
	if err != nil {
		return nil, err
	}
	if o.Ephemeral {
		return openEphemeral(o)
	}
	if o.IdentityFile != "" {
		// Before anything is made for a user that cannot exist.
		if _, err := readNamedIdentity(o.IdentityFile); err != nil {
			return nil, fault(o.IdentityFile, err, "give the file that -identity should adopt, whole")
		}
	}
	if o.Dir == "" {
		if o.Dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	p, err := openIn(o, mapped, limits, open)
	return p, lockedOut(o.Dir, err)
}

// openIn is openProfile with the state folder known.
func openIn(o ProfileOptions, mapped string, limits storeLimits, open openFile) (*Profile, error) {
	p := &Profile{Name: o.User, dir: filepath.Join(o.Dir, escapeName(mapped)), typed: o.History != 0}
	told, err := makeBase(o.Dir)
	if err != nil {
		return nil, fault(o.Dir, err, "choose another folder with -state")
	}
	p.notice(told)
	if err := makeDir(p.dir); err != nil {
		return nil, fault(p.dir, err, "choose another folder with -state")
	}
	lockPath := filepath.Join(p.dir, lockName)
	lock, err := waitLock(lockPath, lockWait)
	if err != nil {
		return nil, fault(lockPath, err, "wait for it to start, or end it")
	}
	defer lock.free()
	if err := p.open(o, limits, open); err != nil {
		p.abandon()
		return nil, err
	}
	return p, nil
}

// openEphemeral makes a profile that leaves no trace.
func openEphemeral(o ProfileOptions) (*Profile, error) {
	id, err := newIdentity(o.User, o.Random)
	if o.IdentityFile != "" {
		if id, err = readNamedIdentity(o.IdentityFile); err != nil {
			return nil, fault(o.IdentityFile, err, "give the file that -identity should adopt, whole")
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := newSession(id.public(), o.Now, o.Random)
	if err != nil {
		return nil, err
	}
	return &Profile{
		Key: id.key, Name: o.User, Session: s.key, numbers: &reserver{now: s},
		Seq: s.seq, Seqs: Range{s.seq, maxNumber}, IDs: Range{s.ids, maxNumber},
	}, nil
}

// open does the work of OpenProfile under the lock of the user's folder. Everything that can refuse
// comes before the first change.
func (p *Profile) open(o ProfileOptions, limits storeLimits, open openFile) error {
	identityPath := filepath.Join(p.dir, identityName)
	others, err := holdsSessions(p.dir)
	if err != nil {
		return err
	}
	id, made, err := openIdentity(identityPath, o.IdentityFile, o.User, others, o.Random)
	if err != nil {
		return err
	}
	p.Key = id.key
	if p.slot, err = pickSlot(p.dir); err != nil {
		return err
	}
	st, err := p.slot.inspect(id.public())
	if err != nil {
		return err
	}
	db, err := openDatabase(p.slot.path(storeName))
	if err != nil && !errors.Is(err, ErrDamaged) {
		return fault(p.slot.path(storeName), err, "check this disk")
	}
	p.db = db
	past := &archive{path: p.slot.path(archiveName), limit: o.History}
	var notice string
	if p.trust, notice, err = openTrustFile(filepath.Join(p.dir, trustFileName), filepath.Join(p.dir, lockName), o.Now); err != nil {
		return err
	}
	p.notice(notice)

	sweep(p.dir, identityName, trustFileName, historyName)
	sweep(p.slot.dir, sessionName)
	if made {
		if err := writeWhole(identityPath, id.format()); err != nil {
			return fault(identityPath, err, "check this disk")
		}
	}
	p.notice(guardIdentity(identityPath))
	if o.IdentityFile != "" && readableByOthers(o.IdentityFile) {
		p.notice(fmt.Sprintf("%s can be read by others: run chmod 600 on it", o.IdentityFile))
	}
	if err := p.settle(st, past, o); err != nil {
		return err
	}
	next := p.db.compacted
	if n := len(st.journals); n > 0 {
		next = max(next, st.journals[n-1].number)
	}
	p.store, err = startStore(p.slot.dir, p.db, next+1, p.trust, p.numbers, limits, open)
	return err
}

// settle puts the slot in order: it sets damaged files aside, compacts the journals, makes a copied slot
// a session of its own, and reserves numbers.
func (p *Profile) settle(st slotState, past *archive, o ProfileOptions) error {
	if o.History == 0 {
		if err := p.eraseHistory(past); err != nil {
			return err
		}
	}
	if err := p.syncLeft(st.journals); err != nil {
		return err
	}
	if err := p.compactAtStart(st.journals, past, o.Now); err != nil {
		return fault(p.slot.path(storeName), err, "check this disk")
	}
	for _, j := range st.journals {
		if j.damaged {
			aside, err := setAside(j.path, o.Now)
			if err != nil {
				return fault(j.path, err, "check this disk")
			}
			p.notice(fmt.Sprintf("%s was damaged and is now %s: what came after the damage is not here", j.path, aside))
		} else if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault(j.path, err, "check this disk")
		}
	}
	path := p.slot.path(sessionName)
	if st.fresh != "" {
		if err := p.startAnew(&st, path, o); err != nil {
			return err
		}
	}
	st.session.seed = o.Seed
	p.numbers = &reserver{path: path, inode: p.slot.lock.inode()}
	var err error
	if p.IDs, p.Seqs, err = p.numbers.start(st.session, o.Now); err != nil {
		return err
	}
	p.Session, p.Seq = st.session.key, p.Seqs.First
	p.Past.last = p.db.place
	return nil
}

func (p *Profile) notice(text string) {
	if text != "" {
		p.Notices = append(p.Notices, text)
	}
}

// Load calls f with every stored entry, users first, then bucket by bucket in the order of keys. Call
// it before the first Append. An entry that f refuses is left out with a notice, unless a newer
// program wrote it: that error ends Load.
func (p *Profile) Load(f func(bucket kv.Bucket, key, value []byte) error) error {
	if p.store == nil {
		return nil
	}
	refused := 0
	give := func(bucket kv.Bucket, key, value []byte) error {
		err := f(bucket, key, value)
		if err == nil || errors.Is(err, kv.ErrNewer) {
			return err
		}
		refused++
		return nil
	}
	if err := p.loadUsers(give); err != nil {
		return err
	}
	for bucket := kv.BucketUsers + 1; bucket <= kv.LastStored; bucket++ {
		err := p.db.each(bucket, func(key, value []byte) error { return give(bucket, key, value) })
		if err != nil {
			return fault(p.db.path, err, "move it away to start without what is in it")
		}
	}
	if refused > 0 {
		p.notice(fmt.Sprintf("%s: %d entries make no sense and were left out", p.db.path, refused))
	}
	return nil
}

// loadUsers calls give with the rows of users in the slot's store, with the decisions of all slots.
func (p *Profile) loadUsers(give func(bucket kv.Bucket, key, value []byte) error) error {
	var untold []kv.Write
	err := p.db.each(kv.BucketUsers, func(key, row []byte) error {
		merged, known := p.trust.merge(key, row)
		if !known {
			untold = append(untold, kv.Write{Bucket: kv.BucketUsers, Key: key, Value: row})
		}
		return give(kv.BucketUsers, key, merged)
	})
	if err != nil {
		return fault(p.db.path, err, "move it away to start without what is in it")
	}
	// Decided in this slot, and lost from the shared file since.
	if err := p.trust.record(untold); err != nil {
		p.notice(fmt.Sprintf("pins and blocks hold in this session only: %v", err))
	}
	return p.trust.rest(func(key, row []byte) error { return give(kv.BucketUsers, key, row) })
}

// Store is where the run writes; nil when ephemeral.
func (p *Profile) Store() *Store { return p.store }

// GiveBack says, before Close, that this run used all text ids below ids and all record numbers below
// seq, and none from there on. The next run then begins there instead of behind the reserved blocks.
func (p *Profile) GiveBack(ids, seq uint64) { p.given, p.ids, p.seq = true, ids, seq }

// Fresh takes a new session key, at once and for the next runs, because the node has met a clone of
// this session: a record of its own that it did not write. Session is then the new key; the numbers
// go on. The caller makes a new endpoint with it, and decides what becomes of the texts that wait,
// since the clone may send them too.
func (p *Profile) Fresh(random io.Reader) error {
	var key [32]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return fmt.Errorf("no randomness for a key: %w", err)
	}
	if err := p.numbers.rekey(key); err != nil {
		return err
	}
	p.Session = key
	return nil
}

// Close ends the run: it stores what is queued and frees the slot. Call it once.
func (p *Profile) Close() error {
	if p.store == nil {
		return nil
	}
	err := p.store.Close()
	if p.given && err == nil {
		err = p.numbers.giveBack(p.ids, p.seq)
	}
	p.slot.lock.free()
	return err
}

// abandon frees everything that a failed open has taken.
func (p *Profile) abandon() {
	if p.db != nil {
		p.db.close()
	}
	if p.trust != nil {
		p.trust.close()
	}
	if p.slot != nil {
		p.slot.lock.free()
	}
}
