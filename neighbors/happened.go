package neighbors

import (
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
)

// A part of the node changes its own state and says what happened; it never calls another part.
// transitions.go lists what follows from each.

// transition is something that happened in a part and that others may have to follow.
type transition interface{ transition() }

type (
	// changed: a neighbour is online, suspected, lost or gone, or has a new record.
	changed struct{ e *edge }
	// lost: a suspicion was not refuted, or a place answers with another key.
	lost struct{ e *edge }
	// crowdedOut: a neighbour who is here gave way to another one.
	crowdedOut struct{ e *edge }
	// pathFailed: a suspected neighbour may be alive, and only the path to it broken.
	pathFailed struct{ e *edge }
	// doubted: something suggests that a neighbour may be gone; nobody suspects it yet.
	doubted struct{ e *edge }
	// accused: a neighbour says that it does not reach another one of ours.
	accused struct {
		e  *edge
		by identity.SessionID
	}
	// sighted: a neighbour says that a session is there which we do not reach.
	sighted struct {
		id identity.SessionID
		by *edge
	}
	// refound: a neighbour we know has found a session again that it had lost.
	refound struct{}
	// claimed: a neighbour tells something new of a session.
	claimed struct{}
	// senderUnknown: a neighbour brought a copy of a text whose sender we do not know.
	senderUnknown struct {
		sender identity.SessionID
		by     book.Session
	}
	// recordBrought: a neighbour has brought the verified record of another session.
	recordBrought struct {
		record identity.Record
		signed []byte
	}
	// meant: the person has shown by an act that they mean a user.
	meant struct{ user identity.UserKey }
	// wanted: a user is wanted who may not be here: they are looked for everywhere.
	wanted struct{ user identity.UserKey }
	// missed: the same, where they last were.
	missed struct{ user identity.UserKey }
	// restated: what our record says is no longer true.
	restated struct{}
	// texted: a text went to a neighbour.
	texted struct{ e *edge }
	// copyOpened: a copy that a friend brought is sound.
	copyOpened struct {
		sender book.Session
		id     uint64
		back   asker
		text   wire.Text
	}
	// progressed: lines of ours have got further by what a friend did.
	progressed struct{ list []mail.Progress }
	// receiptCame: a friend brought the receipt of a session for a text of ours.
	receiptCame struct {
		list   []mail.Progress
		friend identity.UserKey
		from   book.Session
		text   uint64
	}
)

func (changed) transition()       {}
func (lost) transition()          {}
func (crowdedOut) transition()    {}
func (pathFailed) transition()    {}
func (doubted) transition()       {}
func (accused) transition()       {}
func (sighted) transition()       {}
func (refound) transition()       {}
func (claimed) transition()       {}
func (senderUnknown) transition() {}
func (recordBrought) transition() {}
func (meant) transition()         {}
func (wanted) transition()        {}
func (missed) transition()        {}
func (restated) transition()      {}
func (texted) transition()        {}
func (copyOpened) transition()    {}
func (progressed) transition()    {}
func (receiptCame) transition()   {}
