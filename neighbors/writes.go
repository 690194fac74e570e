package neighbors

import (
	"bytes"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
)

// writes keeps the order write, print, acknowledge for what others send, and write, send for our
// own lines: what may happen only after a batch is written, and what to write again.
type writes struct {
	*core
	seq      uint64             // the batch that is being gathered
	gathered waiting            // what depends on that batch
	unsure   map[uint64]waiting // batches handed out and not yet written; as many as the store takes
	failed   time.Time          // when the last batch failed, until storing works again
	worked   bool               // a batch has been stored since then

	unstored []kv.Write // of failed batches, to be written again; each key once
	again    time.Time  // when
}

// waiting is what may happen only after a batch is written.
type waiting struct {
	texts []textKey
	shown []textKey // printed: acknowledged once that is written, or cannot be
	lines []ownLine
	kept  []dgram.Handle // copies and receipts that are kept for others
	keys  bool           // a hold key is in it
	batch []kv.Write     // the writes to repeat if this batch fails
}

type ownLine struct {
	token    Token
	progress []mail.Progress
}

func newWrites(c *core) *writes { return &writes{core: c, seq: 1, unsure: map[uint64]waiting{}} }

// close ends the gathering of a batch and returns its number.
func (w *writes) close(batch []kv.Write) uint64 {
	w.gathered.batch = batch
	w.gathered.keys = slices.ContainsFunc(batch, func(one kv.Write) bool { return one.Bucket == kv.BucketHoldKeys })
	w.supersede(batch)
	w.unsure[w.seq] = w.gathered
	w.gathered = waiting{}
	w.seq++
	return w.seq - 1
}

// storeFails tells the person, once, that the disk takes nothing.
func (ww *writes) storeFails(now time.Time, err error) {
	t := ww
	t.worked = err == nil
	if err == nil {
		return
	}
	if t.failed.IsZero() {
		ww.emit(Notice{"nothing can be stored: " + err.Error() + "; texts to you wait with their senders, yours are kept in memory only"})
	}
	t.failed = now
}

// storeRecovers tells the person, once, that the disk takes writes again; a small batch that
// slips in while it is full does not count.
func (ww *writes) storeRecovers(now time.Time) (next time.Time) {
	t := ww
	if t.failed.IsZero() || !t.worked {
		return time.Time{}
	}
	if at := t.failed.Add(2 * storeAgain); at.After(now) {
		return at
	}
	t.failed = time.Time{}
	ww.emit(Notice{"storing works again"})
	return time.Time{}
}

// keep notes the writes of a failed batch that concern our own lines and people, so that
// they are written when there is room again. Texts of others need no note: their senders
// send them again.
func (t *writes) keep(now time.Time, batch []kv.Write) {
	t.again = now.Add(storeAgain)
	t.supersede(batch)
	for _, w := range batch {
		if w.Bucket != kv.BucketInbox && w.Bucket != kv.BucketTexts {
			t.unstored = append(t.unstored, w)
		}
	}
}

// supersede drops the noted writes that batch replaces.
func (t *writes) supersede(batch []kv.Write) {
	if len(t.unstored) == 0 {
		return
	}
	for _, w := range batch {
		t.unstored = slices.DeleteFunc(t.unstored, func(u kv.Write) bool {
			return u.Bucket == w.Bucket && bytes.Equal(u.Key, w.Key)
		})
	}
}

// rewrite returns the writes that failed, when it is time to try again.
func (t *writes) rewrite(now time.Time) (batch []kv.Write, next time.Time) {
	if len(t.unstored) == 0 {
		return nil, time.Time{}
	}
	if t.again.After(now) {
		return nil, t.again
	}
	batch, t.unstored = t.unstored, nil
	return batch, time.Time{}
}

// whenWritten tells the progress of own lines, and sends them, once the batch of this turn is
// written.
func (ww *writes) whenWritten(now time.Time, list []mail.Progress, token Token) {
	if len(list) > 0 {
		ww.gathered.lines = append(ww.gathered.lines, ownLine{token, list})
		ww.wake(now)
	}
}

// maxKept bounds the copies and receipts that wait for one write to be answered.
const maxKept = 1024

// answerKept answers a peer that brought something to keep, once it is on disk. Something not
// fresh was brought before: nothing is written for it, but its write may still be under way.
func (ww *writes) answerKept(now time.Time, h dgram.Handle, fresh bool) {
	t := ww
	newest, writing := t.unsure[t.seq-1]
	switch {
	case len(t.gathered.kept) >= maxKept, !fresh && len(newest.kept) >= maxKept:
		ww.ep.Settle(now, h, wire.ResultBusy, 0)
	case fresh || len(t.gathered.kept) > 0:
		t.gathered.kept = append(t.gathered.kept, h)
	case len(t.unstored) > 0:
		ww.ep.Settle(now, h, wire.ResultBusy, 0)
	case writing:
		newest.kept = append(newest.kept, h)
		t.unsure[t.seq-1] = newest
	default:
		ww.ep.Settle(now, h, wire.ResultDelivered, 0)
	}
}

type textKey struct {
	from identity.SessionID
	id   uint64
}

// asker is whom to answer about a text: its sender, or a friend who brought it.
type asker struct {
	handle dgram.Handle
	bringer
}

// bringer is the session that brought a copy, and its user; zero: it came from the sender itself.
type bringer struct {
	by   identity.SessionID
	user identity.UserKey
}
