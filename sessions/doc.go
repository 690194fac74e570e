// Package sessions holds no code: it is the map of a node's memory, which has five rooms. Each imports
// only those above it in this list, mail and book not each other.
//
//   - kv: what every room writes. Writes of a key-value store by bucket, rows in deterministic CBOR, times.
//   - identity: who somebody is. User keys, session ids, signed records and tickets, names, fingerprints.
//   - book: who is known here. Trust, what a name means, when and where each session was last seen, pruning.
//   - mail: texts on their way. Outbox, Inbox, held copies and the keys to which they are sealed.
//   - store: the disk. Profile, slots, identity file, journal, compaction, history.
//
// Beside them, budget says who may cost what, and sessiontest is for tests alone.
//
// A user is an Ed25519 key. A session is one installation of that user: an X25519 key, vouched for by
// a record that the user signed. Names are claims and never keys; a Book says what a name means on this
// node.
//
// Book, Inbox and Outbox are pure. They read no clock, start no goroutine and open no file: time is
// passed in, and what must be kept comes out as Writes, which a Profile's Store puts on disk. At the
// next start the stored entries are given back by Load, in any order, and Loaded ends that. One
// goroutine owns a Book, Inbox or Outbox at a time. Sign, Verify and the functions on names are safe
// for many.
package sessions
