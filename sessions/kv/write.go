package kv

import "fmt"

// A Bucket is a named part of the store. Its number goes into the journal and
// is never reused.
type Bucket uint8

// The buckets, with their keys. Every value is a CBOR array whose first element
// is its version, except in BucketMeta, which belongs to the store.
const (
	BucketMeta       Bucket = 1  // the store's own counters
	BucketUsers      Bucket = 2  // user key
	BucketSessions   Bucket = 3  // session id
	BucketTombstones Bucket = 4  // session id
	BucketOutbox     Bucket = 5  // line id, or line id || 's' for where it went, || 'h' for who keeps it; ids are 8 bytes, big endian
	BucketInbox      Bucket = 6  // sender's session id
	BucketTexts      Bucket = 7  // sender's session id || text id
	BucketHoldKeys   Bucket = 8  // "keys"
	BucketHeld       Bucket = 9  // kind || recipient's session id || sender's session id || text id
	BucketHistory    Bucket = 10 // place || sender's session id || text id; in a file of its own
)

// LastBucket is the highest bucket, and LastStored the highest in the store. Those above BucketTexts
// are younger than the format of the store: a store that lacks them gets them at the next compaction.
const (
	LastStored = BucketHeld
	LastBucket = BucketHistory
)

// String gives the name of the bucket in the store. It stays as it is: stores have it.
func (b Bucket) String() string {
	switch b {
	case BucketMeta:
		return "meta"
	case BucketUsers:
		return "users"
	case BucketSessions:
		return "sessions"
	case BucketTombstones:
		return "floors"
	case BucketOutbox:
		return "outbox"
	case BucketInbox:
		return "inbox"
	case BucketTexts:
		return "texts"
	case BucketHoldKeys:
		return "holdkeys"
	case BucketHeld:
		return "shelf"
	case BucketHistory:
		return "history"
	}
	return fmt.Sprintf("bucket %d", uint8(b))
}

// A Write is one change of the store: Value replaces the value of Key, and nil deletes it. What one
// TakeWrites returns is one batch, to be stored whole or not at all. The slices belong to the
// receiver.
type Write struct {
	Bucket     Bucket
	Key, Value []byte
}
