// Package sessions is a node's memory: who a user is, where each session of
// that user was last seen, which texts wait to be delivered and which have
// come.
//
// A user is an Ed25519 key. A session is one installation of that user: an
// X25519 key, vouched for by a Record that the user signed. Names are claims
// and never keys; a Book says what a name means on this node.
//
// Book, Inbox and Outbox are pure. They read no clock, start no goroutine and
// open no file: time is passed in, and what must be kept comes out as Writes,
// which a Profile's Store puts on disk. At the next start the stored entries
// are given back by Load, in any order, and Loaded ends that. One goroutine
// owns a Book, Inbox or Outbox at a time. Sign, Verify and the functions on
// names are safe for many.
package sessions
