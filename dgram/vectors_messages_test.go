package dgram

import (
	"bytes"
	"crypto/ed25519"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// messageVectors are plaintexts, one for each kind and for each way to use it.
func messageVectors(t *testing.T, ann, bob person) []vector {
	gone := newPerson(t, "ann", 1, func(r *identity.Record) { r.Seq, r.State, r.Addrs = r.Seq+1, identity.StateGone, nil })
	seen := netip.MustParseAddrPort("203.0.113.5:50123")
	seen6 := netip.MustParseAddrPort("[2001:db8::5]:50123")
	user := []byte(ann.key.Public().(ed25519.PublicKey))
	ticket := func(name string, user []byte) wire.Ticket {
		c := identity.Ticket{Asker: ann.session, Introducer: bob.session, Name: name, User: user, Number: 1_700_000_000_123}
		return wire.Ticket{Number: c.Number, Sig: c.Sign(ann.key)}
	}
	plain := func(name string, ms ...wire.Message) vector {
		return plaintextVector("message-"+name, "messages", encoded(t, ms...))
	}
	confirmed := func(name string, body wire.Body) vector {
		return plain(name, wire.Message{ID: 0x0123456789abcdef, Attempt: 1, Body: body})
	}
	text := func(name string, id uint64, body wire.Text) vector {
		return plain(name, wire.Message{ID: id, Attempt: 1, Body: body})
	}
	introducer := func(v vector) vector { return v.with("ticket_introducer", bob.session[:]) }
	forwarded := wire.Ping{Scope: wire.ScopeFind, Name: "cyd", Session: ann.session[:], Record: ann.record, Addrs: []netip.AddrPort{seen, seen6},
		By: bob.session[:], Ticket: ticket("cyd", nil)}
	exploded := forwarded
	exploded.Scope, exploded.Name, exploded.Ticket = wire.ScopeExplode, "", ticket("", nil)
	line := strings.Repeat("a", wire.MaxText)
	acks := make([]wire.Ack, wire.MaxAcks)
	for i := range acks {
		acks[i] = wire.Ack{Kind: wire.KindText, ID: uint64(i) + 1, Attempt: 1}
	}
	summaries := make([]wire.Summary, 3)
	for i := range summaries {
		summaries[i] = wire.Summary{Session: wire.PeerID{byte(i)}, Seq: 1_700_000_000_000, State: uint64(i)}
	}
	// An answer about a user, or a session: each record with a summary, in one order.
	records := [][]byte{ann.record, bob.record}
	both := []wire.Summary{summaryOf(wire.PeerID(ann.session), 1_700_000_000_001, 0), summaryOf(wire.PeerID(bob.session), 1_700_000_000_011, 0)}
	if bytes.Compare(ann.session[:], bob.session[:]) > 0 {
		slices.Reverse(records)
		slices.Reverse(both)
	}
	news := []wire.Summary{summaryOf(wire.PeerID(ann.session), 1_700_000_000_000, wire.SummarySuspect), summaryOf(wire.PeerID(bob.session), 7, wire.SummaryLost)}
	targets := []wire.PeerID{wire.PeerID(ann.session), wire.PeerID(bob.session)}
	slices.SortFunc(news, func(a, b wire.Summary) int { return bytes.Compare(a.Session[:], b.Session[:]) })
	return []vector{
		plain("none"),
		confirmed("online", wire.Online{Record: ann.record, Observed: seen6}),
		confirmed("online-short", wire.Online{}),
		confirmed("offline", wire.Offline{Record: gone.record}),
		plain("probe", wire.Message{ID: 0xfedcba9876543210, Body: wire.Ping{Scope: wire.ScopeProbe}}),
		introducer(confirmed("find-name", wire.Ping{Scope: wire.ScopeFind, Name: "cyd", Record: ann.record, Ticket: ticket("cyd", nil)})),
		introducer(confirmed("find-user", wire.Ping{Scope: wire.ScopeFind, User: user, Record: ann.record, Ticket: ticket("", user)})),
		introducer(confirmed("find-forwarded", forwarded)),
		introducer(confirmed("explode", wire.Ping{Scope: wire.ScopeExplode, Record: ann.record, Ticket: ticket("", nil)})),
		introducer(confirmed("explode-targets", wire.Ping{Scope: wire.ScopeExplode, Record: ann.record, Ticket: ticket("", nil), Targets: targets})),
		introducer(confirmed("explode-forwarded", exploded)),
		plain("reach", wire.Message{ID: 4711, Body: wire.Ping{Scope: wire.ScopeReach, Session: bob.session[:]}}),
		confirmed("list-request", wire.ListRequest{Credit: 1}),
		confirmed("list-request-more", wire.ListRequest{Of: user, Digest: make([]byte, wire.MaxDigest), Cursor: ann.session[:], Credit: wire.MaxCredit}),
		plain("list-summaries", wire.Message{Body: wire.List{Request: 77, Summaries: summaries, Total: 3}}),
		plain("list-more", wire.Message{Body: wire.List{Request: 77, Summaries: summaries, Next: summaries[2].Session[:], Total: 5}}),
		plain("list-records", wire.Message{Body: wire.List{Request: 77, Summaries: both, Records: records, Total: 2}}),
		plain("news", wire.Message{Body: wire.List{Summaries: news}}),
		plain("list-empty", wire.Message{Body: wire.List{Request: 77}}),
		text("text", 42, wire.Text{Prev: 41, Sent: 1_700_000_000_000, Parts: 1, Text: "grüß dich, 你好 👋🏽"}),
		text("text-late", 42, wire.Text{Sent: 1, Late: true, Parts: 1, Text: "x"}),
		text("text-last-part", 105, wire.Text{Prev: 41, Sent: 1 << 52, Part: wire.MaxParts - 1, Parts: wire.MaxParts, Text: line}),
		text("text-last-id", wire.MaxTextID, wire.Text{Prev: wire.MaxTextID - 1, Sent: 1, Parts: 1, Text: "x"}),
		plain("ack", wire.Message{Acks: []wire.Ack{
			{Kind: wire.KindText, ID: 9, Attempt: 3, Result: wire.ResultGap, Have: 7},
			{Kind: wire.KindText, ID: wire.MaxTextID, Attempt: 1, Result: wire.ResultGap, Have: wire.MaxTextID},
			{Kind: wire.KindPing, ID: 1<<64 - 1, Attempt: 1, Result: wire.ResultUnknownRecipient},
			{Kind: wire.KindOnline, ID: 0, Attempt: 5, Result: wire.ResultBusy},
		}, Body: wire.Acknowledgement{}}),
		plain("ack-many", wire.Message{Acks: acks, Body: wire.Acknowledgement{}}),
		plain("padding", wire.Message{Body: wire.Acknowledgement{Pad: 40}}),
		plain("together",
			wire.Message{ID: 8, Attempt: 1, Acks: acks[:2], Body: wire.Text{Prev: 7, Sent: 1, Parts: 1, Text: "one"}},
			wire.Message{ID: 9, Attempt: 1, Body: wire.Text{Prev: 8, Sent: 2, Parts: 1, Text: "two"}},
			wire.Message{ID: 5, Body: wire.Ping{Scope: wire.ScopeProbe}}),
		plain("relay", wire.Message{Body: wire.Relay{Session: wire.PeerID{1, 2, 3, 4, 5, 6, 7, 8}, Datagram: wire.AppendHello(nil, make([]byte, wire.NonceSize))}}),
		// What a later version may send: read and passed over.
		plaintextVector("message-unknown-kind", "tolerated", arr(
			arr(num(99), num(4), num(1), one(arr(num(6), num(1), num(1), num(0), num(0))), arr(str("new"), zeros(3), arr(num(1), arr()))),
			rawMessage(wire.KindAck, 0, one(zeros(0))))),
		plaintextVector("message-unknown-ack", "messages", one(arr(num(7), num(0), num(0), one(arr(num(99), num(1), num(1), num(99), num(0))), one(zeros(0))))),
		plaintextVector("message-ext", "messages", one(rawMessage(wire.KindOffline, 1, arr(bin(gone.record), bin([]byte("from a later version")))))),
		plaintextVector("payload-handshake", "handshake-payload", wire.HandshakePayload{Record: ann.record, Have: 1<<53 - 1, Messages: encoded(t)}.Append(nil)),
		plaintextVector("payload-accept", "accept-payload", wire.AcceptPayload{Messages: encoded(t)}.Append(nil)),
	}
}

// badMessageVectors are authentic when they come in DATA, and refused all the same.
func badMessageVectors(ann person) []vector {
	bad := func(name string, b []byte) vector { return plaintextVector("bad-"+name, "messages", b).bad("payload") }
	text := func(s string) []byte { return str(s) }
	request := func(of, cursor int, credit uint64) []byte {
		return one(rawMessage(wire.KindListRequest, 1, arr(zeros(of), zeros(0), zeros(cursor), num(credit), zeros(0))))
	}
	list := func(summaries, records []byte) []byte {
		return one(rawMessage(wire.KindList, 1, arr(num(1), summaries, records, zeros(0), num(0), zeros(0))))
	}
	probe := func(user, session int, addrs []byte, sig int) []byte {
		return one(rawMessage(wire.KindPing, 1, arr(num(0), str(""), zeros(user), zeros(session), zeros(0), addrs, zeros(0), arr(num(0), zeros(sig)), zeros(0), zeros(0))))
	}
	addr := func(b ...byte) []byte { return one(bin(b)) }
	online := func(observed []byte) []byte {
		return one(rawMessage(wire.KindOnline, 1, arr(zeros(0), observed, zeros(0))))
	}
	deep := arr()
	for range wire.MaxBodyNesting {
		deep = arr(deep)
	}
	empty := rawMessage(wire.KindAck, 0, one(zeros(0)))
	return []vector{
		bad("messages-trailing", append(arr(), 0)),
		bad("messages-not-array", num(1)),
		bad("messages-many", repeat(empty, wire.MaxMessages+1)),
		bad("message-null", one(null())),
		bad("message-short", one(arr(num(7), num(0), num(0), arr()))),
		bad("message-long-id", one(slices.Concat([]byte{0x85, 7, 0x18, 0}, num(0), arr(), one(zeros(0))))),
		bad("acks-many", one(arr(num(7), num(0), num(0), repeat(repeat(num(1), 5), wire.MaxAcks+1), one(zeros(0))))),
		bad("ack-short", one(arr(num(7), num(0), num(0), one(repeat(num(1), 4)), one(zeros(0))))),
		bad("relay-no-packet", one(rawMessage(wire.KindRelay, 0, arr(zeros(8), bin([]byte("GET")), zeros(0))))),
		bad("relay-session", one(rawMessage(wire.KindRelay, 0, arr(zeros(7), bin(wire.AppendHello(nil, make([]byte, wire.NonceSize))), zeros(0))))),
		bad("body-null", one(rawMessage(wire.KindOffline, 1, null()))),
		bad("body-not-array", one(rawMessage(99, 1, num(1)))),
		bad("body-too-deep", one(rawMessage(99, 1, deep))),
		bad("body-unknown-map", one(rawMessage(99, 1, one([]byte{0xa0})))),
		bad("text-empty", rawText(0, 0, 1, text(""))),
		bad("text-long", rawText(0, 0, 1, text(strings.Repeat("a", wire.MaxText+1)))),
		bad("text-utf8", rawText(0, 0, 1, []byte{0x62, 0xc3, 0x28})),
		bad("text-bytes", rawText(0, 0, 1, bin([]byte("x")))),
		bad("text-part", rawText(0, 2, 2, text("x"))),
		bad("text-parts", rawText(0, 0, wire.MaxParts+1, text("x"))),
		bad("text-no-parts", rawText(0, 0, 0, text("x"))),
		bad("text-first-id", rawText(0, 9, 10, text("x"))),
		bad("text-id", one(rawMessage(wire.KindText, wire.MaxTextID+1, arr(num(1), num(0), num(0), num(0), num(1), text("x"), zeros(0))))),
		bad("ack-have", one(arr(num(7), num(0), num(0), one(arr(num(6), num(9), num(1), num(1), num(wire.MaxTextID+1))), one(zeros(0))))),
		bad("hold-id", one(rawMessage(wire.KindHold, 1, arr(zeros(8), bin(ann.session[:]), num(wire.MaxTextID+1), zeros(9), zeros(0))))),
		bad("receipt-id", one(rawMessage(wire.KindReceipt, 1, arr(zeros(8), bin(ann.session[:]), num(wire.MaxTextID+1), num(0), zeros(64), zeros(0))))),
		bad("text-prev", rawText(9, 0, 1, text("x"))),
		bad("text-late", one(rawMessage(wire.KindText, 9, arr(num(0), num(0), num(2), num(0), num(1), text("x"), zeros(0))))),
		bad("text-no-ext", one(rawMessage(wire.KindText, 9, arr(num(0), num(0), num(0), num(0), num(1), text("x"))))),
		bad("offline-empty", one(rawMessage(wire.KindOffline, 1, arr(zeros(0), zeros(0))))),
		bad("offline-long", one(rawMessage(wire.KindOffline, 1, arr(zeros(wire.MaxRecord+1), zeros(0))))),
		bad("observed-length", online(zeros(7))),
		bad("observed-mapped", online(bin(append(append(make([]byte, 10), 0xff, 0xff), 192, 0, 2, 7, 26, 133)))),
		bad("observed-port", online(bin([]byte{192, 0, 2, 7, 0, 0}))),
		bad("ping-scope", one(rawMessage(wire.KindPing, 1, arr(num(4), str(""), zeros(0), zeros(0), zeros(0), arr(), zeros(0), arr(num(0), zeros(0)), zeros(0), zeros(0))))),
		bad("ping-targets", one(rawMessage(wire.KindPing, 1, arr(num(2), str(""), zeros(0), zeros(0), zeros(0), arr(), zeros(0), arr(num(0), zeros(0)), zeros(9), zeros(0))))),
		bad("ping-reach-nobody", one(rawMessage(wire.KindPing, 1, arr(num(3), str(""), zeros(0), zeros(0), zeros(0), arr(), zeros(0), arr(num(0), zeros(0)), zeros(0), zeros(0))))),
		bad("ping-name", one(rawMessage(wire.KindPing, 1, arr(num(1), str(strings.Repeat("a", wire.MaxName+1)), zeros(0), zeros(0), zeros(0), arr(), zeros(0), arr(num(0), zeros(0)), zeros(0), zeros(0))))),
		bad("ping-user", probe(31, 0, arr(), 0)),
		bad("ping-session", probe(0, 9, arr(), 0)),
		bad("ping-ticket", probe(0, 0, arr(), 63)),
		bad("ping-addrs", probe(0, 0, repeat(bin([]byte{192, 0, 2, 7, 26, 133}), wire.MaxPingAddrs+1), 0)),
		bad("ping-addr", probe(0, 0, addr(192, 0, 2, 7, 26), 0)),
		bad("list-request-of", request(9, 0, 1)),
		bad("list-request-cursor", request(0, 7, 1)),
		bad("list-request-credit", request(0, 0, wire.MaxCredit+1)),
		bad("list-request-no-credit", request(0, 0, 0)),
		bad("list-summaries", list(repeat(arr(zeros(8), num(1), num(0)), wire.MaxSummaries+1), arr())),
		bad("list-summary-state", list(one(arr(zeros(8), num(1), num(5))), arr())),
		bad("hold-empty", one(rawMessage(wire.KindHold, 1, arr(zeros(8), bin(ann.session[:]), num(1), zeros(0), zeros(0))))),
		bad("hold-long", one(rawMessage(wire.KindHold, 1, arr(zeros(8), bin(ann.session[:]), num(1), zeros(wire.MaxSealed+1), zeros(0))))),
		bad("hold-own", one(rawMessage(wire.KindHold, 1, arr(zeros(8), zeros(8), num(1), zeros(9), zeros(0))))),
		bad("receipt-result", one(rawMessage(wire.KindReceipt, 1, arr(zeros(8), bin(ann.session[:]), num(1), num(4), zeros(64), zeros(0))))),
		bad("receipt-sig", one(rawMessage(wire.KindReceipt, 1, arr(zeros(8), bin(ann.session[:]), num(1), num(0), zeros(63), zeros(0))))),
		bad("list-news-total", one(rawMessage(wire.KindList, 0, arr(num(0), arr(), arr(), zeros(0), num(1), zeros(0))))),
		bad("list-summary-seq", list(one(arr(zeros(8), num(1<<53), num(0))), arr())),
		bad("list-records", list(arr(), repeat(zeros(1), wire.MaxListRecords+1))),
		bad("list-record-empty", list(arr(), repeat(zeros(0), 1))),
		plaintextVector("bad-payload-no-record", "handshake-payload", wire.HandshakePayload{Messages: arr()}.Append(nil)).bad("payload"),
		plaintextVector("bad-payload-record-long", "handshake-payload", wire.HandshakePayload{Record: make([]byte, wire.MaxRecord+1), Messages: arr()}.Append(nil)).bad("payload"),
		plaintextVector("bad-payload-short", "handshake-payload", arr(bin(ann.record), num(0), arr())).bad("payload"),
		plaintextVector("bad-payload-accept", "accept-payload", arr(zeros(0), null(), zeros(0))).bad("payload"),
	}
}

// recordVectors are good and bad records.
func recordVectors(t *testing.T, ann, bob person) []vector {
	fullest := newPerson(t, strings.Repeat("ä", wire.MaxName/2), 3, func(r *identity.Record) {
		r.State, r.Flags, r.Lifetime, r.Addrs = identity.StateAway, 1<<20|identity.FlagSeed, 1<<31*time.Second, nil
		for _, a := range []string{"10.0.0.1:1", "192.0.2.7:65535", "[2001:db8::1]:6789", "[2001:db8::2]:6789", "[fd00::1]:6789"} {
			r.Addrs = append(r.Addrs, identity.Address{Scope: identity.ScopeLAN, Addr: netip.MustParseAddrPort(a)})
		}
	})
	raw, sign := fieldByField(ann)
	bad := func(name string, b []byte) vector { return recordVector("bad-record-"+name, b).bad("record") }
	field := func(name string, i int, value []byte) vector {
		return bad(name, sign(raw(func(f [][]byte) { f[i] = value })))
	}
	address := func(b []byte) []byte { return one(arr(num(1), bin(b))) }
	plain := raw(nil)
	return append(recordBoundVectors(ann, raw, sign),
		recordVector("record-ann", ann.record).with("user_seed", ann.seed).note("fingerprint", identity.Fingerprint(identity.UserKey(ann.user()))),
		recordVector("record-bob", bob.record).with("user_seed", bob.seed),
		recordVector("record-large", fullest.record).with("user_seed", fullest.seed),
		recordVector("record-ext", sign(raw(func(f [][]byte) { f[11] = bin([]byte("later")) }))),
		bad("signature", changed(ann.record, -1)),
		bad("changed", changed(ann.record, 8)),
		bad("domain", arr(bin(plain), bin(ed25519.Sign(ann.key, plain)))),
		bad("signer", arr(bin(plain), bin(ed25519.Sign(bob.key, append([]byte("darkchat session record v1\x00"), plain...))))),
		bad("signature-short", arr(bin(plain), zeros(63))),
		bad("trailing", append(bytes.Clone(ann.record), 0)),
		bad("raw-trailing", sign(append(raw(nil), 0))),
		bad("raw-short", sign(arr(num(1), str("ann"), bin(ann.user()), bin(ann.static.PublicKey().Bytes())))),
		bad("long", sign(raw(func(f [][]byte) { f[11] = zeros(300) }))),
		field("version", 0, num(2)),
		field("name-empty", 1, str("")),
		field("name-long", 1, str(strings.Repeat("a", wire.MaxName+1))),
		field("name-space", 1, str("an n")),
		field("name-first", 1, str("-ann")),
		field("name-slash", 1, str("ann/7f")),
		field("name-control", 1, str("ann\x1b[2J")),
		field("name-bidi", 1, str("ann\u202e")),
		field("name-full-width", 1, str("ａｎｎ")),
		field("user-short", 2, zeros(31)),
		field("static", 3, bin(bob.static.PublicKey().Bytes())),
		field("sid", 4, zeros(8)),
		field("seq", 5, num(1<<53)),
		field("seq-long", 5, []byte{0x18, 1}),
		field("state", 6, num(3)),
		field("addrs", 7, repeat(arr(num(1), bin([]byte{192, 0, 2, 7, 26, 133})), 7)),
		field("addr-length", 7, address([]byte{192, 0, 2, 7})),
		field("addr-port", 7, address([]byte{192, 0, 2, 7, 0, 0})),
		field("addr-mapped", 7, address(append(append(make([]byte, 10), 0xff, 0xff), 192, 0, 2, 7, 26, 133))),
		field("lifetime", 8, num(1<<31+1)),
		field("flags-null", 9, null()),
		field("hold", 10, zeros(31)),
	)
}
