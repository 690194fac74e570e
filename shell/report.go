package shell

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"darkchat/neighbors"
)

// A report is one event as it is printed: its JSON is the value itself, its
// text is what text writes. The keys are a contract with other programs; they
// are never renamed, and what does not apply is left out.
type report interface {
	text(p *page, look view)
}

// view is what the text of a report needs to know of the reader.
type view struct {
	now   time.Time
	zone  *time.Location
	width int // columns of the screen
}

// encoder makes JSON lines from reports, one after the other in the same buffer.
type encoder struct {
	room bytes.Buffer
	json *json.Encoder
}

func newEncoder() *encoder {
	e := new(encoder)
	e.json = json.NewEncoder(&e.room)
	e.json.SetEscapeHTML(false)
	return e
}

// line gives the report as one JSON line, safe to print and valid until the next.
func (e *encoder) line(r report) []byte {
	e.room.Reset()
	if err := e.json.Encode(r); err != nil {
		panic("BUG: a report cannot be encoded: " + err.Error())
	}
	return escapeJSON(e.room.Bytes())
}

type readyReport struct {
	Event       string   `json:"event"`
	User        string   `json:"user"`
	Session     string   `json:"session"`
	Fingerprint string   `json:"fingerprint"`
	Listen      []string `json:"listen"`
	seed        bool
}

type presenceReport struct {
	Event   string `json:"event"`
	User    string `json:"user"`
	Session string `json:"session"`
	Trust   string `json:"trust,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Seed    bool   `json:"seed,omitempty"`
}

type heardReport struct {
	Event   string `json:"event"`
	User    string `json:"user"`
	Session string `json:"session"`
	State   string `json:"state"`
	Via     string `json:"via,omitempty"`
	Trust   string `json:"trust"`
}

type awayReport struct { // of others, and of oneself by \away
	Event   string `json:"event"`
	User    string `json:"user"`
	Session string `json:"session"`
	Trust   string `json:"trust,omitempty"`
	Away    bool   `json:"away"`
	own     bool
}

type notifyReport struct {
	Event string `json:"event"`
	Level string `json:"level"`
}

type messageReport struct {
	Event   string `json:"event"`
	ID      string `json:"id"`
	From    string `json:"from"`
	Session string `json:"session"`
	Text    string `json:"text"`
	Sent    string `json:"sent"`
	Trust   string `json:"trust"`
	Late    bool   `json:"late,omitempty"`
	Via     string `json:"via,omitempty"`
	Missing string `json:"missing,omitempty"`
	sent    time.Time
}

type deliveryReport struct {
	Event    string   `json:"event"`
	ID       string   `json:"id"`
	To       string   `json:"to"`
	State    string   `json:"state"`
	Acked    *int     `json:"acked,omitempty"`
	Sessions *int     `json:"sessions,omitempty"`
	Waiting  []string `json:"waiting,omitempty"`
	By       string   `json:"by,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Text     string   `json:"text,omitempty"`
}

type chatReport struct {
	Event   string `json:"event"`
	User    string `json:"user"`
	Session string `json:"session,omitempty"`
	online  bool
}

type pongReport struct {
	Event   string  `json:"event"`
	Addr    string  `json:"addr,omitempty"`
	User    string  `json:"user,omitempty"`
	Session string  `json:"session,omitempty"`
	RTT     float64 `json:"rtt_ms"`
	Path    string  `json:"path,omitempty"`
}

type pathReport struct {
	Event   string  `json:"event"`
	User    string  `json:"user"`
	Session string  `json:"session"`
	Path    string  `json:"path,omitempty"` // empty: it is not reached
	RTT     float64 `json:"rtt_ms,omitempty"`
	Why     string  `json:"why,omitempty"`
}

type errorReport struct {
	Event string `json:"event"`
	Input string `json:"input,omitempty"`
	Text  string `json:"text"`
}

type textReport struct { // notice, help
	Event string `json:"event"`
	Text  string `json:"text"`
}

