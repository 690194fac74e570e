package mail

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// outboxBed is an Outbox whose disk is a map.
type outboxBed struct {
	*Outbox
	t    *testing.T
	now  time.Time
	disk map[string][]byte
	next uint64
}

func newOutboxBed(t *testing.T) *outboxBed {
	return &outboxBed{Outbox: NewOutbox(), t: t, now: sessiontest.Epoch, disk: map[string][]byte{}, next: 1}
}

func (b *outboxBed) put(only *identity.SessionID, parts []string, online ...identity.SessionID) Progress {
	b.t.Helper()
	p, err := b.Put(b.now, b.next, sessiontest.User(1), only, parts, online)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range p {
		b.Written(p)
	}
	b.next += uint64(len(parts))
	return p[len(p)-1]
}

func (b *outboxBed) restart() {
	sessiontest.Apply(b.disk, b.TakeWrites())
	b.Outbox = NewOutbox()
	if err := sessiontest.Replay(b.disk, b.Load); err != nil {
		b.t.Fatal(err)
	}
	b.Loaded(b.now)
}

// chain is what Next hands out, as "id<prev".
func (b *outboxBed) chain(session identity.SessionID) string {
	var list []string
	for _, p := range b.Next(session, 1000) {
		list = append(list, fmt.Sprintf("%d<%d", p.ID, p.Prev))
	}
	return strings.Join(list, " ")
}

func (b *outboxBed) expectChain(session identity.SessionID, want string) {
	b.t.Helper()
	if got := b.chain(session); got != want {
		b.t.Errorf("handed out %q, want %q", got, want)
	}
}

func sayState(p Progress) string {
	return fmt.Sprintf("%v %d/%d waiting %d %s", p.State, p.Acked, p.Sessions, len(p.Waiting), p.Reason)
}

func (b *outboxBed) expect(p Progress, want string) {
	b.t.Helper()
	if got := strings.TrimSpace(sayState(p)); got != want {
		b.t.Errorf("%s, want %s", got, want)
	}
}

var s1, s2, s3 = identity.SessionID{1}, identity.SessionID{2}, identity.SessionID{3}
