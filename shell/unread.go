package shell

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"darkchat/neighbors"
)

const (
	maxUnread   = 256 // people whose lines are counted
	unreadNames = 2   // names that the prompt has room for
	unreadWidth = 16  // bytes of each
)

// unread counts, for the prompt, the lines of users outside the present conversation. Lines count
// until the person turns to their writer, or looks at what was said. Of new users the prompt shows
// only the number, until the person looks at who is at the door.
type unread struct {
	mu      sync.Mutex
	talking string                   // to this user
	counts  map[string]linesOf       // by user; at most maxUnread
	door    map[string]neighbors.Who // new users; at most maxUnread
}

// linesOf is how many lines somebody wrote.
type linesOf struct {
	who   neighbors.Who
	lines int
}

// knocked counts a new user.
func (u *unread) knocked(user string, who neighbors.Who) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user == u.talking || len(u.door) >= maxUnread {
		return
	}
	if u.door == nil {
		u.door = map[string]neighbors.Who{}
	}
	u.door[user] = who
}

// looked says that the person has looked at a new user; empty: at all of them.
func (u *unread) looked(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user == "" {
		clear(u.door)
	}
	delete(u.door, user)
}

// came counts a line.
func (u *unread) came(from string, who neighbors.Who) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if from == u.talking || u.counts[from].lines == 0 && len(u.counts) >= maxUnread {
		return
	}
	if u.counts == nil {
		u.counts = map[string]linesOf{}
	}
	u.counts[from] = linesOf{who, u.counts[from].lines + 1}
}

// called is a user and what they were called when they wrote.
type called struct {
	name string
	who  neighbors.Who
}

// users lists the users with unread lines.
func (u *unread) users() (list []called) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for name, l := range u.counts {
		list = append(list, called{name, l.who})
	}
	for name, who := range u.door {
		list = append(list, called{name, who})
	}
	return list
}

// rename says what users are called now; empty: as before.
func (u *unread) rename(users []called, names []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	counts, door := map[string]linesOf{}, map[string]neighbors.Who{}
	for i, was := range users {
		if names[i] == "" || names[i] == was.name {
			continue
		}
		// All are taken out first: two may have swapped names.
		if l := u.counts[was.name]; l.who == was.who && l.lines > 0 {
			delete(u.counts, was.name)
			counts[names[i]] = l
		}
		if who, ok := u.door[was.name]; ok && who == was.who {
			delete(u.door, was.name)
			door[names[i]] = who
		}
	}
	for name, l := range counts {
		if old := u.counts[name]; old.who == l.who {
			l.lines += old.lines
		}
		u.counts[name] = l
	}
	maps.Copy(u.door, door)
}

// talk says whom the person talks to; empty: nobody.
func (u *unread) talk(to string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.talking = to
	delete(u.counts, to)
	delete(u.door, to)
}

// seen says that the person has looked at what was said with a user; empty: with all.
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

// text is its part of the prompt: "(2 new: carol) [3 at the door]"; empty: nothing is unread.
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

// lines says which known users wrote.
func (u *unread) lines() string {
	sum, names := 0, make([]string, 0, len(u.counts))
	for name, l := range u.counts {
		sum += l.lines
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
