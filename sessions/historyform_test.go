package sessions

import "testing"

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
		note(t, p, h, epoch, HistoryEntry{User: userOf(1), Session: SessionID{1}, ID: uint64(i + 1), Text: text})
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
