package mail

import (
	"errors"
	"maps"
	"slices"
	"time"

	"darkchat/sessions/identity"
)

// Bounds of an Outbox.
const (
	MaxOutboxLines = 1000
	MaxOutboxBytes = 4 << 20 // of text
	OutboxAge      = 30 * 24 * time.Hour
	OutboxPatience = time.Hour // of a run, before it gives up lines of earlier runs

	maxSequences = 4096 // sessions whose last acknowledged text is remembered
)

// What Put refuses.
var (
	ErrOutboxFull = errors.New("too many lines wait to be delivered; look at \\outbox")
	ErrLine       = errors.New("a line has 1 to 64 parts of 1 to 1,024 bytes, and ids above all before")
)

// An Outbox keeps the lines of this session until every session that they went to has
// acknowledged them, or they are given up. It decides what is sent to whom and in which
// order, never when. It belongs to one goroutine.
//
// A line goes to the sessions that are online when it is first sent; that fixes their number.
// While there is none the line is queued, and goes to those online when the first comes back.
// What Put and Online return becomes true once it is written: then the owner calls Written for
// each Progress, and before that nothing of the line is handed out. Source: spec/theory.md 4.
type Outbox struct {
	lines     []*line                          // by id; at most MaxOutboxLines
	bytes     int                              // at most MaxOutboxBytes
	sequences map[identity.SessionID]*sequence // at most maxSequences, or as many as the lines need
	queued    map[identity.UserKey][]*line     // by id, lines for which no session was online
	only      map[identity.SessionID]int       // how many of these are for one session alone
	last      uint64                           // the highest id ever put
	changed   []*line
	where     map[uint64][]whereStored        // while loading
	holders   map[uint64][]identity.SessionID // while loading
	handed    []Part                          // what Next returned
	patient   time.Time                       // before this no line is too old

	unstored bool
}

// NewOutbox makes an empty Outbox.
func NewOutbox() *Outbox {
	return &Outbox{
		sequences: map[identity.SessionID]*sequence{}, queued: map[identity.UserKey][]*line{}, only: map[identity.SessionID]int{},
		where: map[uint64][]whereStored{}, holders: map[uint64][]identity.SessionID{},
	}
}

// Put takes a line of 1 to 64 parts for the user to, or only for that user's session only. Its
// parts get the ids from first on, which must be above all earlier ones. online are the user's
// sessions that are online now. The last Progress is that of the line itself, unless it is
// refused; others are of lines that go before it, or make room for it. The slices belong to the
// Outbox afterwards. The errors are ErrOutboxFull and ErrLine.
func (o *Outbox) Put(now time.Time, first uint64, to identity.UserKey, only *identity.SessionID, parts []string, online []identity.SessionID) ([]Progress, error) {
	l := &line{id: first, to: to, parts: parts, at: now}
	if len(parts) == 0 || len(parts) > MaxParts || first == 0 || first <= o.last {
		return nil, ErrLine
	}
	for _, p := range parts {
		if len(p) == 0 || len(p) > MaxText {
			return nil, ErrLine
		}
		l.size += len(p)
	}
	if only != nil {
		l.only = *only
	}
	progress := o.Online(to, online)
	full := func() bool { return len(o.lines) >= MaxOutboxLines || o.bytes+l.size > MaxOutboxBytes }
	for full() {
		p, ok := o.makeRoom()
		if !ok {
			return progress, ErrOutboxFull
		}
		progress = append(progress, p)
	}
	o.last = first + uint64(len(parts)) - 1
	o.lines = append(o.lines, l)
	o.bytes += l.size
	l.bodyChanged = true
	o.change(l)
	o.queue(l)
	progress = append(progress, o.dispatch(to, online, false)...)
	if len(l.recipients) > 0 {
		return progress, nil
	}
	l.unwritten++
	return append(progress, l.progress()), nil
}

// Written says that what Put or Online returned is in the store, or cannot be put there. No line
// may be sent before that: if the process died then, the next run would not know the line. It
// returns what to tell of the line: p, brought up to date unless a later write of the line is
// under way; false: it has ended since, which was told then.
func (o *Outbox) Written(p Progress) (Progress, bool) {
	at, ok := o.find(p.ID)
	if !ok {
		return p, p.State >= DeliveryDelivered
	}
	l := o.lines[at]
	l.unwritten = max(l.unwritten-1, 0)
	if l.unwritten > 0 || l.state == p.State && l.acked == p.Acked && l.open == len(p.Waiting) {
		return p, true
	}
	return l.progress(), true
}

// makeRoom gives up the oldest line that at least one session already has.
func (o *Outbox) makeRoom() (Progress, bool) {
	for _, l := range o.lines {
		if l.acked > 0 {
			return o.abandon(l, ReasonNoRoom), true
		}
	}
	return Progress{}, false
}

// Online says which sessions of a user are online, after one came. Lines queued for them are sent
// now, marked late.
func (o *Outbox) Online(user identity.UserKey, online []identity.SessionID) []Progress {
	return o.dispatch(user, online, true)
}

