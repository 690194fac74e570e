package main

import "time"

// event is one line of -json output.
type event struct {
	Event, User, Session, Trust, Reason, Fingerprint string
	ID, From, Text, Sent, To, State, Input           string
	By, Addr, Path, Via, Why                         string
	Listen, Waiting                                  []string
	Acked, Sessions                                  int
	Late                                             bool
	RTT                                              float64 `json:"rtt_ms"`
	Users                                            []userLine
	raw                                              string
	at                                               time.Time // when its line was read
}

// userLine is one user of a users event.
type userLine struct {
	Name, State, Trust string
	Online             bool
	Sessions           []sessionLine
}

type sessionLine struct {
	ID, Addr string
	Online   bool
}

func (e event) String() string { return e.raw }

// is returns a test for an event of a kind that concerns a text.
func is(kind, text string) func(event) bool {
	return func(e event) bool { return e.Event == kind && e.Text == text }
}

// delivered returns a test for the delivery of acked of sessions.
func delivered(id string, acked, sessions int) func(event) bool {
	return func(e event) bool {
		return e.Event == "delivery" && (id == "" || e.ID == id) && e.Acked == acked && e.Sessions == sessions
	}
}
