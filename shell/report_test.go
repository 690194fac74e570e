package shell

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// everyEvent has one event of each kind, with s in every field that a peer can
// fill.
func everyEvent(s string) []neighbors.Event {
	return []neighbors.Event{
		neighbors.CameOnline{User: s, Session: s, Trust: s},
		neighbors.WentOffline{User: s, Session: s, Trust: s, Reason: s},
		neighbors.FirstContact{User: s, Fingerprint: s, Mixed: true}, neighbors.Knock{User: s, Fingerprint: s, Via: s},
		neighbors.Incoming{Receipt: 1, From: s, Session: s, Text: s, Sent: noon, Late: true, Trust: s, Via: s},
		neighbors.Delivery{To: s, State: neighbors.Delivered, Acked: 1, Sessions: 2, Waiting: []string{s}, By: s, Reason: s},
		neighbors.Delivery{To: s, State: neighbors.Undelivered, Reason: s, Text: s},
		neighbors.Delivery{To: s, State: neighbors.Held, By: s},
		neighbors.Pong{User: s, Session: s, Path: s},
		neighbors.PathChange{User: s, Session: s, Path: s, Why: s},
		neighbors.Failed{Text: s},
		neighbors.Done{},
		neighbors.Exploded{},
		neighbors.Notice{Text: s},
	}
}

