package wire

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	want := map[string]string{
		"text":                     "text id=300 attempt=1 prev=299 bytes=3",
		"late part with an ack":    "text id=7 attempt=5 prev=6 bytes=1 part=3/64 acks=1",
		"ack with padding":         "ack id=0 pad=3 acks=1",
		"declareOnline":            "declareOnline id=1 attempt=1 record=1",
		"declareOffline":           "declareOffline id=2 attempt=3 record=2",
		"probe":                    "requestPing id=18446744073709551615 probe",
		"forwarded half of a find": "requestPing id=4 attempt=1 find session=0102030405060708 by=0102030405060708",
		"requestUserList":          "requestUserList id=5 attempt=1 of=0102030405060708 credit=8",
		"deliverKnownList":         "deliverKnownList id=0 request=5 summaries=2 records=2",
	}
	var all []Message
	for _, c := range codecCases() {
		if w, ok := want[c.name]; ok && c.m.Summary() != w {
			t.Errorf("%s: %q, want %q", c.name, c.m.Summary(), w)
		}
		all = append(all, c.m)
	}
	all = append(all, Message{ID: 1, Body: Text{Parts: 1, Text: "the secret\n\x1b[2J"}})
	var line string
	for _, m := range all {
		line += m.Summary() + "; "
	}
	if strings.Contains(line, "secret") || strings.ContainsAny(line, "\n\x1b") || strings.Contains(line, "ann") {
		t.Errorf("what people say is in the log: %q", line)
	}
	if (Message{}).Summary() != "nothing" {
		t.Error((Message{}).Summary())
	}
}
