package neighbors

import (
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// edges are the sessions that we keep in touch with (N1).
type edges struct {
	*core
	byID     map[sessions.SessionID]*edge // the pool Edges bounds them
	order    []sessions.SessionID         // of byID, sorted; nil: to be made anew
	timers   timers
	onlineOf [budget.Classes]int // edges to sessions that are online, by class
}

func newEdges(c *core) *edges { return &edges{core: c, byID: map[sessions.SessionID]*edge{}} }
