package nodetest

import (
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// caller is a node that wants to write something, and to send a HELLO.
func caller(t *testing.T, d Disk) *neighbors.Node {
	t.Helper()
	n, err := neighbors.New(neighbors.Config{
		Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Name: "ann", Session: [32]byte{1}, Random: rand.NewChaCha8([32]byte{1}),
		IDs: store.Range{First: 1, Limit: 1 << 50}, Seqs: store.Range{First: 1, Limit: 1 << 50}, Load: d.Load,
	}, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Ping(start, netip.MustParseAddrPort("192.0.2.1:6789")); err != nil {
		t.Fatal(err)
	}
	return n
}

// What is written on a slow disk is there when its time has come, and the machine asks to be
// called then.
func TestSlowDisk(t *testing.T) {
	const wait = 40 * time.Millisecond
	d, full := Disk{}, error(nil)
	m := Machine{Wait: func() time.Duration { return wait }, Disk: func(batch []kv.Write) error {
		if full == nil {
			d.Write(batch)
		}
		return full
	}}
	n := caller(t, d)
	next, err := m.Turn(n, start)
	if err != nil || len(d) > 0 || next.IsZero() || next.After(start.Add(wait)) {
		t.Fatalf("next %v, %v, %d rows", next, err, len(d))
	}
	full = errors.New("full")
	if _, err := m.Turn(n, start.Add(wait)); err != nil || len(d) > 0 {
		t.Fatalf("%v, %d rows", err, len(d))
	}
	full = nil
	for now, end := start.Add(wait), start.Add(time.Minute); len(d) == 0; {
		if now, err = m.Turn(n, now); err != nil || now.IsZero() || now.After(end) {
			t.Fatalf("%v: at %v nothing is written", err, now)
		}
	}
	caller(t, d) // it starts again on what was stored
}

// Wherever a node is killed nothing is done for it any more.
func TestKilledAnywhere(t *testing.T) {
	for doom := 1; ; doom++ {
		asked, rows, sent, late := 0, 0, 0, 0
		m := Machine{}
		m.Dies = func() bool { asked++; return asked == doom }
		m.Disk = func(batch []kv.Write) error {
			rows += len(batch)
			late = max(late, asked-doom+1)
			return nil
		}
		m.Cable = func(dgram.Datagram) { sent++; late = max(late, asked-doom+1) }
		if _, err := m.Turn(caller(t, Disk{}), start); err != nil {
			t.Fatal(err)
		}
		if late > 0 {
			t.Errorf("killed at point %d, and it goes on", doom)
		}
		if asked < doom {
			if doom < 4 || rows == 0 || sent == 0 {
				t.Errorf("%d points, %d rows, %d datagrams: too few to tell", asked, rows, sent)
			}
			return
		}
	}
}
