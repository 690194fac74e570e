package shell

import (
	"darkchat/neighbors"
)

// The reports of macros that list something.

type usersReport struct {
	Event  string    `json:"event"`
	Filter string    `json:"filter"`
	Users  []userRow `json:"users"`
}

type userRow struct {
	Name     string       `json:"name"`
	Online   bool         `json:"online"`
	State    string       `json:"state"`
	Via      string       `json:"via,omitempty"`
	Trust    string       `json:"trust"`
	Seed     bool         `json:"seed,omitempty"`
	Sessions []sessionRow `json:"sessions"`
}

type sessionRow struct {
	ID        string `json:"id"`
	Addr      string `json:"addr,omitempty"`
	Online    bool   `json:"online"`
	Via       string `json:"via,omitempty"`
	LastHeard string `json:"last_heard,omitempty"`
}

type prunedReport struct {
	Event  string `json:"event"`
	Pruned int    `json:"pruned"`
}

type whoamiReport struct {
	Event       string   `json:"event"`
	User        string   `json:"user"`
	Session     string   `json:"session"`
	Fingerprint string   `json:"fingerprint"`
	Listen      []string `json:"listen"`
	Paste       []string `json:"paste,omitempty"`
	Seed        bool     `json:"seed,omitempty"`
}

type verifyReport struct {
	Event       string `json:"event"`
	User        string `json:"user"`
	Fingerprint string `json:"fingerprint"`
	Mine        string `json:"mine"`
	Trust       string `json:"trust"`
}

type blockReport struct { // block, unblock
	Event string `json:"event"`
	User  string `json:"user"`
}

type explodeReport struct {
	Event     string `json:"event"`
	Neighbors int    `json:"neighbors"`
	Reached   int    `json:"reached"`
	// The sessions two edges away to which it was passed on, the datagrams that it cost, and
	// the neighbours that did not answer.
	Beyond    int      `json:"beyond"`
	Datagrams int      `json:"datagrams"`
	Silent    []string `json:"silent,omitempty"`
}

type outboxReport struct {
	Event string      `json:"event"`
	Lines []outboxRow `json:"lines"`
}

type outboxRow struct {
	ID        string   `json:"id"`
	To        string   `json:"to"`
	State     string   `json:"state"`
	Sent      string   `json:"sent,omitempty"`
	Bytes     int      `json:"bytes,omitempty"`
	Acked     *int     `json:"acked,omitempty"`
	Sessions  *int     `json:"sessions,omitempty"`
	Delivered []string `json:"delivered,omitempty"`
	Waiting   []string `json:"waiting,omitempty"`
	By        string   `json:"by,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Attempts  int      `json:"attempts,omitempty"`
	Next      string   `json:"next_try,omitempty"`
	line      neighbors.OutboxLine
}

type statusReport struct { // status, cancel
	Event string `json:"event"`
	outboxRow
}

type statsReport struct {
	Event string            `json:"event"`
	Stats map[string]uint64 `json:"stats"`
	list  []neighbors.Stat
}

type sourcesReport struct {
	Event   string      `json:"event"`
	Sources []sourceRow `json:"sources"`
}

type sourceRow struct {
	Source string   `json:"source"`
	Users  []string `json:"users"`
	Addrs  []string `json:"addrs"`
}

func newUsers(filter neighbors.Filter, users []neighbors.UserView) usersReport {
	r := usersReport{Event: "users", Filter: string(filter), Users: make([]userRow, 0, len(users))}
	for _, u := range users {
		row := userRow{Name: u.Name, Online: u.Online, State: string(u.State), Via: u.Via, Trust: u.Trust, Seed: u.Seed,
			Sessions: make([]sessionRow, 0, len(u.Sessions))}
		for _, s := range u.Sessions {
			row.Sessions = append(row.Sessions, sessionRow{ID: s.ID, Addr: address(s.Addr), Online: s.Online, Via: s.Via,
				LastHeard: stamp(s.LastHeard)})
		}
		r.Users = append(r.Users, row)
	}
	return r
}

func newWhoami(self neighbors.Self) whoamiReport {
	return whoamiReport{Event: "whoami", User: self.Name, Session: self.Session, Fingerprint: self.Fingerprint,
		Listen: addresses(self.Listen), Paste: pasteLines(addresses(self.Listen)), Seed: self.Seed}
}

func newOutbox(lines []neighbors.OutboxLine) outboxReport {
	r := outboxReport{Event: "outbox", Lines: make([]outboxRow, 0, len(lines))}
	for _, l := range lines {
		r.Lines = append(r.Lines, newRow(l))
	}
	return r
}

func newRow(l neighbors.OutboxLine) outboxRow {
	row := outboxRow{ID: number(l.ID), To: l.To, State: string(l.State), Sent: stamp(l.Sent), Bytes: l.Bytes,
		Delivered: l.Delivered, Waiting: l.Waiting, By: l.By, Reason: l.Reason, Attempts: l.Attempts, Next: stamp(l.Next), line: l}
	if l.Sessions > 0 {
		row.Acked, row.Sessions = &l.Acked, &l.Sessions
	}
	return row
}

func newStats(list []neighbors.Stat) statsReport {
	r := statsReport{Event: "stats", Stats: make(map[string]uint64, len(list)), list: list}
	for _, s := range list {
		r.Stats[s.Name] = s.Value
	}
	return r
}

func newSources(list []neighbors.PresenceView) sourcesReport {
	r := sourcesReport{Event: "presence", Sources: make([]sourceRow, 0, len(list))}
	for _, v := range list {
		row := sourceRow{Source: v.Source, Users: v.Users, Addrs: addresses(v.Addrs)}
		if row.Users == nil {
			row.Users = []string{}
		}
		r.Sources = append(r.Sources, row)
	}
	return r
}

// maxPasteLines bounds the addresses of a first screen; \whoami has the same.
const maxPasteLines = 4

// pasteLines are what others type to reach us, one a usable address.
func pasteLines(listen []string) (lines []string) {
	for _, addr := range listen[:min(len(listen), maxPasteLines)] {
		if host, port, _, err := splitPort(addr); err == nil {
			lines = append(lines, `\ping `+host+" "+port)
		}
	}
	return lines
}
