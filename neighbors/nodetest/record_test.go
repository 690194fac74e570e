package nodetest

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/kv"
)

// short is the record of a short run of two nodes, with one thing in it that is up to twist.
func short(twist func(r *Record, at time.Time)) *Record {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := NewRecord(begin, 8*time.Second, 2, true)
	r.Sent(0, begin, dgram.Datagram{To: netip.MustParseAddrPort("192.0.2.1:6789"), Bytes: []byte("hi")})
	twist(r, begin.Add(3*time.Second))
	r.Shown(1, begin.Add(5*time.Second), neighbors.Incoming{Text: "hi", Sent: begin.In(time.FixedZone("", 3600))})
	return r
}

// Whatever leaves a node is in its record: what, when, by whom, and to whom.
func TestRecordHasAll(t *testing.T) {
	to := netip.MustParseAddrPort("192.0.2.1:6789")
	send := func(d dgram.Datagram) func(*Record, time.Time) {
		return func(r *Record, at time.Time) { r.Sent(0, at, d) }
	}
	write := func(w kv.Write) func(*Record, time.Time) {
		return func(r *Record, at time.Time) { r.Wrote(0, at, []kv.Write{w}) }
	}
	seen := map[string]string{}
	for name, twist := range map[string]func(*Record, time.Time){
		"nothing":          func(*Record, time.Time) {},
		"a datagram":       send(dgram.Datagram{To: to, Bytes: []byte("a")}),
		"another":          send(dgram.Datagram{To: to, Bytes: []byte("b")}),
		"elsewhere":        send(dgram.Datagram{To: netip.AddrPortFrom(to.Addr(), 1), Bytes: []byte("a")}),
		"from elsewhere":   send(dgram.Datagram{To: to, Local: to.Addr(), Bytes: []byte("a")}),
		"by another way":   send(dgram.Datagram{To: to, Interface: 1, Bytes: []byte("a")}),
		"later":            func(r *Record, at time.Time) { r.Sent(0, at.Add(1), dgram.Datagram{To: to, Bytes: []byte("a")}) },
		"by another":       func(r *Record, at time.Time) { r.Sent(1, at, dgram.Datagram{To: to, Bytes: []byte("a")}) },
		"an event":         func(r *Record, at time.Time) { r.Shown(0, at, neighbors.Notice{Text: "a"}) },
		"another event":    func(r *Record, at time.Time) { r.Shown(0, at, neighbors.Notice{Text: "b"}) },
		"a third":          func(r *Record, at time.Time) { r.Shown(0, at, neighbors.Done{Token: 1}) },
		"a row":            write(kv.Write{Bucket: kv.BucketUsers, Key: []byte("k"), Value: []byte("v")}),
		"of another":       write(kv.Write{Bucket: kv.BucketInbox, Key: []byte("k"), Value: []byte("v")}),
		"another row":      write(kv.Write{Bucket: kv.BucketUsers, Key: []byte("l"), Value: []byte("v")}),
		"with other value": write(kv.Write{Bucket: kv.BucketUsers, Key: []byte("k"), Value: []byte("w")}),
		"with none":        write(kv.Write{Bucket: kv.BucketUsers, Key: []byte("k"), Value: []byte{}}),
		"deleted":          write(kv.Write{Bucket: kv.BucketUsers, Key: []byte("k")}),
	} {
		digest := values(name + "\n" + short(twist).Text())["digest all"]
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[digest] = name
	}
}

// A difference is told with what differs, when, and how to see both conversations; what is
// kept is what was written.
func TestKeeperTells(t *testing.T) {
	nothing := func(*Record, time.Time) {}
	notice := func(r *Record, at time.Time) { r.Shown(0, at, neighbors.Notice{Text: "a"}) }
	kept, now := "run: short\n"+short(nothing).Text(), "run: short\n"+short(notice).Text()
	for _, row := range [][3]string{
		{now, kept, "shown Notice: 1, kept none\n\tthey part between 3s and 4s"},
		{kept, now, "shown Notice: none, kept 1\n\tthey part between 3s and 4s"},
	} {
		if got := differing(row[0], row[1]); !strings.Contains(got, row[2]) {
			t.Errorf("it says\n%s\nnot %q", got, row[2])
		}
	}
	if got := differing(kept, kept); got != "" {
		t.Errorf("of two that are the same it says %q", got)
	}
	path := filepath.Join(t.TempDir(), "folder", "record.txt")
	for _, write := range []bool{true, true, false} {
		k := Keeper{Path: path, About: "Two lines,\n\nand three.\n", Write: write}
		k.open(t)
		k.check(t, "run", "short", short(nothing))
		k.check(t, "run 2", "also short", short(notice))
		k.close(t)
		if len(k.names) != 2 {
			t.Errorf("the file keeps %q", k.names)
		}
	}
	talk := string(short(notice).Conversation())
	if want := ` 0 ! Notice Text="a"`; !strings.Contains(talk, want) || strings.Count(talk, "\n") != 3 {
		t.Errorf("the conversation is\n%s", talk)
	}
	if !strings.Contains(talk, "Sent=2026-01-01T00:00:00Z") {
		t.Errorf("times are those of this machine:\n%s", talk)
	}
}
