package shell

import (
	"context"
	"time"
)

// backlogPatience is how long a line waits for room in the outbox while nothing
// is being delivered.
const backlogPatience = 2 * time.Second

// backlog lets lines of a pipe wait while the outbox is full but moving. Once it has stood
// still for backlogPatience no line waits until it moves again.
type backlog struct {
	moved chan struct{} // a text of ours was delivered, or given up
	still bool
}

func newBacklog() *backlog { return &backlog{moved: make(chan struct{}, 1)} }

// wait waits for movement and says whether it is worth trying again.
func (b *backlog) wait(ctx context.Context) bool {
	if b.still {
		select {
		case <-b.moved:
			b.still = false
			return true
		default:
			return false
		}
	}
	timer := time.NewTimer(backlogPatience)
	defer timer.Stop()
	select {
	case <-b.moved:
		return true
	case <-timer.C:
		b.still = true
	case <-ctx.Done():
	}
	return false
}