type byeReport struct {
	Event string `json:"event"`
}

// newReport turns an event of the node into a report; nil for events that print nothing.
func newReport(e neighbors.Event) report {
	switch e := e.(type) {
	case neighbors.CameOnline:
		return presenceReport{Event: "online", User: e.User, Session: e.Session, Trust: e.Trust, Seed: e.Seed}
	case neighbors.WentOffline:
		return presenceReport{Event: "offline", User: e.User, Session: e.Session, Trust: e.Trust, Reason: e.Reason, Seed: e.Seed}
	case neighbors.FirstContact:
		text := "new: " + e.User + " (" + e.Fingerprint + `) - \accept ` + e.User + `, \verify ` + e.User + ` or \block ` + e.User
		if e.Seed {
			text = "new: " + e.User + " (" + e.Fingerprint + `), a seed - \verify ` + e.User + ` or \block ` + e.User
		}
		if e.Mixed {
			text += "; the name mixes scripts and may imitate another"
		}
		return textReport{Event: "notice", Text: text}
	case neighbors.Knock:
		return knockReport{Event: "knock", User: e.User, Fingerprint: e.Fingerprint, Via: e.Via}
	case neighbors.HeardOf:
		return heardReport{Event: "heard", User: e.User, Session: e.Session, State: string(e.State), Via: e.Via, Trust: e.Trust}
	case neighbors.WentAway:
		return awayReport{Event: "away", User: e.User, Session: e.Session, Trust: e.Trust, Away: e.Away}
	case neighbors.Incoming:
		return messageReport{Event: "message", ID: number(e.ID), From: e.From, Session: e.Session, Text: e.Text,
			Sent: stamp(e.Sent), Trust: e.Trust, Late: e.Late, Via: e.Via, Missing: e.Missing, sent: e.Sent}
	case neighbors.Delivery:
		return newDelivery(e)
	case neighbors.Pong:
		return pongReport{Event: "pong", Addr: address(e.Addr), User: e.User, Session: e.Session,
			RTT: milliseconds(e.RTT), Path: e.Path}
	case neighbors.PathChange:
		return pathReport{Event: "path", User: e.User, Session: e.Session, Path: e.Path,
			RTT: milliseconds(e.RTT), Why: e.Why}
	case neighbors.Failed:
		return errorReport{Event: "error", Text: e.Text}
	case neighbors.Exploded:
		return explodeReport{Event: "explode", Neighbors: e.Neighbors, Reached: e.Reached, Beyond: e.Beyond,
			Datagrams: e.Datagrams, Silent: e.Silent}
	case neighbors.Notice:
		return textReport{Event: "notice", Text: e.Text}
	}
	return nil // Done: the event before it said all
}

func newDelivery(e neighbors.Delivery) deliveryReport {
	r := deliveryReport{Event: "delivery", ID: number(e.ID), To: e.To, State: string(e.State),
		Waiting: e.Waiting, By: e.By, Reason: e.Reason, Text: e.Text}
	if e.Sessions > 0 {
		r.Acked, r.Sessions = &e.Acked, &e.Sessions
	}
	return r
}

func newReady(self neighbors.Self) readyReport {
	return readyReport{Event: "ready", User: self.Name, Session: self.Session, Fingerprint: self.Fingerprint,
		Listen: addresses(self.Listen), seed: self.Seed}
}

// number writes an id; ids are strings because they may exceed what a double holds.
func number(id uint64) string { return strconv.FormatUint(id, 10) }

// stamp writes a time in UTC with milliseconds (RFC 3339); empty for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// milliseconds has three digits after the point.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)/time.Microsecond) / 1000
}

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// addresses is never nil: an empty list is [].
func addresses(all []netip.AddrPort) []string {
	out := make([]string, 0, len(all))
	for _, a := range all {
		if a.IsValid() {
			out = append(out, a.String())
		}
	}
	return out
}
