package store

import (
	"testing"

	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
	"darkchat/sessions/sessiontest"
)

// A text is found however its letters, and those of the word, are composed; a letter with a
// mark is not the letter.
func TestSearchKnowsLettersHoweverComposed(t *testing.T) {
	d := newDiskTest(t)
	p := d.keeping(100)
	h := &History{}
	for i, text := range []string{
		"ein Gru\u00df aus K\u00f6ln", "ein Gru\u00df aus Ko\u0308ln",
		"\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af",
		"Angstrom \u212b", "KOELN",
	} {
		note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), Session: identity.SessionID{1}, ID: uint64(i + 1), Text: text})
	}
	for word, want := range map[string]string{
		"k\u00f6ln": "1 2", "KO\u0308LN": "1 2", "\u1112\u1161\u11ab": "3 4", "\ud55c\uae00": "3 4",
		"\u00e5": "5", "a\u030a": "5", "ko": "6", "gru": "1 2",
	} {
		if got := lineIDs(ask(t, p, HistoryQuery{Words: []string{word}})); got != want {
			t.Errorf("%+q: %s, want %s", word, got, want)
		}
	}
	d.close(p)
}

// What became of a line that was typed here stands beside it, across a restart and a compaction;
// it is no line itself: not for a search, a limit, or what came since the last typed line.
func TestHistoryHasTheEndOfALine(t *testing.T) {
	d := newDiskTest(t)
	p := d.keeping(100)
	h := &History{}
	from := identity.SessionID{1}
	note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), ID: 5, Text: "one"}, HistoryEntry{User: sessiontest.User(1), ID: 6, Text: "two"},
		HistoryEntry{User: sessiontest.User(1), ID: 7, Text: "three"}, HistoryEntry{User: sessiontest.User(1), Session: from, ID: 6, Text: "yes"})
	h.NoteEnd(sessiontest.Epoch, sessiontest.User(1), 6, LineEnd{Reason: mail.ReasonCancelled})
	h.NoteEnd(sessiontest.Epoch, sessiontest.User(1), 7, LineEnd{Reason: mail.ReasonTooOld, Acked: 1})
	note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), Session: from, ID: 8, Text: "and on"})
	for range 2 {
		page := ask(t, p, HistoryQuery{User: sessiontest.User(1)})
		want := []LineEnd{{}, {Reason: mail.ReasonCancelled}, {Reason: mail.ReasonTooOld, Acked: 1}, {}, {}}
		if len(page.Entries) != len(want) {
			t.Fatalf("%+v", page)
		}
		for i, e := range page.Entries {
			if e.End != want[i] {
				t.Errorf("%s: %+v, want %+v", e.Text, e.End, want[i])
			}
		}
		if got := lineIDs(ask(t, p, HistoryQuery{Since: true})); got != "6 8" {
			t.Errorf("since the last typed line: %s", got)
		}
		if got := ask(t, p, HistoryQuery{Words: []string{"two"}, Most: 1}); len(got.Entries) != 1 || got.More != 0 || got.Entries[0].End.Reason != mail.ReasonCancelled {
			t.Errorf("%+v", got)
		}
		d.close(p)
		p = d.keeping(100)
	}
	d.close(p)
}
