package mail

import (
	"encoding/binary"
	"slices"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// MaxHolders bounds the friends remembered as keeping a line.
const MaxHolders = 4

// heldMark follows the line's id in the key of the row that says who keeps it.
const heldMark = 'h'

// heldKey is the key of the row that says who keeps a line.
func heldKey(id uint64) []byte { return append(idKey(id), heldMark) }

// Copies lists, in order, the parts of all undelivered lines that a session of a user would get if
// it were here: these go to friends to keep. It stops at a line with a part too long for that, or
// one that is not yet written. It changes nothing.
func (o *Outbox) Copies(user identity.UserKey, session identity.SessionID, most int) (list []Part) {
	prev := uint64(0)
	add := func(l *line, parts uint64) bool {
		if l.unwritten > 0 || slices.ContainsFunc(l.parts, func(p string) bool { return len(p) > MaxCopyText }) {
			return false
		}
		for i, text := range l.parts {
			if parts&(1<<i) == 0 {
				continue
			}
			if len(list) == most {
				return false
			}
			id := l.id + uint64(i)
			list = append(list, Part{
				ID: id, Prev: prev, Sent: kv.Millis(l.at), Late: true, Part: uint64(i), Parts: uint64(len(l.parts)), Text: text,
			})
			prev = id
		}
		return true
	}
	if s := o.sequences[session]; s != nil {
		prev = s.base
		for _, r := range s.recipients {
			if !add(r.line, r.missing()) {
				return list
			}
		}
	}
	for _, l := range o.queued[user] {
		if l.only.IsZero() || l.only == session {
			if !add(l, l.all()) {
				return list
			}
		}
	}
	return list
}

// Held says that a friend keeps all of the line that the part id belongs to, for one of its
// recipient's sessions.
func (o *Outbox) Held(id uint64, by identity.SessionID) []Progress {
	l := o.lineOf(id)
	if l == nil || slices.Contains(l.holders, by) || len(l.holders) == MaxHolders {
		return nil
	}
	l.holders = append(l.holders, by)
	l.holdersMoved = true
	o.change(l)
	if l.state >= DeliveryHeld {
		return nil
	}
	l.raise(DeliveryHeld)
	return []Progress{l.progress()}
}

// Receipt says that a session has recorded a part, or never will (why is then not ReasonNone),
// according to its own signed receipt, which a friend brought. It gives a queued line its first
// session.
func (o *Outbox) Receipt(session identity.SessionID, id uint64, why Reason) (list []Progress) {
	l := o.lineOf(id)
	if l == nil || !l.only.IsZero() && l.only != session {
		return nil
	}
	if len(l.recipients) == 0 {
		o.unqueued(l)
		rest := slices.DeleteFunc(o.queued[l.to], func(x *line) bool { return x == l })
		o.setQueued(l.to, rest)
		l.send([]identity.SessionID{session})
		l.late, l.whereMoved = true, true
		o.change(l)
		o.enqueue(l.recipients[0])
	}
	if why != ReasonNone {
		return o.Refused(session, id, why)
	}
	return o.Acked(session, id)
}

// lineOf finds the line that a part belongs to.
func (o *Outbox) lineOf(id uint64) *line {
	at, exact := o.find(id)
	if !exact {
		at--
	}
	if at < 0 || at >= len(o.lines) || id-o.lines[at].id >= uint64(len(o.lines[at].parts)) {
		return nil
	}
	return o.lines[at]
}

// Absent lists the users for whom something waits, sorted by key.
func (o *Outbox) Absent() (list []identity.UserKey) {
	for _, l := range o.lines {
		if l.acked == 0 && !slices.Contains(list, l.to) {
			list = append(list, l.to)
		}
	}
	slices.SortFunc(list, identity.CompareKeys)
	return list
}

const storeHolders = 1 // version of a stored row

type holdersStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Holders [][]byte
}

func (l *line) encodeHolders() []byte {
	w := holdersStored{Version: storeHolders}
	for i := range l.holders {
		w.Holders = append(w.Holders, l.holders[i][:])
	}
	return kv.Marshal(&w)
}

// loadHolders loads one row that says who keeps a line.
func (o *Outbox) loadHolders(key, value []byte) error {
	var w holdersStored
	if err := kv.UnmarshalStored(value, storeHolders, &w); err != nil {
		return err
	}
	id := binary.BigEndian.Uint64(key)
	for _, h := range w.Holders[:min(len(w.Holders), MaxHolders)] {
		if len(h) != len(identity.SessionID{}) {
			return kv.ErrForm
		}
		o.holders[id] = append(o.holders[id], identity.SessionID(h))
	}
	return nil
}
