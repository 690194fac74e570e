package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

func userRow(n int, name string, trust book.Trust) kv.Write {
	return rowOf(identity.UserKey{byte(n), byte(n >> 8), 1}, name, trust)
}

// rowOf is a user as a store has them.
func rowOf(key identity.UserKey, name string, trust book.Trust) kv.Write {
	u := book.UserRow{Name: name, Trust: uint64(trust), First: kv.Millis(testNow)}
	if trust == book.TrustPinned || trust == book.TrustVerified {
		u.Pin = name
	}
	return kv.Write{Bucket: kv.BucketUsers, Key: key[:], Value: u.Encode()}
}

// trusts loads the users of a profile as name -> trust.
func (t *diskTest) trusts(p *Profile) map[string]book.Trust {
	t.Helper()
	got := map[string]book.Trust{}
	err := p.Load(func(b kv.Bucket, key, value []byte) error {
		if b != kv.BucketUsers {
			return nil
		}
		u, err := book.ReadUserRow(value)
		if err != nil {
			t.Fatalf("a user row does not decode: %v", err)
		}
		got[u.Name] = book.Trust(u.Trust)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDecisionsHoldInEverySlot(t *testing.T) {
	d := newDiskTest(t)
	a, b := d.open("ann"), d.open("ann")
	d.trusts(a)
	d.trusts(b)
	d.mustStore(a, userRow(1, "bob", book.TrustPinned), userRow(2, "carol", book.TrustNew), text(1))
	d.mustStore(b, userRow(1, "bob", book.TrustNew), userRow(3, "mallory", book.TrustBlocked))
	d.mustStore(b, userRow(1, "bob", book.TrustBlocked)) // decided last
	d.mustStore(a, userRow(1, "bob", book.TrustPinned))  // no decision: a's row is written for another reason
	d.close(a)
	d.close(b)
	a, b = d.open("ann"), d.open("ann")
	if got, want := d.trusts(a), map[string]book.Trust{"bob": book.TrustBlocked, "carol": book.TrustNew, "mallory": book.TrustBlocked}; !maps.Equal(got, want) {
		t.Errorf("slot 1 has %v, want %v", got, want)
	}
	if got, want := d.trusts(b), map[string]book.Trust{"bob": book.TrustBlocked, "mallory": book.TrustBlocked}; !maps.Equal(got, want) {
		t.Errorf("slot 2 has %v, want %v", got, want)
	}
	d.mustStore(a, userRow(1, "bob", book.TrustNew), userRow(3, "mallory", book.TrustNew)) // taken back
	c := d.open("ann")                                                                     // a new slot, while the others run
	if got, want := d.trusts(c), map[string]book.Trust{}; !maps.Equal(got, want) {
		t.Errorf("a new slot has %v, want %v", got, want)
	}
	d.close(a)
	d.close(b)
	d.close(c)
	b = d.open("ann")
	defer b.Close()
	second := d.open("ann")
	defer second.Close()
	if got, want := d.trusts(second), map[string]book.Trust{"bob": book.TrustNew, "mallory": book.TrustNew}; !maps.Equal(got, want) {
		t.Errorf("slot 2 has %v, want %v", got, want)
	}
}

func TestBlockSurvivesTheLossOfItsSlot(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	d.trusts(p)
	d.mustStore(p, userRow(1, "bob", book.TrustBlocked))
	d.close(p)
	if err := os.RemoveAll(d.slotFile("")); err != nil {
		t.Fatal(err)
	}
	p = d.open("ann")
	defer p.Close()
	if got := d.trusts(p); got["bob"] != book.TrustBlocked {
		t.Errorf("trusts are %v", got)
	}
}

func TestLostTrustFileComesBackFromASlot(t *testing.T) {
	for _, how := range []string{"lost", "damaged"} {
		d := newDiskTest(t)
		p, other := d.open("ann"), d.open("ann")
		d.trusts(p)
		d.trusts(other)
		d.mustStore(p, userRow(1, "bob", book.TrustBlocked))
		d.close(p)
		d.close(other)
		switch how {
		case "lost":
			if err := os.Remove(d.userFile("people")); err != nil {
				t.Fatal(err)
			}
		case "damaged":
			writeFile(t, d.userFile("people"), []byte("rubbish"))
		}
		p = d.open("ann")
		if got := d.trusts(p); got["bob"] != book.TrustBlocked {
			t.Errorf("%s: trusts are %v", how, got)
		}
		if told := hasNotice(p, "people was damaged"); told != (how == "damaged") {
			t.Errorf("%s: notices are %q", how, p.Notices)
		}
		other = d.open("ann")
		if got := d.trusts(other); got["bob"] != book.TrustBlocked {
			t.Errorf("%s: the other slot has %v", how, got)
		}
		d.close(p)
		d.close(other)
	}
}

// Decisions of two runs at once, with frames of dead processes between them,
// come out as the last ones.
func TestTrustFileTornAndShared(t *testing.T) {
	d := newDiskTest(t)
	a, b := d.open("ann"), d.open("ann")
	d.trusts(a)
	d.trusts(b)
	r := rand.New(testRandom(3))
	want := map[string]book.Trust{}
	all := []book.Trust{book.TrustNew, book.TrustPinned, book.TrustVerified, book.TrustBlocked}
	last := [2]map[int]book.Trust{{}, {}}
	for n := range 200 {
		i := r.IntN(2)
		user, trust := r.IntN(5), all[r.IntN(4)]
		name := fmt.Sprintf("user%d", user)
		p := []*Profile{a, b}[i]
		d.mustStore(p, userRow(user, name, trust))
		if trust != last[i][user] { // otherwise this slot has decided nothing
			want[name] = trust
		}
		last[i][user] = trust
		if n%10 == 0 { // a process that died while it wrote
			path := d.userFile("people")
			if held := string(readAll(t, path)); len(held) > journalHeader {
				writeFile(t, path, []byte(held+frameMagic+"\x00\x00\x00\x40half"))
			}
		}
	}
	d.close(a)
	d.close(b)
	for range 2 {
		p := d.open("ann")
		got := d.trusts(p)
		for name, trust := range want {
			if got[name] != trust {
				t.Errorf("%s is %v, want %v", name, got[name], trust)
			}
		}
		if len(p.Notices) > 0 {
			t.Errorf("notices are %q", p.Notices)
		}
		d.close(p)
	}
}

func TestTrustFileIsBounded(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	d.trusts(p)
	for n := range 2000 {
		trust := book.TrustBlocked
		if n%2 == 1 {
			trust = book.TrustNew
		}
		if !p.Store().Append([]kv.Write{userRow(n%4/2, "bob", trust)}, 1) {
			t.Fatal("queue is full")
		}
		<-p.Store().Done()
	}
	grown := len(readAll(t, d.userFile("people")))
	d.mustStore(p, userRow(9, "carol", book.TrustPinned))
	d.close(p)
	p = d.open("ann")
	made := len(readAll(t, d.userFile("people")))
	if grown < trustFileSpare || made > 1000 {
		t.Errorf("%d bytes became %d", grown, made)
	}
	got := d.trusts(p)
	if got["carol"] != book.TrustPinned || got["bob"] != book.TrustNew {
		t.Errorf("trusts are %v", got)
	}
	d.mustStore(p, userRow(9, "carol", book.TrustBlocked)) // the file that was made anew takes more
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	if got := d.trusts(p); got["carol"] != book.TrustBlocked {
		t.Errorf("trusts are %v", got)
	}
}

// A stopped process holds the lock: a decision is refused in time, texts go on.
func TestTrustFileLockThatIsHeld(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	defer p.Close()
	d.trusts(p)
	lock, err := tryLock(d.userFile("lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store(p, userRow(1, "bob", book.TrustBlocked)); !errors.Is(err, errLocked) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error is %v", err)
	}
	d.mustStore(p, text(1))
	lock.free()
	d.mustStore(p, userRow(1, "bob", book.TrustBlocked))
}

// That somebody's node was named as a seed stays in the row, whatever is decided about them
// in other slots; rows of all others keep the form that older programs know.
func TestNamedSeedIsRemembered(t *testing.T) {
	seed := identity.UserKey{1}
	row := func(named bool) []byte {
		b := book.New(identity.UserKey{9}, "me", book.Limits{})
		if err := b.Contact(testNow, seed, "seed"); err != nil {
			t.Fatal(err)
		}
		if named {
			b.SetNamed(seed)
		}
		return b.TakeWrites()[0].Value
	}
	if r := row(false); r[1] != 1 {
		t.Errorf("a row of form %d", r[1])
	}
	load := func(row []byte) *book.Book {
		b := book.New(identity.UserKey{9}, "me", book.Limits{})
		if err := b.Load(kv.BucketUsers, seed[:], row); err != nil {
			t.Fatal(err)
		}
		b.Loaded(testNow)
		return b
	}
	merged, err := decided(row(true), decision{Trust: uint64(book.TrustVerified), Pin: "seed"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := decisionIn(merged); err != nil || d.Pin != "seed" {
		t.Errorf("%+v, %v", d, err)
	}
	b := load(merged)
	if !b.NamedSeed(seed) || b.Trust(seed) != book.TrustVerified || b.NamedSeed(identity.UserKey{2}) {
		t.Error("the mark is lost, or the trust")
	}
	b.SetNamed(seed)
	if w := b.TakeWrites(); len(w) != 0 {
		t.Errorf("written again: %v", w)
	}
	// A store that was written before there was such a mark.
	old := load(kv.Marshal(&book.UserRow{Version: 1, Name: "bob", Trust: uint64(book.TrustVerified), Pin: "bob"}))
	if old.NamedSeed(seed) || old.Trust(seed) != book.TrustVerified {
		t.Errorf("%v", old.Trust(seed))
	}
}
