package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// codecCase is one message beside its bytes: hex with comments behind "--".
type codecCase struct {
	name string
	m    Message
	hex  string
}

var someSession = []byte{1, 2, 3, 4, 5, 6, 7, 8}

func codecCases() []codecCase {
	return []codecCase{
		{"text",
			Message{ID: 300, Attempt: 1, Body: Text{Prev: 299, Sent: 1_700_000_000_000, Parts: 1, Text: "hé"}},
			`81              -- one message
			 85 06 19012c 01 80 -- text, id 300, attempt 1, no acks
			 87 19012b 1b0000018bcfe56800 00 00 01 6368c3a9 40 -- prev, sent, on time, part 0 of 1, text, ext`},
		{"late part with an ack",
			Message{ID: 7, Attempt: 5, Acks: []Ack{{Kind: KindText, ID: 9, Attempt: 2, Result: ResultGap, Have: 8}},
				Body: Text{Prev: 6, Late: true, Part: 2, Parts: 64, Text: "x"}},
			`81 85 06 07 05 81 85 06 09 02 01 08 -- id 7, attempt 5; text 9, attempt 2: gap, have 8
			 87 06 00 01 02 1840 6178 40`},
		{"ack with padding",
			Message{Acks: []Ack{{Kind: KindOnline, ID: 1 << 40, Attempt: 1}}, Body: Acknowledgement{Pad: 3}},
			`81 85 07 00 00 81 85 01 1b0000010000000000 01 00 00 81 43 000000`},
		{"declareOnline",
			Message{ID: 1, Attempt: 1, Body: Online{Record: []byte{0xaa}, Observed: netip.MustParseAddrPort("192.0.2.1:6789")}},
			`81 85 01 01 01 80 83 41 aa 46 c0000201 1a85 40`},
		{"declareOnline, IPv6, no record",
			Message{ID: 1, Attempt: 1, Body: Online{Observed: netip.MustParseAddrPort("[2001:db8::1]:1")}},
			`81 85 01 01 01 80 83 40 52 20010db8000000000000000000000001 0001 40`},
		{"declareOffline",
			Message{ID: 2, Attempt: 3, Body: Offline{Record: []byte{1, 2}}},
			`81 85 02 02 03 80 82 42 0102 40`},
		{"probe",
			Message{ID: 1<<64 - 1, Body: Ping{}},
			`81 85 03 1bffffffffffffffff 00 80 8a 00 60 40 40 40 80 40 82 00 40 40 40`},
		{"reach",
			Message{ID: 3, Body: Ping{Scope: ScopeReach, Session: someSession}},
			`81 85 03 03 00 80 8a 03 60 40 48 0102030405060708 40 80 40 82 00 40 40 40`},
		{"explode",
			Message{ID: 3, Attempt: 1, Body: Ping{Scope: ScopeExplode, Record: []byte{9}, Targets: []PeerID{{1}, {2}}}},
			`81 85 03 03 01 80 8a 02 60 40 40 41 09 80 40 82 00 40 50 0100000000000000 0200000000000000 40`},
		{"forwarded half of a find",
			Message{ID: 4, Attempt: 1, Body: Ping{
				Scope: ScopeFind, Name: "ann", Session: someSession, Record: []byte{9},
				Addrs: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:256")}, By: someSession,
				Ticket: Ticket{Number: 24, Sig: bytes.Repeat([]byte{5}, 64)}}},
			`81 85 03 04 01 80 8a 01 63616e6e 40 48 0102030405060708 41 09 81 46 0a000001 0100
			 48 0102030405060708 82 1818 5840` + strings.Repeat("05", 64) + ` 40 40`},
		{"requestUserList",
			Message{ID: 5, Attempt: 1, Body: ListRequest{Of: someSession, Digest: []byte{7}, Credit: 8}},
			`81 85 04 05 01 80 85 48 0102030405060708 41 07 40 08 40`},
		{"relay",
			Message{Body: Relay{Session: PeerID(someSession), Datagram: append([]byte{0x84, 0x15, 1, 1, 0x50}, bytes.Repeat([]byte{0xee}, 16)...)}},
			`81 85 08 00 00 80 83 48 0102030405060708 55 84 15 01 01 50` + strings.Repeat("ee", 16) + ` 40`},
		{"hold",
			Message{ID: 4, Attempt: 1, Body: Hold{To: PeerID(someSession), From: PeerID{9}, Text: 300, Sealed: []byte{1, 2}}},
			`81 85 09 04 01 80 85 48 0102030405060708 48 0900000000000000 19012c 42 0102 40`},
		{"receipt",
			Message{ID: 4, Attempt: 1, Body: Receipt{From: PeerID(someSession), To: PeerID{9}, Text: 300, Result: ResultTooOld, Sig: bytes.Repeat([]byte{5}, 64)}},
			`81 85 0a 04 01 80 86 48 0102030405060708 48 0900000000000000 19012c 05 5840` + strings.Repeat("05", 64) + ` 40`},
		{"news",
			Message{Body: List{Summaries: []Summary{{PeerID{1}, 1, SummarySuspect}, {PeerID{2}, 0, SummaryLost}}}},
			`81 85 05 00 00 80 86 00 82 83 48 0100000000000000 01 03 83 48 0200000000000000 00 04 80 40 00 40`},
		{"deliverKnownList",
			Message{Body: List{Request: 5, Summaries: []Summary{{PeerID{1}, MaxSeq, 2}, {PeerID{2}, 0, 0}},
				Records: [][]byte{{1}, {2, 2}}, Next: someSession, Total: 3}},
			`81 85 05 00 00 80 86 05 82 83 48 0100000000000000 1b001fffffffffffff 02 83 48 0200000000000000 00 00
			 82 41 01 42 0202 48 0102030405060708 03 40`},
		{"part of a list",
			Message{Body: List{Request: 5, Summaries: []Summary{{PeerID{0x21}, 7, 1}}, Total: 9, Part: true, Buckets: 0x8004}},
			`81 85 05 00 00 80 86 05 81 83 48 2100000000000000 07 01 80 40 09 42 8004`},
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var clean strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "--")
		clean.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(clean.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCodecTable(t *testing.T) {
	seen := map[Kind]bool{}
	for _, c := range codecCases() {
		want := unhex(t, c.hex)
		seen[c.m.Kind()] = true
		got, err := AppendMessages(nil, []Message{c.m})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: encoded %x, %v; want %x", c.name, got, err, want)
		}
		if n := c.m.Size() + 1; n != len(want) {
			t.Errorf("%s: size %d, want %d", c.name, n, len(want))
		}
		ms, skipped, err := ParseMessages(want)
		if err != nil || skipped != 0 || len(ms) != 1 || !reflect.DeepEqual(ms[0], c.m) {
			t.Errorf("%s: decoded %+v, %d skipped, %v; want %+v", c.name, ms, skipped, err, c.m)
		}
		for i := range want {
			if _, _, err := ParseMessages(want[:i]); err == nil {
				t.Errorf("%s: the first %d bytes of %d are accepted", c.name, i, len(want))
			}
		}
		if _, _, err := ParseMessages(append(want[:len(want):len(want)], 0)); err == nil {
			t.Errorf("%s: a byte behind it is accepted", c.name)
		}
	}
	for k := KindOnline; k <= KindReceipt; k++ {
		if !seen[k] {
			t.Errorf("%v is not in the table", k)
		}
	}
}

func TestCodecEmpty(t *testing.T) {
	b, err := AppendMessages(nil, nil)
	if err != nil || !bytes.Equal(b, []byte{0x80}) {
		t.Fatalf("%x, %v", b, err)
	}
	if ms, _, err := ParseMessages(b); err != nil || len(ms) != 0 {
		t.Fatalf("%v, %v", ms, err)
	}
}

// What the library alone would let through (null, integers for bytes, long integers)
// and what shape alone does not say.
func TestCodecRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                  ``,
		"null":                     `f6`,
		"not an array":             `00`,
		"indefinite array":         `9f ff`,
		"long array head":          `9800`,
		"65 messages":              `9841` + strings.Repeat("8507000080 8140", 65),
		"long kind":                `81 85 1806 02 01 80 87 00 00 00 00 01 6178 40`,
		"long id":                  `81 85 06 1802 01 80 87 00 00 00 00 01 6178 40`,
		"null id":                  `81 85 06 f6 01 80 87 00 00 00 00 01 6178 40`,
		"null acks":                `81 85 07 00 00 f6 81 40`,
		"null body":                `81 85 07 00 00 80 f6`,
		"null message":             `81 f6`,
		"null ext":                 `81 85 07 00 00 80 81 f6`,
		"undefined ext":            `81 85 07 00 00 80 81 f7`,
		"integers for bytes":       `81 85 07 00 00 80 81 82 0000`,
		"text for bytes":           `81 85 07 00 00 80 81 60`,
		"short ack":                `81 85 07 00 00 81 84 06 01 01 00 81 40`,
		"long ack":                 `81 85 07 00 00 81 86 06 01 01 00 00 00 81 40`,
		"65 acks":                  `81 85 07 00 00 9841` + strings.Repeat("850601010000", 65) + `81 40`,
		"six elements":             `81 86 07 00 00 80 81 40 40`,
		"four elements":            `81 84 07 00 00 80`,
		"tagged":                   `81 c1 85 07 00 00 80 81 40`,
		"negative attempt":         `81 85 07 00 20 80 81 40`,
		"float id":                 `81 85 07 f90000 00 80 81 40`,
		"map":                      `81 a0`,
		"indefinite bytes":         `81 85 07 00 00 80 81 5f 40 ff`,
		"text: empty":              `81 85 06 02 01 80 87 00 00 00 00 01 60 40`,
		"text: not UTF-8":          `81 85 06 02 01 80 87 00 00 00 00 01 61ff 40`,
		"text: surrogate":          `81 85 06 02 01 80 87 00 00 00 00 01 63eda080 40`,
		"text: 1025 bytes":         `81 85 06 02 01 80 87 00 00 00 00 01 790401` + strings.Repeat("61", 1025) + `40`,
		"text: late 2":             `81 85 06 02 01 80 87 00 00 02 00 01 6178 40`,
		"text: late true":          `81 85 06 02 01 80 87 00 00 f5 00 01 6178 40`,
		"text: part 1 of 1":        `81 85 06 02 01 80 87 00 00 00 01 01 6178 40`,
		"text: no parts":           `81 85 06 02 01 80 87 00 00 00 00 00 6178 40`,
		"text: 65 parts":           `81 85 06 02 01 80 87 00 00 00 00 1841 6178 40`,
		"text: prev not before":    `81 85 06 02 01 80 87 02 00 00 00 01 6178 40`,
		"text: id 0":               `81 85 06 00 01 80 87 00 00 00 00 01 6178 40`,
		"text: first part below 1": `81 85 06 02 01 80 87 01 00 00 02 03 6178 40`,
		"online: port 0":           `81 85 01 01 01 80 83 40 46 c0000201 0000 40`,
		"online: 7 byte address":   `81 85 01 01 01 80 83 40 47 c0000201 1a8500 40`,
		"online: mapped":           `81 85 01 01 01 80 83 40 52 00000000000000000000ffffc0000201 1a85 40`,
		"online: 385 byte record":  `81 85 01 01 01 80 83 590181` + strings.Repeat("00", 385) + `40 40`,
		"offline: no record":       `81 85 02 01 01 80 82 40 40`,
		"ping: scope 4":            `81 85 03 01 00 80 8a 04 60 40 40 40 80 40 82 00 40 40 40`,
		"ping: 31 byte user":       `81 85 03 01 00 80 8a 01 60 581f` + strings.Repeat("00", 31) + `40 40 80 40 82 00 40 40 40`,
		"ping: 33 byte name":       `81 85 03 01 00 80 8a 01 7821` + strings.Repeat("61", 33) + `40 40 40 80 40 82 00 40 40 40`,
		"ping: 5 addresses":        `81 85 03 01 00 80 8a 01 60 40 40 40 85` + strings.Repeat("460a0000010100", 5) + `40 82 00 40 40 40`,
		"ping: 63 byte signature":  `81 85 03 01 00 80 8a 01 60 40 40 40 80 40 82 00 583f` + strings.Repeat("00", 63) + `40 40`,
		"ping: null ticket":        `81 85 03 01 00 80 8a 01 60 40 40 40 80 40 f6 40 40`,
		"reach without a session":  `81 85 03 01 00 80 8a 03 60 40 40 40 80 40 82 00 40 40 40`,
		"reach with a user":        `81 85 03 01 00 80 8a 03 60 5820` + strings.Repeat("00", 32) + `48 0102030405060708 40 80 40 82 00 40 40 40`,
		"find with targets":        `81 85 03 01 00 80 8a 01 60 40 40 40 80 40 82 00 40 48 0102030405060708 40`,
		"explode, 7 byte target":   `81 85 03 01 00 80 8a 02 60 40 40 40 80 40 82 00 40 47 01020304050607 40`,
		"explode, 65 targets":      `81 85 03 01 00 80 8a 02 60 40 40 40 80 40 82 00 40 590208` + strings.Repeat("0102030405060708", 65) + `40`,
		"hold for its sender":      `81 85 09 04 01 80 85 48 0102030405060708 48 0102030405060708 01 4101 40`,
		"hold of nothing":          `81 85 09 04 01 80 85 48 0102030405060708 48 0900000000000000 01 40 40`,
		"hold, 1,001 bytes":        `81 85 09 04 01 80 85 48 0102030405060708 48 0900000000000000 01 5903e9` + strings.Repeat("00", 1001) + `40`,
		"receipt, busy":            `81 85 0a 04 01 80 86 48 0102030405060708 48 0900000000000000 01 04 5840` + strings.Repeat("05", 64) + `40`,
		"receipt, short":           `81 85 0a 04 01 80 86 48 0102030405060708 48 0900000000000000 01 00 583f` + strings.Repeat("05", 63) + `40`,
		"news with a record":       `81 85 05 00 00 80 86 00 80 81 4109 40 00 40`,
		"news with a cursor":       `81 85 05 00 00 80 86 00 80 80 48 0102030405060708 00 40`,
		"news with a total":        `81 85 05 00 00 80 86 00 80 80 40 01 40`,
		"probe that names":         `81 85 03 01 00 80 8a 00 6161 40 40 40 80 40 82 00 40 40 40`,
		"request: credit 0":        `81 85 04 01 01 80 85 40 40 40 00 40`,
		"request: credit 9":        `81 85 04 01 01 80 85 40 40 40 09 40`,
		"request: of 7 bytes":      `81 85 04 01 01 80 85 47 00000000000000 40 40 01 40`,
		"list: state 5":            `81 85 05 00 00 80 86 01 81 83 48 0100000000000000 00 05 80 40 00 40`,
		"list: seq 2^53":           `81 85 05 00 00 80 86 01 81 83 48 0100000000000000 1b0020000000000000 00 80 40 00 40`,
		"list: 7 byte session":     `81 85 05 00 00 80 86 01 81 83 47 01000000000000 00 00 80 40 00 40`,
		"list: twice the same":     `81 85 05 00 00 80 86 01 82 83 48 0100000000000000 00 00 83 48 0100000000000000 00 00 80 40 00 40`,
		"list: 5 records":          `81 85 05 00 00 80 86 01 80 85 4100 4100 4100 4100 4100 40 00 40`,
		"list: empty record":       `81 85 05 00 00 80 86 01 80 81 40 40 00 40`,
		"relay: no packet":         `81 85 08 00 00 80 83 48 0102030405060708 43 474554 40`,
		"relay: a sixth packet":    `81 85 08 00 00 80 83 48 0102030405060708 55 84 16 01 01 50` + strings.Repeat("ee", 16) + ` 40`,
		"relay: nothing":           `81 85 08 00 00 80 83 48 0102030405060708 40 40`,
		"relay: 7 byte session":    `81 85 08 00 00 80 83 47 01020304050607 55 84 15 01 01 50` + strings.Repeat("ee", 16) + ` 40`,
		"relay: 1101 bytes":        `81 85 08 00 00 80 83 48 0102030405060708 59044d 84 15 01 01 590445` + strings.Repeat("ee", 1093) + ` 40`,
		"unknown: body no array":   `81 85 0b 00 00 80 40`,
		"unknown: long integer":    `81 85 0b 00 00 80 81 1801`,
		"unknown: null":            `81 85 0b 00 00 80 81 f6`,
		"unknown: too deep":        `81 85 0b 00 00 80 81 81 81 81 00`,
		"unknown: not UTF-8":       `81 85 0b 00 00 80 81 61ff`,
		"unknown: bytes too long":  `81 85 0b 00 00 80 81 1b7fffffffffffffff`,
		"unknown: 2^63 bytes":      `81 85 0b 00 00 80 81 5b8000000000000000`,
		"unknown: short ack":       `81 85 0b 00 00 81 84 06 01 01 00 80`,
	} {
		ms, _, err := ParseMessages(unhex(t, s))
		if name == "unknown: bytes too long" { // an integer, not a length
			if err != nil {
				t.Errorf("a large integer in an unknown body is refused: %v", err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s is accepted: %+v", name, ms)
		}
		for _, known := range []error{errMalformed, errNotCanonical, errBounds} {
			if errors.Is(err, known) {
				err = nil
			}
		}
		if err != nil {
			t.Errorf("%s: %v is none of the three errors", name, err)
		}
	}
}

func TestCodecSkipsUnknownKinds(t *testing.T) {
	b := unhex(t, `83 85 0b 01 01 80 84 00 4101 6161 82 00 81 00 -- kind 11
		85 190100 02 01 81 85 06 01 01 00 00 80   -- kind 256, with an ack
		85 07 00 00 80 81 40`)
	ms, skipped, err := ParseMessages(b)
	want := []Message{
		{ID: 2, Attempt: 1, Acks: []Ack{{Kind: KindText, ID: 1, Attempt: 1}}, Body: Acknowledgement{}},
		{Body: Acknowledgement{}},
	}
	if err != nil || skipped != 2 || !reflect.DeepEqual(ms, want) {
		t.Fatalf("%+v, %d, %v", ms, skipped, err)
	}
}

func TestCodecIgnoresExtensions(t *testing.T) {
	for _, c := range codecCases() {
		b := unhex(t, c.hex)
		if l, ok := c.m.Body.(List); c.m.Kind() == KindAck || ok && l.Part {
			continue // its ext is the padding, or the buckets
		}
		b = append(b[:len(b)-1], 0x42, 0xff, 0xfe)
		if l, ok := c.m.Body.(List); ok && l.Request > 0 {
			l.Part, l.Buckets = true, 0xfffe // its ext begins with the buckets
			c.m.Body, b[len(b)-3] = l, 0x43
			b = append(b, 0xfd)
		}
		ms, _, err := ParseMessages(b)
		if err != nil || !reflect.DeepEqual(ms, []Message{c.m}) {
			t.Errorf("%s: %+v, %v", c.name, ms, err)
		}
	}
}

func TestAppendRefusesWhatParseRefuses(t *testing.T) {
	long := strings.Repeat("a", MaxText+1)
	for _, m := range []Message{
		{},
		{ID: 1, Body: Text{Parts: 1}},
		{ID: 1, Body: Text{Parts: 1, Text: long}},
		{ID: 1, Body: Text{Parts: 1, Text: "\xff"}},
		{ID: 1, Body: Text{Parts: 1, Prev: 1, Text: "a"}},
		{Body: Online{Observed: netip.MustParseAddrPort("[::ffff:1.2.3.4]:5")}},
		{Body: Online{Observed: netip.MustParseAddrPort("[fe80::1%eth0]:5")}},
		{Body: Online{Observed: netip.MustParseAddrPort("1.2.3.4:0")}},
		{Body: Offline{}},
		{Body: Ping{Scope: 3}},
		{Body: ListRequest{}},
		{Body: List{Records: make([][]byte, 5)}},
		{Body: List{Part: true}},
		{Body: Acknowledgement{Pad: -1}},
		{Body: Acknowledgement{Pad: MaxPad + 1}},
		{Acks: make([]Ack, MaxAcks+1), Body: Acknowledgement{}},
	} {
		if b, err := AppendMessages([]byte{1}, []Message{m}); err == nil || !bytes.Equal(b, []byte{1}) {
			t.Errorf("%+v is encoded: %x, %v", m, b, err)
		}
	}
	if _, err := AppendMessages(nil, make([]Message, MaxMessages+1)); err == nil {
		t.Error("65 messages are encoded")
	}
}

// Changed bytes are either refused or the one encoding of something else.
func TestCodecOneEncoding(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for _, c := range codecCases() {
		b := unhex(t, c.hex)
		for range 2000 {
			x := bytes.Clone(b)
			for range 1 + rng.IntN(3) {
				x[rng.IntN(len(x))] = byte(rng.Uint32())
			}
			ms, skipped, err := ParseMessages(x)
			if err != nil || skipped > 0 {
				continue
			}
			accepted++
			again, err := AppendMessages(nil, ms)
			if err != nil {
				t.Fatalf("%x was decoded to %+v, which does not encode: %v", x, ms, err)
			}
			// The content of ext is not kept, so only the length can be held against it
			// for the kinds whose ext was hit.
			if !bytes.Equal(again, x) && bytes.HasSuffix(x, []byte{0x40}) && c.m.Kind() != KindAck {
				t.Fatalf("%x and %x are the same messages", x, again)
			}
		}
	}
	if accepted == 0 {
		t.Fatal("nothing was accepted: the test shows nothing")
	}
}
