package mail

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"darkchat/sessions/kv"
)

// whereMark follows the line's id in the key of the row that says where it went.
const whereMark = 's'

// idKey is the key of a number in the store; keys sort like numbers.
func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 9), id) }

func whereKey(id uint64) []byte { return append(idKey(id), whereMark) }

// Unstored is called right after NewOutbox in a run that stores nothing: it makes no writes
// then; all else stays the same.
func (o *Outbox) Unstored() { o.unstored = true }

func (o *Outbox) change(l *line) {
	if !l.changed && !o.unstored {
		l.changed = true
		o.changed = append(o.changed, l)
	}
}

// TakeWrites returns what changed since the last call, as one batch. A line that came and went in
// between leaves no trace. A body is written once; later changes concern only where the line
// went, which is short.
func (o *Outbox) TakeWrites() []kv.Write {
	if len(o.changed) == 0 {
		return nil
	}
	out := make([]kv.Write, 0, len(o.changed))
	for i, l := range o.changed {
		switch {
		case l.ended:
			if l.stored {
				out = append(out, kv.Write{Bucket: kv.BucketOutbox, Key: idKey(l.id)})
			}
			if l.storedWhere {
				out = append(out, kv.Write{Bucket: kv.BucketOutbox, Key: whereKey(l.id)})
			}
			if l.storedHolders {
				out = append(out, kv.Write{Bucket: kv.BucketOutbox, Key: heldKey(l.id)})
			}
			l.stored, l.storedWhere, l.storedHolders = false, false, false
		case l.bodyChanged:
			out = append(out, kv.Write{Bucket: kv.BucketOutbox, Key: idKey(l.id), Value: l.encode()})
			l.stored = true
		case l.whereMoved:
			out = append(out, kv.Write{Bucket: kv.BucketOutbox, Key: whereKey(l.id), Value: l.encodeWhere()})
			l.storedWhere = true
		}
		if l.holdersMoved && !l.ended {
			out = append(out, kv.Write{Bucket: kv.BucketOutbox, Key: heldKey(l.id), Value: l.encodeHolders()})
			l.storedHolders = true
		}
		l.changed, l.bodyChanged, l.whereMoved, l.holdersMoved = false, false, false, false
		o.changed[i] = nil
	}
	o.changed = o.changed[:0]
	return out
}

// Load gives back one stored entry of BucketOutbox; those of other buckets are
// ignored. It must not be called after Loaded.
func (o *Outbox) Load(bucket kv.Bucket, key, value []byte) error {
	if bucket != kv.BucketOutbox {
		return nil
	}
	if len(key) < 8 {
		return kv.ErrForm
	}
	id := binary.BigEndian.Uint64(key)
	switch {
	case len(key) == 8 && id > 0:
		l, err := decodeLine(id, value)
		if err != nil {
			return err
		}
		o.lines = append(o.lines, l)
		return nil
	case len(key) == 9 && key[8] == whereMark:
		var w whereListStored
		if err := kv.UnmarshalStored(value, storeWhere, &w); err != nil {
			return err
		}
		o.where[id] = w.Where
		return nil
	case len(key) == 9 && key[8] == heldMark:
		return o.loadHolders(key, value)
	}
	return kv.ErrForm
}

// Loaded ends loading: every line is on its way again.
func (o *Outbox) Loaded(now time.Time) {
	slices.SortFunc(o.lines, func(x, y *line) int { return cmp.Compare(x.id, y.id) })
	o.patient = now.Add(OutboxPatience)
	for _, l := range slices.Clone(o.lines) {
		// From here on its age is measured by the monotonic clock.
		l.at = now.Add(l.at.Sub(now))
		if w, ok := o.where[l.id]; ok {
			l.storedWhere = true
			if l.setWhere(w) != nil {
				l.recipients, l.acked, l.open = nil, 0, 0 // damage: treat it as queued, for whoever comes online
			}
		}
		l.holders, l.storedHolders = o.holders[l.id], len(o.holders[l.id]) > 0
		o.last = max(o.last, l.id+uint64(len(l.parts))-1)
		o.bytes += l.size
		o.restore(l)
	}
	clear(o.where)
	clear(o.holders)
}

// restore puts a loaded line back where it was.
func (o *Outbox) restore(l *line) {
	if len(l.holders) > 0 {
		l.raise(DeliveryHeld)
	}
	if len(l.recipients) == 0 {
		o.queue(l)
		return
	}
	l.raise(DeliverySent)
	if l.acked > 0 {
		l.raise(DeliveryDelivered)
	}
	for _, r := range l.recipients {
		if !r.arrived && r.reason == ReasonNone {
			o.enqueue(r)
		}
	}
	if l.open == 0 { // it had ended, but the store did not learn of it
		o.moved(l)
	}
}
