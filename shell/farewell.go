package shell

import (
	"strings"

	"darkchat/neighbors"
)

// maxFarewell is how many of the users for whom something still waits are named at the end.
const maxFarewell = 8

// farewell says which lines are left behind, and for whom: those that nobody has acknowledged yet. It
// is empty if there are none. kept says that they will be there at the next start.
func farewell(lines []neighbors.OutboxLine, kept bool) string {
	type owed struct{ to, by string }
	var all []owed
	counts, sum := map[owed]int{}, 0
	for _, l := range lines {
		if l.Acked > 0 {
			continue
		}
		sum++
		o := owed{l.To, l.By}
		if counts[o]++; counts[o] == 1 {
			all = append(all, o)
		}
	}
	if sum == 0 {
		return ""
	}
	var parts []string
	for _, o := range all[:min(len(all), maxFarewell)] {
		part := plainCount(counts[o]) + " for " + o.to
		if o.by != "" {
			part += " (held by " + o.by + ")"
		}
		parts = append(parts, part)
	}
	text := plural(sum, "line") + " not delivered yet: " + strings.Join(parts, ", ")
	if more := len(all) - maxFarewell; more > 0 {
		text += " and " + plainCount(more) + " more"
	}
	if !kept {
		return text + "; nothing is kept here, so what no friend holds is lost"
	}
	return text + `; the next run goes on with it, and \outbox shows it then`
}
