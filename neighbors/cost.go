package neighbors

import (
	"bytes"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
)

// What a message costs the loop, in microseconds, as BenchmarkCosts measures it. It is charged
// to the pool Work before the message is handled. Checking a signature outweighs all else.
const (
	costMessage   = 5   // to look at it and answer
	costText      = 30  // windows, the journal, the screen
	costSignature = 100 // to check one, or to make one
	costSummary   = 2   // to compare one summary with what is known
	costList      = 50  // to make one of our neighbours
	costRelay     = 25  // to carry one datagram on
	costCopy      = 300 // to open a held copy, with each of two keys, and check the signature in it (BenchmarkCopyCost)
)

// cost is what a message of a session will cost.
func (co *core) cost(m *wire.Message, from *book.Session) float64 {
	switch b := m.Body.(type) {
	case wire.Text:
		return costText
	case wire.Online:
		if len(b.Record) > 0 && !bytes.Equal(b.Record, from.Record) {
			return costMessage + costSignature
		}
	case wire.Offline:
		return costMessage + costSignature
	case wire.Ping:
		switch b.Scope {
		case wire.ScopeFind:
			return costMessage + 2*costSignature
		case wire.ScopeExplode:
			return costMessage + 2*costSignature + costList
		}
		return 2 * costMessage
	case wire.ListRequest:
		return costList
	case wire.List:
		return costMessage + costSummary*float64(len(b.Summaries)) + costSignature*float64(len(b.Records))
	case wire.Relay:
		return costRelay
	}
	return costMessage
}

// affords has a session pay for work, and says whether it may.
func (co *core) affords(now time.Time, s book.Session, cost float64) bool {
	return co.budget.Spend(now, budget.Work, co.edges.payer(s.ID), cost)
}
