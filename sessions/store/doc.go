// Package store is a node's disk. A Profile is the state folder of one user with a slot that this run
// uses alone; its Store appends batches of Writes to a journal, syncs them, and compacts them into a
// database; History keeps what was said. Numbers are reserved in synced blocks, so that none is given
// twice whatever is restored. Whatever is damaged is set aside and told. Source: spec/theory.md 10.
package store
