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
	id      uint64
	to      identity.UserKey
	only    identity.SessionID
	parts   []string
	size    int
	at      time.Time
	late    bool // it was queued, or an earlier run already tried it
	state   Delivery
	acked   int // flights that arrived
	open    int // flights that may still arrive
	flights []*flight
	reason  Reason
	holders []identity.SessionID // friends that keep it; at most MaxHolders

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

// A flight is a line on its way to one session (the state per recipient). Bits stand for parts.
type flight struct {
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
func (f *flight) missing() uint64 { return f.line.all() &^ f.acked }

// idle are the missing parts that wait to be handed out.
func (f *flight) idle() uint64 { return f.missing() &^ (f.flying | f.held) }

// last is the id of the last missing part; a flight in a lane always has one.
func (f *flight) last() uint64 {
	return f.line.id + uint64(63-bits.LeadingZeros64(f.missing()))
}

// raise moves the state forward, never back.
func (l *line) raise(to Delivery) { l.state = max(l.state, to) }

func (l *line) progress() Progress {
	p := Progress{
		ID: l.id, Parts: len(l.parts), To: l.to, Put: l.at, Bytes: l.size, Only: l.only, State: l.state,
		Acked: l.acked, Sessions: len(l.flights), Reason: l.reason, Holders: slices.Clone(l.holders),
	}
	if l.state == DeliveryUndelivered {
		p.Text = l.text()
	}
	if l.open > 0 {
		p.Waiting = make([]identity.SessionID, 0, l.open)
	}
	for _, f := range l.flights {
		switch {
		case f.arrived:
			p.Arrived = append(p.Arrived, f.session)
		case f.reason == ReasonNone:
			p.Waiting = append(p.Waiting, f.session)
		}
	}
	return p
}

// send fixes the sessions that the line goes to.
func (l *line) send(to []identity.SessionID) {
	to = slices.Clone(to)
	slices.SortFunc(to, identity.CompareIDs)
	to = slices.Compact(to)
	l.flights = make([]*flight, 0, len(to))
	for _, id := range to {
		l.flights = append(l.flights, &flight{line: l, session: id})
	}
	l.open = len(l.flights)
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
	list := make([]whereStored, 0, len(l.flights))
	for _, f := range l.flights {
		list = append(list, whereStored{Session: f.session[:], Arrived: f.arrived, Reason: uint64(f.reason)})
	}
	return list
}

// setWhere is the inverse of where.
func (l *line) setWhere(list []whereStored) error {
	var to []*flight
	l.acked, l.open, l.reason = 0, 0, ReasonNone
	for _, w := range list {
		if len(w.Session) != len(identity.SessionID{}) || w.Reason > 255 {
			return kv.ErrForm
		}
		f := &flight{line: l, session: identity.SessionID(w.Session), arrived: w.Arrived, reason: Reason(w.Reason)}
		switch {
		case f.arrived:
			l.acked++
		case f.reason == ReasonNone:
			l.open++
		default:
			l.reason = f.reason
		}
		to = append(to, f)
	}
	l.flights = to
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
