package neighbors

import "darkchat/sessions/budget"

// Waiting is how many askers are to be answered about texts later, and how many texts wait: for an
// earlier one, for the disk, or for the screen.
func (n *Node) Waiting() (waiting, texts int) {
	return len(n.inbound.waiting), n.usedAll(budget.Held) + n.usedAll(budget.Handles) + len(n.core.writes.gathered.shown) + n.unsureShown()
}

// WaitingEarlier is the same of those that wait for an earlier one alone.
func (n *Node) WaitingEarlier() (waiting, texts int) {
	return len(n.inbound.waiting), n.usedAll(budget.Held)
}

func (n *Node) usedAll(of budget.Pool) (sum int) {
	for c := range budget.Classes {
		sum += n.core.budget.Used(of, budget.Class(c))
	}
	return sum
}

func (n *Node) unsureShown() (sum int) {
	for _, w := range n.core.writes.unsure {
		sum += len(w.shown)
	}
	return sum
}
