package fuzz_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/shell"
	"darkchat/shell/shelltest"
)

// desk is the node of a shell alone at its desk: it knows everybody whose name
// begins with a small letter, reaches nobody, and keeps what was said.
type desk struct {
	shelltest.Node
	said []said
}

type said struct{ to, text string }

var errAlone = errors.New("nobody can be reached from here")

func newDesk() *desk { return &desk{Node: shelltest.Node{Alone: errAlone}} }

func (d *desk) Resolve(typed string) (neighbors.Target, error) {
	if typed == "" || typed[0] < 'a' || typed[0] > 'z' {
		return neighbors.Target{}, errAlone
	}
	user, session, _ := strings.Cut(typed, "/")
	return neighbors.Target{User: user, Session: session}, nil
}

func (d *desk) Say(to neighbors.Target, line string) (neighbors.Token, error) {
	d.said = append(d.said, said{to.User + "/" + to.Session, line})
	return neighbors.Token(len(d.said)), nil
}

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
