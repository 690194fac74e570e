package shell

import (
	"net/netip"

	"darkchat/neighbors"
)

// Node is what the shell asks of a running node; *neighbors.Client is one. Its
// methods may be called by any goroutine, but not from within Shell.Sink.
// Errors are whole sentences for the person.
type Node interface {
	Self() neighbors.Self
	Ping(addr netip.AddrPort) (neighbors.Token, error)
	PingUser(typed string) (neighbors.Token, error)
	Add(name, fingerprint string) (neighbors.Token, error)
	Resolve(typed string) (neighbors.Target, error)
	Renew(to neighbors.Target, others []neighbors.Who) (neighbors.Target, []string)
	Say(to neighbors.Target, line string) (neighbors.Token, error)
	Users(f neighbors.Filter) []neighbors.UserView
	Sessions(typed string) (neighbors.UserView, error)
	Prune(n int) int
	Explode() (neighbors.Token, error)
	Away(away bool) (bool, error)
	Verify(typed, fingerprint string) (neighbors.VerifyView, error)
	Block(typed string, blocked bool) (string, error)
	BlockAll() (int, error)
	Accept(typed string) (neighbors.AcceptView, error)
	Strangers() neighbors.StrangersView
	Outbox() []neighbors.OutboxLine
	Status(typed string) (neighbors.OutboxLine, error)
	Cancel(typed string) (neighbors.OutboxLine, error)
	History(q neighbors.Search) (neighbors.Past, error)
	Stats() []neighbors.Stat
	Presence() []neighbors.PresenceView
	Net() neighbors.NetView
	Contacts() []neighbors.Contact
	Printed(receipts []uint64)
}

var _ Node = (*neighbors.Client)(nil)