// The JSON of every event: keys, their order, what is left out. Programs read it.
func TestEventsAsJSONAndText(t *testing.T) {
	c := &conversation{node: &shelltest.Node{People: []neighbors.UserView{bob(), carol()}}, rows: table(), unread: &unread{}}
	var made report
	c.put = func(r report) { made = r }
	macro := func(line string) report {
		made = nil
		c.take(line)
		return made
	}
	addr := netip.MustParseAddrPort("127.0.0.1:7002")
	v6 := netip.MustParseAddrPort("[2001:db8::1]:7002")
	late := noon.Add(-26 * time.Hour)
	for _, x := range []struct {
		name string
		r    report
		json string
		text string
	}{
		{"ready", newReady((&shelltest.Node{}).Self()),
			`{"event":"ready","user":"ann","session":"00112233aabbccdd","fingerprint":"k7f2-9qxd-m3ra-u5wt","listen":["192.168.1.7:6789"]}`,
			"You are ann, fingerprint k7f2-9qxd-m3ra-u5wt\nOthers reach you with  \\ping 192.168.1.7 6789\n\\help lists the macros; \\chat NAME, then type.\n"},
		{"ready without address", newReady(neighbors.Self{Name: "s", Session: "00", Fingerprint: "f", Seed: true}),
			`{"event":"ready","user":"s","session":"00","fingerprint":"f","listen":[]}`,
			"You are s, fingerprint f, a seed\n\\help lists the macros; \\chat NAME, then type.\n"},
		{"online", newReport(neighbors.CameOnline{User: "bob", Session: "7f3a000000000001", Trust: "new"}),
			`{"event":"online","user":"bob","session":"7f3a000000000001","trust":"new"}`,
			"+ bob (new) is online (7f3a)\n"},
		{"seed online", newReport(neighbors.CameOnline{User: "rock", Session: "7f3a000000000001", Trust: "pinned", Seed: true}),
			`{"event":"online","user":"rock","session":"7f3a000000000001","trust":"pinned","seed":true}`,
			"+ rock (a seed) is online (7f3a)\n"},
		{"seed offline", newReport(neighbors.WentOffline{User: "rock", Session: "7f3a000000000001", Trust: "new", Reason: "lost", Seed: true}),
			`{"event":"offline","user":"rock","session":"7f3a000000000001","trust":"new","reason":"lost","seed":true}`,
			"- rock (new) (a seed) is offline (7f3a, no longer answers)\n"},
		{"first contact with a seed", newReport(neighbors.FirstContact{User: "rock", Fingerprint: "aaaa-bbbb", Seed: true}),
			`{"event":"notice","text":"new: rock (aaaa-bbbb), a seed - \\verify rock or \\block rock"}`,
			"new: rock (aaaa-bbbb), a seed - \\verify rock or \\block rock\n"},
		{"users with a seed", newUsers(neighbors.FilterOnline, []neighbors.UserView{{Name: "rock", State: neighbors.Online, Online: true, Trust: "new", Seed: true}}),
			`{"event":"users","filter":"online","users":[{"name":"rock","online":true,"state":"online","trust":"new","seed":true,"sessions":[]}]}`,
			"rock  online   new  a seed  \n"},
		{"offline", newReport(neighbors.WentOffline{User: "bob", Session: "7f3a000000000001", Trust: "pinned", Reason: "declared"}),
			`{"event":"offline","user":"bob","session":"7f3a000000000001","trust":"pinned","reason":"declared"}`,
			"- bob is offline (7f3a)\n"},
		{"offline lost", newReport(neighbors.WentOffline{User: "bob", Session: "7f3a000000000001", Trust: "verified", Reason: "lost"}),
			`{"event":"offline","user":"bob","session":"7f3a000000000001","trust":"verified","reason":"lost"}`,
			"- bob ✓ is offline (7f3a, no longer answers)\n"},
		{"offline by a block", newReport(neighbors.WentOffline{User: "bob", Session: "7f3a000000000001", Trust: "blocked"}),
			`{"event":"offline","user":"bob","session":"7f3a000000000001","trust":"blocked"}`,
			"- bob (blocked) is offline (7f3a)\n"},
		{"first contact", newReport(neighbors.FirstContact{User: "bob", Fingerprint: "aaaa-bbbb"}),
			`{"event":"notice","text":"new: bob (aaaa-bbbb) - \\accept bob, \\verify bob or \\block bob"}`,
			"new: bob (aaaa-bbbb) - \\accept bob, \\verify bob or \\block bob\n"},
		{"message", newReport(neighbors.Incoming{Receipt: 1, ID: 18446744073709551615, From: "bob", Session: "7f3a000000000001", Text: "hi <you> & \u202e日本", Sent: noon, Trust: "pinned"}),
			`{"event":"message","id":"18446744073709551615","from":"bob","session":"7f3a000000000001","text":"hi <you> & \u202e日本","sent":"2026-03-01T12:00:00.005Z","trust":"pinned"}`,
			"12:00 bob: hi <you> & ‹202e›日本\n"},
		{"message late", newReport(neighbors.Incoming{Receipt: 1, ID: 5, From: "bob", Session: "7f3a000000000001", Text: "x", Sent: late, Trust: "new", Late: true, Via: "carol"}),
			`{"event":"message","id":"5","from":"bob","session":"7f3a000000000001","text":"x","sent":"2026-02-28T10:00:00.005Z","trust":"new","late":true,"via":"carol"}`,
			"12:00 bob (new): x (sent 28 Feb 10:00) (held by carol)\n"},
		{"message late today", newReport(neighbors.Incoming{Receipt: 1, ID: 5, From: "bob", Session: "1", Text: "x", Sent: noon.Add(-time.Hour), Trust: "pinned", Late: true}),
			`{"event":"message","id":"5","from":"bob","session":"1","text":"x","sent":"2026-03-01T11:00:00.005Z","trust":"pinned","late":true}`,
			"12:00 bob: x (sent 11:00)\n"},
		{"message that nobody can see", newReport(neighbors.Incoming{Receipt: 1, ID: 5, From: "bob", Session: "1", Text: "\u3164 \u200b", Sent: noon, Trust: "pinned"}),
			`{"event":"message","id":"5","from":"bob","session":"1","text":"` + "\u3164 \u200b" + `","sent":"2026-03-01T12:00:00.005Z","trust":"pinned"}`,
			"12:00 bob: (nothing visible)\n"},
		{"message late, of this minute", newReport(neighbors.Incoming{Receipt: 1, ID: 5, From: "bob", Session: "1", Text: "x", Sent: noon, Trust: "pinned", Late: true}),
			`{"event":"message","id":"5","from":"bob","session":"1","text":"x","sent":"2026-03-01T12:00:00.005Z","trust":"pinned","late":true}`,
			"12:00 bob: x\n"},
		{"queued", newReport(neighbors.Delivery{ID: 9, To: "bob", State: neighbors.Queued}),
			`{"event":"delivery","id":"9","to":"bob","state":"queued"}`,
			"  queued: bob is offline; it is delivered when they return\n"},
		{"sent", newReport(neighbors.Delivery{ID: 9, To: "bob", State: neighbors.Sent, Sessions: 2, Waiting: []string{"7f3a000000000001", "9b00000000000002"}}),
			`{"event":"delivery","id":"9","to":"bob","state":"sent","acked":0,"sessions":2,"waiting":["7f3a000000000001","9b00000000000002"]}`,
			"  sent to bob, no answer yet\n"},
		{"delivered in part", newReport(neighbors.Delivery{ID: 9, To: "bob", State: neighbors.Delivered, Acked: 1, Sessions: 2, Waiting: []string{"9b00000000000002"}}),
			`{"event":"delivery","id":"9","to":"bob","state":"delivered","acked":1,"sessions":2,"waiting":["9b00000000000002"]}`,
			"  delivered 1/2 to bob, waiting for bob/9b00000000000002\n"},
		{"delivered", newReport(neighbors.Delivery{ID: 9, To: "bob", State: neighbors.Delivered, Acked: 1, Sessions: 1}),
			`{"event":"delivery","id":"9","to":"bob","state":"delivered","acked":1,"sessions":1}`,
			"  delivered 1/1 to bob\n"},
		{"held", newReport(neighbors.Delivery{ID: 9, To: "bob", State: neighbors.Held, Sessions: 1, By: "carol"}),
			`{"event":"delivery","id":"9","to":"bob","state":"held","acked":0,"sessions":1,"by":"carol"}`,
			"  held by carol for bob\n"},
		{"undelivered", newReport(neighbors.Delivery{ID: 9, To: "bob", State: neighbors.Undelivered, Reason: "too old", Text: "hello"}),
			`{"event":"delivery","id":"9","to":"bob","state":"undelivered","reason":"too old","text":"hello"}`,
			"  not delivered to bob: too old: \"hello\"\n"},
		{"pong", newReport(neighbors.Pong{Token: 1, Addr: addr, User: "bob", Session: "7f3a000000000001", RTT: 412345 * time.Nanosecond, Path: "direct"}),
			`{"event":"pong","addr":"127.0.0.1:7002","user":"bob","session":"7f3a000000000001","rtt_ms":0.412,"path":"direct"}`,
			"pong from bob at 127.0.0.1:7002: 0.412 ms\n"},
		{"pong by relay", newReport(neighbors.Pong{Token: 1, Addr: v6, User: "bob", Session: "7f3a000000000001", RTT: 40 * time.Millisecond, Path: "relay"}),
			`{"event":"pong","addr":"[2001:db8::1]:7002","user":"bob","session":"7f3a000000000001","rtt_ms":40,"path":"relay"}`,
			"pong from bob at [2001:db8::1]:7002: 40 ms by a relay\n"},
		{"path", newReport(neighbors.PathChange{User: "bob", Session: "7f3a000000000001", Path: "direct", RTT: time.Millisecond, Why: "its address changed"}),
			`{"event":"path","user":"bob","session":"7f3a000000000001","path":"direct","rtt_ms":1,"why":"its address changed"}`,
			"  bob (7f3a) is now reached directly, 1 ms: its address changed\n"},
		{"no path", newReport(neighbors.PathChange{User: "bob", Session: "7f3a000000000001", Why: "the relay seed is gone"}),
			`{"event":"path","user":"bob","session":"7f3a000000000001","why":"the relay seed is gone"}`,
			"  bob (7f3a) is no longer reached: the relay seed is gone\n"},
		{"notice", newReport(neighbors.Notice{Text: "two\nlines"}),
			`{"event":"notice","text":"two\nlines"}`,
			"two\nlines\n"},
		{"bye", byeReport{Event: "bye"}, `{"event":"bye"}`, "bye\n"},
		{"explode", newReport(neighbors.Exploded{Token: 1, Neighbors: 3, Reached: 2, Beyond: 7, Datagrams: 11, Silent: []string{"cat"}}),
			`{"event":"explode","neighbors":3,"reached":2,"beyond":7,"datagrams":11,"silent":["cat"]}`,
			"explode: 2 of 3 neighbours heard it and pass it on to 7 beyond; it costs 11 datagrams; no answer from cat\n"},
		{"heard of", newReport(neighbors.HeardOf{User: "dan", Session: "7f3a000000000000", State: neighbors.Away, Via: "cat", Trust: "new"}),
			`{"event":"heard","user":"dan","session":"7f3a000000000000","state":"away","via":"cat","trust":"new"}`,
			"~ dan (new) is away, says cat\n"},
		{"away", newReport(neighbors.WentAway{User: "dan", Session: "7f3a000000000000", Trust: "pinned", Away: true}),
			`{"event":"away","user":"dan","session":"7f3a000000000000","trust":"pinned","away":true}`, "~ dan is away\n"},
		{"delivered by a friend", newReport(neighbors.Delivery{ID: 4, To: "bob", State: neighbors.Delivered, Acked: 1, Sessions: 1, By: "carol"}),
			`{"event":"delivery","id":"4","to":"bob","state":"delivered","acked":1,"sessions":1,"by":"carol"}`, "  delivered 1/1 to bob via carol\n"},

		{"error", macro("hello"),
			`{"event":"error","input":"hello","text":"nobody to send it to: \\chat NAME first; nothing was sent"}`,
			"error: nobody to send it to: \\chat NAME first; nothing was sent\n"},
		{"chat", macro(`\chat bob`), `{"event":"chat","user":"bob"}`, "What you type now goes to bob\n"},
		{"chat with a session", macro(`\chat carol/c000000000000003`), `{"event":"chat","user":"carol","session":"c000000000000003"}`,
			"What you type now goes to carol/c000000000000003 alone (offline: it waits here and is delivered later)\n"},
		{"users", macro(`\users`),
			`{"event":"users","filter":"all","users":[{"name":"bob","online":true,"state":"online","trust":"pinned","sessions":[{"id":"7f3a000000000001","addr":"127.0.0.1:7002","online":true,"last_heard":"2026-03-01T12:00:00.005Z"},{"id":"9b00000000000002","online":false}]},{"name":"carol","online":false,"state":"offline","trust":"verified","sessions":[{"id":"c000000000000003","online":false,"last_heard":"2026-03-01T12:00:00.005Z"}]}]}`,
			"bob    online   pinned  \n  /7f3a000000000001  online   127.0.0.1:7002\n  /9b00000000000002  offline\ncarol  offline  verified  \n  /c000000000000003  offline  last heard 12:00\n"},
		{"online users", macro(`\on`), "", ""},
		{"offline users", macro(`\offline`),
			`{"event":"users","filter":"offline","users":[{"name":"carol","online":false,"state":"offline","trust":"verified","sessions":[{"id":"c000000000000003","online":false,"last_heard":"2026-03-01T12:00:00.005Z"}]}]}`, ""},
		{"nobody", newUsers(neighbors.FilterOnline, nil), `{"event":"users","filter":"online","users":[]}`,
			"Nobody is online. \\ping HOST PORT, or \\add NAME.\n"},
		{"sessions", macro(`\sessions carol`),
			`{"event":"users","filter":"all","users":[{"name":"carol","online":false,"state":"offline","trust":"verified","sessions":[{"id":"c000000000000003","online":false,"last_heard":"2026-03-01T12:00:00.005Z"}]}]}`, ""},
		{"sessions prune", macro(`\sessions prune 20`), `{"event":"sessions","pruned":3}`, "3 sessions forgotten\n"},
		{"whoami", macro(`\whoami`),
			`{"event":"whoami","user":"ann","session":"00112233aabbccdd","fingerprint":"k7f2-9qxd-m3ra-u5wt","listen":["192.168.1.7:6789"],"paste":["\\ping 192.168.1.7 6789"]}`,
			"You are ann, fingerprint k7f2-9qxd-m3ra-u5wt\nSession 00112233aabbccdd\nListening at 192.168.1.7:6789\nOthers reach you with  \\ping 192.168.1.7 6789\n"},
		{"verify", macro(`\verify bob`),
			`{"event":"verify","user":"bob","fingerprint":"aaaa-bbbb-cccc-dddd","mine":"k7f2-9qxd-m3ra-u5wt","trust":"pinned"}`,
			"bob has the fingerprint  aaaa-bbbb-cccc-dddd\nYour own is  k7f2-9qxd-m3ra-u5wt\nIf that is what they read to you, by voice:  \\verify bob FINGERPRINT\n"},
		{"verified", macro(`\verify bob aaaa bbbb cccc dddd`),
			`{"event":"verify","user":"bob","fingerprint":"aaaa-bbbb-cccc-dddd","mine":"k7f2-9qxd-m3ra-u5wt","trust":"verified"}`,
			"bob has the fingerprint  aaaa-bbbb-cccc-dddd\nYour own is  k7f2-9qxd-m3ra-u5wt\n✓ bob is verified\n"},
		{"not verified", macro(`\verify bob eeee`), `{"event":"error","input":"\\verify bob eeee","text":"the fingerprints differ"}`, ""},
		{"block", macro(`\block bob`), `{"event":"block","user":"bob"}`, "bob is blocked: no texts either way until \\unblock bob\n"},
		{"block all", macro(`\block all`), `{"event":"block","blocked":2}`, "2 new users blocked; \\unblock NAME undoes it for one\n"},
		{"nobody at the door", macro(`\strangers`), `{"event":"strangers","strangers":[]}`, "Nobody new is at the door.\n"},
		{"at the door", strangersOf(neighbors.StrangersView{More: 27, List: []neighbors.StrangerView{
			{Name: "mallory", Fingerprint: "aaaa-bbbb-cccc-dddd", Came: neighbors.CameWrote, Lines: 20, Waiting: true, LastHeard: noon},
			{Name: "bo", Fingerprint: "bbbb-bbbb-cccc-dddd", Came: neighbors.CameKnocked, LastHeard: noon},
			{Name: "eve", Fingerprint: "cccc-bbbb-cccc-dddd", Came: neighbors.CameLink, Online: true, LastHeard: noon},
		}}),
			`{"event":"strangers","strangers":[{"user":"mallory","fingerprint":"aaaa-bbbb-cccc-dddd","came":"wrote","lines":20,"waiting":true,"online":false,"last_heard":"2026-03-01T12:00:00.005Z"},{"user":"bo","fingerprint":"bbbb-bbbb-cccc-dddd","came":"knocked","lines":0,"online":false,"last_heard":"2026-03-01T12:00:00.005Z"},{"user":"eve","fingerprint":"cccc-bbbb-cccc-dddd","came":"link","lines":0,"online":true,"last_heard":"2026-03-01T12:00:00.005Z"}],"more":27}`,
			"mallory  aaaa-bbbb-cccc-dddd  20 lines, more wait  12:00\nbo       bbbb-bbbb-cccc-dddd  asks to meet you     12:00\neve      cccc-bbbb-cccc-dddd  on your network      online\nand 27 more\n" +
				"\\accept NAME lets one in; \\block NAME, or \\block all, keeps them out.\n"},
		{"accept", macro(`\accept bob`), `{"event":"accept","user":"bob","fingerprint":"aaaa-bbbb-cccc-dddd","trust":"pinned","lines":2}`,
			"bob (aaaa-bbbb-cccc-dddd) may write as they like; \\verify bob compares fingerprints\n"},
		{"knock", newReport(neighbors.Knock{User: "mallory", Fingerprint: "aaaa-bbbb-cccc-dddd", Via: "seed"}),
			`{"event":"knock","user":"mallory","fingerprint":"aaaa-bbbb-cccc-dddd","via":"seed"}`,
			"knock: mallory (aaaa-bbbb-cccc-dddd) asks to meet you, through seed - \\accept mallory or \\block mallory\n"},
		{"unblock", macro(`\unblock bob`), `{"event":"unblock","user":"bob"}`, "bob is no longer blocked\n"},
		{"empty outbox", macro(`\outbox`), `{"event":"outbox","lines":[]}`, "The outbox is empty: nothing waits.\n"},
		{"outbox", newOutbox([]neighbors.OutboxLine{{ID: 455000009, Handle: "09", To: "bob", State: neighbors.Delivered, Sent: noon, Acked: 1, Sessions: 2, Waiting: []string{"9b00000000000002"}, Bytes: 5},
			{ID: 455000010, Handle: "10", To: "carol", State: neighbors.Queued, Sent: noon, Bytes: 1, Attempts: 3, Next: noon.Add(8 * time.Second)}}),
			`{"event":"outbox","lines":[{"id":"455000009","to":"bob","state":"delivered","sent":"2026-03-01T12:00:00.005Z","bytes":5,"acked":1,"sessions":2,"waiting":["9b00000000000002"]},{"id":"455000010","to":"carol","state":"queued","sent":"2026-03-01T12:00:00.005Z","bytes":1,"attempts":3,"next_try":"2026-03-01T12:00:08.005Z"}]}`,
			"#09 12:00 bob delivered 1/2, waiting for /9b00000000000002 (5 bytes)\n#10 12:00 carol queued, tried 3 times, again in 8s (1 byte)\n"},
		{"status", statusReport{"status", newRow(neighbors.OutboxLine{ID: 455000009, Handle: "09", To: "bob", State: neighbors.Delivered, Sent: noon, Acked: 1, Sessions: 2,
			Delivered: []string{"7f3a000000000001"}, Waiting: []string{"9b00000000000002"}, Bytes: 5})},
			`{"event":"status","id":"455000009","to":"bob","state":"delivered","sent":"2026-03-01T12:00:00.005Z","bytes":5,"acked":1,"sessions":2,"delivered":["7f3a000000000001"],"waiting":["9b00000000000002"]}`,
			"#09 12:00 bob delivered 1/2, waiting for /9b00000000000002, has it: /7f3a000000000001\n"},
		{"cancel", statusReport{"cancel", newRow(neighbors.OutboxLine{ID: 455000010, Handle: "10", To: "carol", State: neighbors.Undelivered, Reason: "cancelled", Sent: noon, By: "dan", Bytes: 1})},
			`{"event":"cancel","id":"455000010","to":"carol","state":"undelivered","sent":"2026-03-01T12:00:00.005Z","bytes":1,"by":"dan","reason":"cancelled"}`,
			"Taken back: #10 12:00 carol undelivered by dan, cancelled\nA copy is held by dan and may still be delivered.\n"},
		{"stats", macro(`\stats`), `{"event":"stats","stats":{"datagrams_in":7,"texts_delivered":1152921504606846976}}`,
			"datagrams_in     7\ntexts_delivered  1152921504606846976\n"},
		{"presence", macro(`\presence`),
			`{"event":"presence","sources":[{"source":"seed","users":["bob"],"addrs":[]},{"source":"file","users":[],"addrs":["[fe80::1%eth0]:6789"]}]}`,
			"seed: bob\nfile: [fe80::1%eth0]:6789\n"},
		{"net", macro(`\net`),
			`{"event":"net","listen":["192.168.1.7:6789"],"observed":["203.0.113.5:6789"],"nat":"hard","seeds":["seed"],"ways":[{"user":"bob","session":"7f3a000000000001","path":"relay","through":"seed","addr":"203.0.113.5:6789","rtt_ms":1,"why":"not answered yet"},{"user":"carol","session":"c000000000000003"}],"limits":{"relay_rate":3}}`, ""},
		{"help", macro(`\help quit`),
			`{"event":"help","text":"\\quit\nLeave the program gracefully\nSo does Ctrl-D on an empty line. Undelivered texts wait for the next run."}`, ""},
		{"bad argument", macro(`\users x`), `{"event":"error","input":"\\users x","text":"\\users takes no argument"}`, ""},
		{"missing number", macro(`\sessions prune`), `{"event":"error","input":"\\sessions prune","text":"an argument is missing: \\sessions prune N"}`, ""},
		{"missing argument", macro(`\chat`), `{"event":"error","input":"\\chat","text":"an argument is missing: \\chat <username>"}`, ""},
	} {
		if got := strings.TrimSuffix(string(newEncoder().line(x.r)), "\n"); x.json != "" && got != x.json {
			t.Errorf("%s as JSON:\n got %s\nwant %s", x.name, got, x.json)
		}
		var pg page
		x.r.text(&pg, view{now: noon, zone: time.UTC, width: 80})
		if got := pg.out.String(); x.text != "" && got != x.text {
			t.Errorf("%s as text:\n got %q\nwant %q", x.name, got, x.text)
		}
	}
}

// Colour is a style of pieces; without it not one escape is written.
func TestColour(t *testing.T) {
	for _, color := range []bool{false, true} {
		pg := page{color: color}
		newReport(neighbors.CameOnline{User: "bob", Session: "7f3a", Trust: "verified"}).text(&pg, view{now: noon, zone: time.UTC})
		if got := strings.Contains(pg.out.String(), "\x1b["); got != color {
			t.Errorf("color %t: %q", color, pg.out.String())
		}
	}
}

// strangersOf is what \strangers reports of a view.
func strangersOf(v neighbors.StrangersView) (r report) {
	strangers(&conversation{node: &shelltest.Node{Door: v}, unread: &unread{}, put: func(x report) { r = x }}, nil)
	return r
}