func (o *Outbox) dispatch(user identity.UserKey, online []identity.SessionID, late bool) (sent []Progress) {
	waiting := o.queued[user]
	if len(waiting) == 0 || len(online) == 0 {
		return nil
	}
	rest := waiting[:0]
	for _, l := range waiting {
		to := online
		if !l.only.IsZero() {
			to = nil
			if slices.Contains(online, l.only) {
				to = []identity.SessionID{l.only}
			}
		}
		if len(to) == 0 {
			rest = append(rest, l)
			continue
		}
		o.unqueued(l)
		l.send(to)
		l.late = l.late || late
		l.whereMoved = true
		l.unwritten++
		o.change(l)
		for _, r := range l.recipients {
			o.enqueue(r)
		}
		sent = append(sent, l.progress())
	}
	clear(waiting[len(rest):])
	o.setQueued(user, rest)
	return sent
}

func (o *Outbox) queue(l *line) {
	o.queued[l.to] = append(o.queued[l.to], l)
	if !l.only.IsZero() {
		o.only[l.only]++
	}
}

// unqueued updates the counts for a line that leaves the queue.
func (o *Outbox) unqueued(l *line) {
	if l.only.IsZero() {
		return
	}
	if o.only[l.only]--; o.only[l.only] == 0 {
		delete(o.only, l.only)
	}
}

func (o *Outbox) setQueued(user identity.UserKey, rest []*line) {
	if len(rest) == 0 {
		delete(o.queued, user)
	} else {
		o.queued[user] = rest
	}
}

// enqueue adds a recipient to the sequence of its session.
func (o *Outbox) enqueue(r *recipient) {
	s := o.sequences[r.session]
	if s == nil {
		if len(o.sequences) >= maxSequences {
			maps.DeleteFunc(o.sequences, func(_ identity.SessionID, s *sequence) bool { return len(s.recipients) == 0 })
		}
		s = &sequence{}
		o.sequences[r.session] = s
	}
	s.add(r)
}

// Next hands out up to n parts for a session, in order; each is handed out once, until Lapsed,
// PutBack or Gap takes it back. Call it when the session is worth trying: after Put and Acked, on
// any authentic datagram from it, and by a timer. The slice is valid until the next call.
func (o *Outbox) Next(session identity.SessionID, n int) []Part {
	s := o.sequences[session]
	if s == nil {
		return nil
	}
	o.handed = s.next(o.handed[:0], n)
	return o.handed
}

// Lapsed takes back a part whose sends went unanswered. It is late now.
func (o *Outbox) Lapsed(session identity.SessionID, id uint64) { o.putBack(session, id, true) }

// PutBack takes back a part that could not be sent, or was answered busy.
func (o *Outbox) PutBack(session identity.SessionID, id uint64) { o.putBack(session, id, false) }

func (o *Outbox) putBack(session identity.SessionID, id uint64, late bool) {
	if s := o.sequences[session]; s != nil {
		if at, bit, ok := s.find(id); ok {
			s.recipients[at].late = s.recipients[at].late || late
			s.rest(at, bit)
		}
	}
}

// Acked says that a session has recorded a part. It returns Progress if that was the last missing
// part of its line.
func (o *Outbox) Acked(session identity.SessionID, id uint64) []Progress {
	s := o.sequences[session]
	if s == nil {
		return nil
	}
	at, bit, ok := s.find(id)
	if !ok || s.recipients[at].acked&bit != 0 {
		return nil
	}
	s.gaps.acked(id)
	r := s.recipients[at]
	r.acked |= bit
	r.flying &^= bit
	r.held &^= bit
	if at == 0 && r.missing()&(bit-1) == 0 {
		s.base = id // nothing before it is missing any more
	}
	arrived := r.missing() == 0
	if arrived {
		s.remove(at)
	}
	s.release(at, bit, arrived)
	if !arrived {
		return nil
	}
	r.arrived = true
	l := r.line
	l.acked++
	l.open--
	l.raise(DeliveryDelivered)
	return []Progress{o.moved(l)}
}

// Gap says that a session has no text of ours in order above have, and so cannot record the part id
// yet. If an earlier part is on its way, that goes first. If that part was cancelled, or the session
// forgot it, this one goes again and names another predecessor. wait: that has happened too often
// since the session acknowledged something, so sending it again must wait.
func (o *Outbox) Gap(session identity.SessionID, id, have uint64) (wait bool) {
	s := o.sequences[session]
	if s == nil {
		return false
	}
	at, bit, ok := s.find(id)
	if !ok || s.recipients[at].acked&bit != 0 {
		return false
	}
	forgot := s.forgot(have)
	if prev, waits := s.before(at, bit); waits && prev > have {
		r := s.recipients[at]
		r.flying &^= bit
		r.held |= bit
		return forgot && s.gaps.again(have)
	}
	s.rest(at, bit)
	return s.gaps.again(have)
}

// Refused says that a session will never record a part, nor its line. It returns the line's
// Progress.
func (o *Outbox) Refused(session identity.SessionID, id uint64, why Reason) []Progress {
	s := o.sequences[session]
	if s == nil {
		return nil
	}
	at, _, ok := s.find(id)
	if !ok {
		return nil
	}
	r := s.recipients[at]
	o.giveUp(r, why)
	return []Progress{o.moved(r.line)}
}

// moved stores a change of a line's recipients, and drops a line that cannot change any more.
func (o *Outbox) moved(l *line) Progress {
	l.whereMoved = true
	o.change(l)
	if l.open == 0 {
		if l.acked == 0 {
			l.raise(DeliveryUndelivered)
		}
		o.end(l)
	}
	return l.progress()
}
