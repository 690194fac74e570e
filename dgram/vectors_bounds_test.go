package dgram

import (
	"bytes"
	"strings"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// This file has a vector for each bound that the others do not meet: lengths, shapes and
// orders, field by field.

// badPacketVectors are refused before any key is needed, like badDatagramVectors.
func badPacketVectors() []vector {
	shape := func(name, rule string, items ...[]byte) vector {
		return datagramVector("bad-"+name, rule, arr(items...)).bad("shape")
	}
	nonce, cookie, key, salt, noise := zeros(wire.NonceSize), zeros(wire.CookieSize), zeros(wire.KeySize), zeros(wire.SaltSize), zeros(wire.MinNoise)
	sealed := zeros(100)
	return []vector{
		shape("challenge-echo", "challenge", num(18), zeros(wire.NonceSize+1), cookie, key, key),
		shape("challenge-e", "challenge", num(18), nonce, cookie, zeros(wire.KeySize-1), key),
		shape("challenge-s", "challenge", num(18), nonce, cookie, key, zeros(wire.KeySize+1)),
		shape("challenge-short", "challenge", num(18), nonce, cookie, key),
		shape("handshake-index-zero", "handshake", num(19), num(0), nonce, cookie, noise),
		shape("handshake-index-large", "handshake", num(19), num(1<<32), nonce, cookie, noise),
		shape("handshake-echo", "handshake", num(19), num(1), zeros(wire.NonceSize-1), cookie, noise),
		shape("handshake-cookie", "handshake", num(19), num(1), nonce, zeros(wire.CookieSize-1), noise),
		shape("handshake-trailing", "handshake", num(19), num(1), nonce, cookie, noise, zeros(0)),
		shape("accept-to-zero", "accept", num(20), num(0), num(2), salt, sealed),
		shape("accept-from-zero", "accept", num(20), num(1), num(0), salt, sealed),
		shape("accept-from-large", "accept", num(20), num(1), num(1<<32), salt, sealed),
		shape("accept-sealed-short", "accept", num(20), num(1), num(2), salt, zeros(wire.TagSize-1)),
		shape("data-bytes-for-index", "data", num(21), zeros(4), num(1), sealed),
		shape("empty-array", "datagram"),
	}
}

// rawPing is a requestPing of scope 0 in which nothing is said, but for what is changed.
func rawPing(change func(f [][]byte)) []byte {
	f := [][]byte{num(0), str(""), zeros(0), zeros(0), zeros(0), arr(), zeros(0), arr(num(0), zeros(0)), zeros(0), zeros(0)}
	change(f)
	return one(rawMessage(wire.KindPing, 1, arr(f...)))
}

// boundVectors are authentic when they come in DATA, and refused all the same.
func boundVectors(ann, bob person) []vector {
	bad := func(name string, b []byte) vector { return plaintextVector("bad-"+name, "messages", b).bad("payload") }
	ping := func(name string, scope uint64, field int, value []byte) vector {
		return bad("ping-"+name, rawPing(func(f [][]byte) { f[0], f[field] = num(scope), value }))
	}
	reach := func(name string, field int, value []byte) vector {
		return bad("ping-reach-"+name, rawPing(func(f [][]byte) { f[0], f[3], f[field] = num(3), zeros(8), value }))
	}
	list := func(name string, request uint64, summaries, records, next []byte) vector {
		return bad("list-"+name, one(rawMessage(wire.KindList, 1, arr(num(request), summaries, records, next, num(0), zeros(0)))))
	}
	summary := func(sid byte) []byte { return arr(bin(bytes.Repeat([]byte{sid}, 8)), num(1), num(0)) }
	hold := func(name string, to, from []byte, text uint64) vector {
		return bad("hold-"+name, one(rawMessage(wire.KindHold, 1, arr(to, from, num(text), zeros(9), zeros(0)))))
	}
	receipt := func(name string, from, to []byte, text uint64) vector {
		return bad("receipt-"+name, one(rawMessage(wire.KindReceipt, 1, arr(from, to, num(text), num(0), zeros(64), zeros(0)))))
	}
	payload := func(name, rule string, items ...[]byte) vector {
		return plaintextVector("bad-payload-"+name, rule, arr(items...)).bad("payload")
	}
	a, b := bin(ann.session[:]), bin(bob.session[:])
	hello := wire.AppendHello(nil, make([]byte, wire.NonceSize))
	long := arr(num(99), num(4), num(1), arr(), arr(repeat(num(0), wire.MaxElements+1)))
	var targets []byte
	for i := range wire.MaxTargets + 1 {
		targets = append(targets, bytes.Repeat([]byte{byte(i)}, 8)...)
	}
	return []vector{
		ping("record-long", 1, 4, zeros(wire.MaxRecord+1)),
		ping("by", 1, 6, zeros(9)),
		ping("ticket-long", 1, 7, arr(num(0), zeros(0), zeros(0))),
		ping("ticket-short", 1, 7, arr(num(0))),
		ping("ticket-not-array", 1, 7, zeros(0)),
		ping("targets-long", 2, 8, bin(targets)),
		ping("targets-find", 1, 8, zeros(8)),
		ping("probe-name", 0, 1, str("ann")),
		ping("probe-number", 0, 7, arr(num(1), zeros(0))),
		ping("probe-session", 0, 3, zeros(8)),
		reach("name", 1, str("ann")),
		reach("record", 4, bin(ann.record)),
		reach("by", 6, a),
		ping("addr-port", 1, 5, one(bin([]byte{192, 0, 2, 7, 0, 0}))),
		ping("addr-mapped", 1, 5, one(bin(append(append(make([]byte, 10), 0xff, 0xff), 192, 0, 2, 7, 26, 133)))),
		ping("name-utf8", 1, 1, []byte{0x62, 0xc3, 0x28}),
		bad("list-request-digest", one(rawMessage(wire.KindListRequest, 1, arr(zeros(0), zeros(wire.MaxDigest+1), zeros(0), num(1), zeros(0))))),
		list("summary-short", 1, one(arr(a, num(1))), arr(), zeros(0)),
		list("summary-sid", 1, one(arr(zeros(7), num(1), num(0))), arr(), zeros(0)),
		list("summaries-order", 1, arr(summary(2), summary(1)), arr(), zeros(0)),
		list("summaries-twice", 1, arr(summary(1), summary(1)), arr(), zeros(0)),
		list("record-long", 1, arr(), one(zeros(wire.MaxRecord+1)), zeros(0)),
		list("next", 1, arr(), arr(), zeros(7)),
		list("news-record", 0, arr(), one(bin(ann.record)), zeros(0)),
		list("news-next", 0, one(summary(1)), arr(), zeros(8)),
		bad("text-part-64", rawText(0, wire.MaxParts, wire.MaxParts, str("x"))),
		bad("relay-long", one(rawMessage(wire.KindRelay, 0, arr(a, bin(arr(num(21), num(1), num(1), zeros(wire.MaxRelayed))), zeros(0))))),
		bad("relay-trailing", one(rawMessage(wire.KindRelay, 0, arr(a, bin(append(bytes.Clone(hello), 0)), zeros(0))))),
		hold("to", zeros(7), b, 1),
		hold("from", a, zeros(9), 1),
		hold("text-zero", a, b, 0),
		receipt("from", zeros(7), a, 1),
		receipt("to", b, zeros(9), 1),
		receipt("text-zero", b, a, 0),
		receipt("own", a, a, 1),
		bad("body-many", one(long)),
		bad("kind-bytes", one(arr(zeros(1), num(1), num(1), arr(), one(zeros(0))))),
		bad("ack-body", one(rawMessage(wire.KindAck, 0, arr()))),
		bad("offline-ext", one(rawMessage(wire.KindOffline, 1, arr(bin(ann.record), num(0))))),
		payload("have", "handshake-payload", bin(ann.record), num(1<<53), arr(), zeros(0)),
		payload("have-bytes", "handshake-payload", bin(ann.record), zeros(0), arr(), zeros(0)),
		payload("trailing", "handshake-payload", bin(ann.record), num(0), arr(), zeros(0), zeros(0)),
		payload("ext", "handshake-payload", bin(ann.record), num(0), arr(), num(0)),
		payload("accept-record-long", "accept-payload", zeros(wire.MaxRecord+1), arr(), zeros(0)),
		payload("accept-short", "accept-payload", bin(ann.record), arr()),
		payload("accept-message", "accept-payload", bin(ann.record), one(num(7)), zeros(0)),
	}
}

// strangeVectors are odd and good: what a receiver does not look at.
func strangeVectors(ann person) []vector {
	good := func(name, rule string, b []byte) vector { return plaintextVector("message-"+name, rule, b) }
	skipped := arr(num(0), num(4), num(1), one(arr(num(6), num(1), num(1), num(0), num(0))), arr())
	return []vector{
		good("kind-zero", "tolerated", arr(skipped, rawMessage(wire.KindAck, 0, one(zeros(0))))),
		good("attempts", "messages", arr(
			arr(num(6), num(1), num(0), arr(), arr(num(0), num(0), num(0), num(0), num(1), str("x"), zeros(0))),
			arr(num(3), num(1), num(3), arr(), arr(num(0), str(""), zeros(0), zeros(0), zeros(0), arr(), zeros(0), arr(num(0), zeros(0)), zeros(0), zeros(0))),
		)),
		good("unknown-long", "tolerated", one(arr(num(99), num(4), num(1), arr(), arr(repeat(str("x"), wire.MaxElements))))),
		good("list-request-all", "messages", one(rawMessage(wire.KindListRequest, 1, arr(bin(ann.session[:]), zeros(9), bin(ann.session[:]), num(1), zeros(0))))),
	}
}

// nameVectors are records whose name nobody may have, and some that few have.
func nameVectors(ann person, raw func(func(f [][]byte)) []byte, sign func([]byte) []byte) []vector {
	named := func(name string) []byte { return sign(raw(func(f [][]byte) { f[1] = str(name) })) }
	vs := []vector{
		recordVector("record-name-right-to-left", named("אבג")),
		recordVector("record-name-han", named("李雷")),
		recordVector("record-name-marks", named("a.b_c@d-7")),
	}
	for _, c := range []struct{ name, value string }{
		{"tilde", "ann~k7f2"}, {"backslash", `ann\`}, {"hash", "ann#1"}, {"comma", "ann,bob"}, {"colon", "ann:1"}, {"quote", `an"n`}, {"apostrophe", "an'n"},
		{"nfd", "zoe\u0308"}, {"compatibility", "\ufb01n"}, {"right-to-left", "aאb"}, {"override", "ann\u200f"}, {"joiner", "an\u200dn"},
		{"unassigned", "ann\u0378"}, {"symbol", "ann\u2764"}, {"tag", "ann" + string(rune(0xe0041))},
	} {
		vs = append(vs, recordVector("bad-record-name-"+c.name, named(c.value)).bad("record"))
	}
	return vs
}

// recordBoundVectors are well signed records with one field that is wrong.
func recordBoundVectors(ann person, raw func(func(f [][]byte)) []byte, sign func([]byte) []byte) []vector {
	field := func(name string, i int, value []byte) vector {
		return recordVector("bad-record-"+name, sign(raw(func(f [][]byte) { f[i] = value }))).bad("record")
	}
	address := []byte{192, 0, 2, 7, 26, 133}
	return append([]vector{
		field("ext", 11, num(0)),
		field("ext-null", 11, null()),
		field("scope", 7, one(arr(num(256), bin(address)))),
		field("addr-short", 7, one(arr(num(1)))),
		field("addr-not-array", 7, one(bin(address))),
		field("static-short", 3, zeros(31)),
		field("sid-short", 4, zeros(7)),
		field("version-zero", 0, num(0)),
		field("name-bytes", 1, bin([]byte("ann"))),
		field("name-utf8", 1, []byte{0x62, 0xc3, 0x28}),
		recordVector("record-lifetime-zero", sign(raw(func(f [][]byte) { f[8] = num(0) }))),
		recordVector("record-scope", sign(raw(func(f [][]byte) { f[7] = one(arr(num(255), bin(address))) }))),
		recordVector("bad-record-not-array", bin([]byte(strings.Repeat("a", 100)))).bad("record"),
		recordVector("bad-record-three", arr(bin(raw(nil)), zeros(64), zeros(0))).bad("record"),
	}, nameVectors(ann, raw, sign)...)
}

// fieldByField gives the pieces of a record of ann's, which can be wrong and signed well.
func fieldByField(ann person) (raw func(func(f [][]byte)) []byte, sign func([]byte) []byte) {
	user, static := ann.user(), ann.static.PublicKey().Bytes()
	raw = func(change func(f [][]byte)) []byte {
		f := [][]byte{num(1), str("ann"), bin(user), bin(static), bin(ann.session[:]), num(1_700_000_000_001), num(0), arr(), num(600), num(0), zeros(0), zeros(0)}
		if change != nil {
			change(f)
		}
		return arr(f...)
	}
	sign = func(raw []byte) []byte {
		return arr(bin(raw), bin(identity.Ed25519{}.Sign(ann.key, append([]byte(recordDomain), raw...))))
	}
	return raw, sign
}
