package nodetest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Machine is what a node in a test runs on, in virtual time. What is nil is not there: a node
// without a disk has all writes succeed.
type Machine struct {
	Disk   func(batch []kv.Write) error // takes a batch, or says why not
	Wait   func() time.Duration         // how long a write takes; nil: it is done at once
	Screen func(e neighbors.Event)
	Read   func() []uint64 // receipts of what was printed since it was called last
	Cable  func(d dgram.Datagram)
	Dies   func() bool // asked at every point where a kill makes a difference; true: it was killed

	now    time.Time
	writes []write // under way, in order; those of a node at most, which waits for them
	rounds int     // of this turn
	dead   bool
}

// write is a batch on its way to a slow disk.
type write struct {
	at    time.Time
	batch []kv.Write
	seq   uint64
}

// restless is how often a node may ask to be called again at the same moment, or write
// something more. The loop would call it so for ever: no timer of a node may stand still.
const restless = 1000

// Turn does everything that is ready, as the loop does, and calls the node again at the
// deadline that it asks for until that lies in the future. next is when something happens
// here by itself, zero if nothing does or the node was killed. An error is a fault of the node.
func (m *Machine) Turn(n *neighbors.Node, now time.Time) (next time.Time, err error) {
	m.now, m.rounds, m.dead = now, 0, false
	for again := true; again; again = next.Equal(now) || m.due() {
		for m.due() {
			w := m.writes[0]
			m.writes = m.writes[1:]
			n.Finished(now, store.Done{Seq: w.seq, Err: m.store(w.batch)})
		}
		next = neighbors.Turn(n, now, m)
		switch {
		case m.dead:
			return time.Time{}, nil
		case m.rounds > restless:
			return next, fmt.Errorf("does not come to rest at %v", now)
		case !next.IsZero() && next.Before(now):
			return next, fmt.Errorf("wants to be called at %v, it is %v", next, now)
		}
	}
	if len(m.writes) > 0 && (next.IsZero() || m.writes[0].at.Before(next)) {
		next = m.writes[0].at
	}
	return next, nil
}

// Reset forgets the writes that are under way, as a kill does.
func (m *Machine) Reset() { m.writes = nil }

func (m *Machine) due() bool { return len(m.writes) > 0 && !m.writes[0].at.After(m.now) }

func (m *Machine) store(batch []kv.Write) error {
	if m.Disk == nil {
		return nil
	}
	return m.Disk(batch)
}

// dies asks whether the node is killed here; whatever it wants done afterwards is not done.
func (m *Machine) dies() bool {
	m.dead = m.dead || m.Dies != nil && m.Dies()
	return m.dead
}

// still says that nothing is done any more for a node that is dead, or does not come to rest.
func (m *Machine) still() bool { return m.dead || m.rounds > restless }

// Printed is for neighbors.Hands, as are those below.
func (m *Machine) Printed() []uint64 {
	if m.still() || m.Read == nil {
		return nil
	}
	return m.Read()
}

// Write takes a batch.
func (m *Machine) Write(batch []kv.Write, seq uint64) (done bool, err error) {
	m.rounds++
	if m.still() || m.dies() || len(batch) == 0 {
		return false, nil
	}
	if m.Wait == nil && len(m.writes) == 0 {
		err = m.store(batch)
		return !m.dies(), err
	}
	at := m.now
	if m.Wait != nil {
		at = at.Add(m.Wait())
	}
	if n := len(m.writes); n > 0 && m.writes[n-1].at.After(at) {
		at = m.writes[n-1].at
	}
	m.writes = append(m.writes, write{at, batch, seq})
	return false, nil
}

// Reserve has no more numbers: tests give enough of them.
func (m *Machine) Reserve(store.Counter, uint64) bool { return false }

// Show puts an event on the screen.
func (m *Machine) Show(e neighbors.Event) {
	if !m.still() && m.Screen != nil {
		m.Screen(e)
	}
}

// Send puts a datagram on the cable.
func (m *Machine) Send(d dgram.Datagram) error {
	if m.still() {
		return nil
	}
	if m.Cable != nil {
		m.Cable(d)
	}
	m.dies()
	return nil
}

// Disk is what is stored: the byte of a bucket and a key, and the value.
type Disk map[string][]byte

// Write stores a batch.
func (d Disk) Write(batch []kv.Write) {
	for _, w := range batch {
		k := string(byte(w.Bucket)) + string(w.Key)
		if w.Value == nil {
			delete(d, k)
		} else {
			d[k] = bytes.Clone(w.Value)
		}
	}
}

// Load gives everything, for neighbors.Config.
func (d Disk) Load(row func(b kv.Bucket, key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if err := row(kv.Bucket(k[0]), []byte(k[1:]), d[k]); err != nil {
			return err
		}
	}
	return nil
}
