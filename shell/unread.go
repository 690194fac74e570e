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
// are counted until one turns to who wrote them, or looks at what was said. Of new users
// the prompt has but the number, until one looks who is at the door.
type unread struct {
	mu      sync.Mutex
	talking string          // to this user
	counts  map[string]int  // by user; at most maxUnread
	door    map[string]bool // new users; at most maxUnread
}

// knocked counts a new user; true: the prompt has changed.
func (u *unread) knocked(user string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user == u.talking || u.door[user] || len(u.door) >= maxUnread {
		return false
	}
	if u.door == nil {
		u.door = map[string]bool{}
	}
	u.door[user] = true
	return true
}

// looked says that one has looked at a new user; empty: at all.
func (u *unread) looked(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user == "" {
		clear(u.door)
	}
	delete(u.door, user)
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
	delete(u.door, to)
}

// seen says that one has looked at what was said with a user; empty: with all.
func (u *unread) seen(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user == "" {
		clear(u.counts)
		clear(u.door)
	}
	delete(u.counts, user)
	delete(u.door, user)
}

// text is what the prompt says of it: "(2 new: carol) [3 at the door]"; empty: nothing is
// unread.
func (u *unread) text() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := u.lines()
	if len(u.door) == 0 {
		return text
	}
	if text != "" {
		text += " "
	}
	more := ""
	if len(u.door) == maxUnread {
		more = "+"
	}
	return text + "[" + strconv.Itoa(len(u.door)) + more + " at the door]"
}

// lines says who wrote of those one knows.
func (u *unread) lines() string {
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
	return "(" + strconv.Itoa(sum) + " new: " + strings.Join(names, ", ") + more + ")"
}
