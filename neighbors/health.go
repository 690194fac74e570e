package neighbors

import "time"

// maxHealth bounds the local health score, as Lifeguard does.
const maxHealth = 8

// health is how much this node trusts its own ears: 0 is well. A node whose probes and
// questions all stay unanswered is more likely cut off, or too busy to read, than all
// the others are dead; it then waits longer before it says so.
type health struct{ score int }

func (h *health) worse()  { h.score = min(h.score+1, maxHealth) }
func (h *health) better() { h.score = max(h.score-1, 0) }

// stretch lengthens a wait by the score.
func (h *health) stretch(d time.Duration) time.Duration { return d * time.Duration(h.score+1) }
