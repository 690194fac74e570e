package shell

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	maxUnread   = 256 // people whose lines are counted
	unreadNames = 2   // that the prompt has room for
	unreadWidth = 16  // bytes of each
)

// unread counts the lines of those one does not talk to just now, for the prompt. Lines
// are counted until one turns to who wrote them, or looks at what was said.
type unread struct {
	mu      sync.Mutex
	talking string         // to this user
	counts  map[string]int // by user; at most maxUnread
}

// came counts a line; true: the prompt has changed.
func (u *unread) came(from string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if from == u.talking || u.counts[from] == 0 && len(u.counts) >= maxUnread {
		return false
	}
	if u.counts == nil {
		u.counts = map[string]int{}
	}
	u.counts[from]++
	return true
}

// talk says whom one talks to; empty: nobody.
func (u *unread) talk(to string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.talking = to
	delete(u.counts, to)
}

// seen says that one has looked at what was said with a user; empty: with all.
func (u *unread) seen(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user == "" {
		clear(u.counts)
	}
	delete(u.counts, user)
}

// text is what the prompt says of it: "2 new: carol"; empty: nothing is unread.
func (u *unread) text() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	sum, names := 0, make([]string, 0, len(u.counts))
	for name, n := range u.counts {
		sum += n
		names = append(names, name)
	}
	if sum == 0 {
		return ""
	}
	slices.Sort(names)
	more := ""
	if len(names) > unreadNames {
		names, more = names[:unreadNames], ", ..."
	}
	for i, n := range names {
		names[i] = sanitize(cut(n, unreadWidth), "")
	}
	return strconv.Itoa(sum) + " new: " + strings.Join(names, ", ") + more
}
