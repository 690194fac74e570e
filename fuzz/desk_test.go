package fuzz_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/shell"
)

// desk is the node of a shell alone at its desk: it knows everybody whose name
// begins with a small letter, reaches nobody, and keeps what was said.
type desk struct {
	said    []said
	printed []uint64
}

type said struct{ to, text string }

var errAlone = errors.New("nobody can be reached from here")

func (d *desk) Self() neighbors.Self {
	return neighbors.Self{Name: "me", Session: "0123456789abcdef", Fingerprint: "k7f2-k7f2-k7f2-k7f2"}
}

func (d *desk) Resolve(typed string) (neighbors.Target, error) {
	if typed == "" || typed[0] < 'a' || typed[0] > 'z' {
		return neighbors.Target{}, errAlone
	}
	user, session, _ := strings.Cut(typed, "/")
	return neighbors.Target{User: user, Session: session}, nil
}

func (d *desk) Renew(to neighbors.Target, others []neighbors.Who) (neighbors.Target, []string) {
	return to, make([]string, len(others))
}

func (d *desk) Say(to neighbors.Target, line string) (neighbors.Token, error) {
	d.said = append(d.said, said{to.User + "/" + to.Session, line})
	return neighbors.Token(len(d.said)), nil
}

func (d *desk) Printed(receipts []uint64) { d.printed = append(d.printed, slices.Clone(receipts)...) }

func (d *desk) Ping(netip.AddrPort) (neighbors.Token, error) { return 0, errAlone }
func (d *desk) PingUser(string) (neighbors.Token, error)     { return 0, errAlone }
func (d *desk) Add(_, _ string) (neighbors.Token, error)     { return 0, errAlone }
func (d *desk) Users(neighbors.Filter) []neighbors.UserView  { return nil }
func (d *desk) Sessions(string) (neighbors.UserView, error)  { return neighbors.UserView{}, errAlone }
func (d *desk) Prune(int) int                                { return 0 }
func (d *desk) Away(bool) (bool, error)                      { return true, nil }
func (d *desk) Explode() (neighbors.Token, error)            { return 0, errAlone }
func (d *desk) Verify(_, _ string) (neighbors.VerifyView, error) {
	return neighbors.VerifyView{}, errAlone
}
func (d *desk) Block(string, bool) (string, error)          { return "", errAlone }
func (d *desk) BlockAll() (int, error)                      { return 0, nil }
func (d *desk) Strangers() neighbors.StrangersView          { return neighbors.StrangersView{} }
func (d *desk) Accept(string) (neighbors.AcceptView, error) { return neighbors.AcceptView{}, errAlone }
func (d *desk) Outbox() []neighbors.OutboxLine              { return nil }
func (d *desk) Status(string) (neighbors.OutboxLine, error) { return neighbors.OutboxLine{}, nil }
func (d *desk) Cancel(string) (neighbors.OutboxLine, error) { return neighbors.OutboxLine{}, nil }
func (d *desk) History(neighbors.Search) (neighbors.Past, error) {
	return neighbors.Past{}, nil
}
func (d *desk) Stats() []neighbors.Stat { return nil }
func (d *desk) Net() neighbors.NetView  { return neighbors.NetView{} }

func (d *desk) Presence() []neighbors.PresenceView                    { return nil }
func (d *desk) Contacts() []neighbors.Contact                         { return nil }
func nowhere(context.Context, string) (found []netip.Addr, err error) { return nil, errAlone }

// converse runs a shell over typed input and events, and returns what it printed
// and its exit code.
func (d *desk) converse(t *testing.T, typed string, json bool, events ...neighbors.Event) (string, int) {
	t.Helper()
	var out bytes.Buffer
	s := shell.New(shell.Options{
		In: strings.NewReader(typed), Out: &out, JSON: json, Resolve: nowhere,
		Now: func() time.Time { return epoch }, Zone: time.UTC,
	})
	for _, e := range events {
		s.Sink(e)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	code := s.Run(ctx, d)
	if ctx.Err() != nil {
		t.Fatal("the shell did not end")
	}
	return out.String(), code
}
