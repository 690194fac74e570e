package mail

import (
	"math/bits"
	"slices"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// A line is a typed line on its way: 1 to 64 parts for one user.
type line struct {
	id         uint64
	to         identity.UserKey
	only       identity.SessionID
	parts      []string
	size       int
	at         time.Time
	late       bool // it was queued, or an earlier run already tried it
	state      Delivery
	acked      int // recipients that have all of it
	open       int // recipients that may still get it
	recipients []*recipient
	reason     Reason
	holders    []identity.SessionID // friends that keep it; at most MaxHolders

	unwritten     int  // writes under way; it may be sent when there is none: see Outbox.Written
	stored        bool // its body is in the store
	storedWhere   bool // where it went is stored in a row of its own
	storedHolders bool // and so is who keeps it
	holdersMoved  bool
	bodyChanged   bool
	whereMoved    bool
	changed       bool // it is in the list of changes
	ended         bool // it left the outbox
}

// A recipient is a session that a line goes to, and how far it has come there. Bits stand for parts.
type recipient struct {
	line    *line
	session identity.SessionID
	acked   uint64
	flying  uint64 // handed out by Next and not back yet
	held    uint64 // the receiver waits for an earlier text first
	late    bool   // an attempt lapsed
	arrived bool
	reason  Reason // why it will never arrive
}

// all has a bit for each part of the line.
func (l *line) all() uint64 { return ^uint64(0) >> (64 - len(l.parts)) }

// missing are the parts that the session has not acknowledged.
func (r *recipient) missing() uint64 { return r.line.all() &^ r.acked }

// idle are the missing parts that wait to be handed out.
func (r *recipient) idle() uint64 { return r.missing() &^ (r.flying | r.held) }

// last is the id of the last missing part; a recipient in a sequence always has one.
func (r *recipient) last() uint64 {
	return r.line.id + uint64(63-bits.LeadingZeros64(r.missing()))
}

// raise moves the state forward, never back.
func (l *line) raise(to Delivery) { l.state = max(l.state, to) }

func (l *line) progress() Progress {
	p := Progress{
		ID: l.id, Parts: len(l.parts), To: l.to, Put: l.at, Bytes: l.size, Only: l.only, State: l.state,
		Acked: l.acked, Sessions: len(l.recipients), Reason: l.reason, Holders: slices.Clone(l.holders),
	}
	if l.state == DeliveryUndelivered {
		p.Text = l.text()
	}
	if l.open > 0 {
		p.Waiting = make([]identity.SessionID, 0, l.open)
	}
	for _, r := range l.recipients {
		switch {
		case r.arrived:
			p.Arrived = append(p.Arrived, r.session)
		case r.reason == ReasonNone:
			p.Waiting = append(p.Waiting, r.session)
		}
	}
	return p
}

// send fixes the sessions that the line goes to.
func (l *line) send(to []identity.SessionID) {
	to = slices.Clone(to)
	slices.SortFunc(to, identity.CompareIDs)
	to = slices.Compact(to)
	l.recipients = make([]*recipient, 0, len(to))
	for _, id := range to {
		l.recipients = append(l.recipients, &recipient{line: l, session: id})
	}
	l.open = len(l.recipients)
	l.raise(DeliverySent)
}

const (
	storeLine  = 1 // version of a stored line
	storeWhere = 1 // version of where a stored line went
)

// lineStored is a line in the store, as it was first written.
type lineStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	To      []byte
	Only    []byte // 0 or 8 bytes
	At      uint64 // unix milliseconds
	Where   []whereStored
	Parts   []string
}

// whereListStored replaces lineStored.Where once that has changed.
type whereListStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Where   []whereStored
}

type whereStored struct {
	_       struct{} `cbor:",toarray"`
	Session []byte
	Arrived bool
	Reason  uint64
}

func (l *line) encode() []byte {
	w := lineStored{Version: storeLine, To: l.to[:], At: kv.Millis(l.at), Where: l.where(), Parts: l.parts}
	if !l.only.IsZero() {
		w.Only = l.only[:]
	}
	return kv.Marshal(&w)
}

func (l *line) encodeWhere() []byte {
	return kv.Marshal(&whereListStored{Version: storeWhere, Where: l.where()})
}

func (l *line) where() []whereStored {
	list := make([]whereStored, 0, len(l.recipients))
	for _, r := range l.recipients {
		list = append(list, whereStored{Session: r.session[:], Arrived: r.arrived, Reason: uint64(r.reason)})
	}
	return list
}

// setWhere is the inverse of where.
func (l *line) setWhere(list []whereStored) error {
	var to []*recipient
	l.acked, l.open, l.reason = 0, 0, ReasonNone
	for _, w := range list {
		if len(w.Session) != len(identity.SessionID{}) || w.Reason > 255 {
			return kv.ErrForm
		}
		r := &recipient{line: l, session: identity.SessionID(w.Session), arrived: w.Arrived, reason: Reason(w.Reason)}
		switch {
		case r.arrived:
			l.acked++
		case r.reason == ReasonNone:
			l.open++
		default:
			l.reason = r.reason
		}
		to = append(to, r)
	}
	l.recipients = to
	return nil
}

func decodeLine(id uint64, value []byte) (*line, error) {
	var w lineStored
	if err := kv.UnmarshalStored(value, storeLine, &w); err != nil {
		return nil, err
	}
	if len(w.To) != len(identity.UserKey{}) || len(w.Only) != 0 && len(w.Only) != len(identity.SessionID{}) ||
		len(w.Parts) == 0 || len(w.Parts) > MaxParts {
		return nil, kv.ErrForm
	}
	// Anything from an earlier run is late now.
	l := &line{id: id, to: identity.UserKey(w.To), parts: w.Parts, at: kv.FromMillis(w.At), late: true, stored: true}
	if len(w.Only) > 0 {
		l.only = identity.SessionID(w.Only)
	}
	for _, p := range w.Parts {
		l.size += len(p)
	}
	return l, l.setWhere(w.Where)
}

// StoredLine is what a row of the outbox says of a line, without making an Outbox.
type StoredLine struct {
	To   identity.UserKey
	At   time.Time // typed
	Text string
}

// ReadLine decodes a row of BucketOutbox whose key is a line's id.
func ReadLine(value []byte) (StoredLine, error) {
	l, err := decodeLine(1, value)
	if err != nil {
		return StoredLine{}, err
	}
	return StoredLine{To: l.to, At: l.at, Text: l.text()}, nil
}
