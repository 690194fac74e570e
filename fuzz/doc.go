// Package fuzz attacks the other folders through what they export. It holds no
// product code: every file but this one is a test.
//
// The targets, each with the property that it tries to break:
//
//	FuzzOuter     a datagram from an unproved address: at most one answer, strictly smaller, nothing changed
//	FuzzInner     authentic messages: what is read is written again as the same bytes
//	FuzzRecord    a signed record: it holds every rule, and one changed bit never verifies
//	FuzzPeople    a contacts file: read or refused, within its bounds
//	FuzzJournal   a slot whose journal is any bytes: opened, nothing lost that was whole
//	FuzzLine      typed lines against a second, slow reading of their grammar
//	FuzzSanitize  what peers say, on a screen and as JSON: nothing raw
//	FuzzNode      a whole node under noise, altered handshakes and a hostile peer: it still answers
//	FuzzPair      two nodes, a hostile network and kills: each text once, in order, for ever
//
// Beside them are plain tests of promises that no single folder can make: TestNeverLarger
// (whatever one datagram causes, now or later), TestDeliveryImprovesAcrossRestarts and
// TestFlood (a live node on a real socket; DARKCHAT_FLOOD says how many datagrams).
//
// Seeds come from the test vectors of the specification and from a few lines beside
// each target; they run under plain go test. To look for new inputs:
//
//	go test ./fuzz -run '^$' -fuzz '^FuzzNode$' -fuzztime 1m -fuzzminimizetime 1x
//
// (Without the last flag go spends most of a short run minimizing its corpus.) A failing run
// of whole nodes is printed datagram by datagram with
//
//	go test ./fuzz -run FuzzPair/NAME -v -args -tell
//
// A finding is then in testdata/fuzz/TARGET and fails under plain go test. It stays there
// with the fix. If it shows something about the wire it also becomes a vector: the bytes as
// spec/vectors/bad-NAME.hex with the error of spec/wire.md 8 that a receiver must give, so
// that other implementations are tested with it too.
//
// The folder mutants holds one fault for each guard of the code's invariants, with the name of the
// test that must fail with it and pass without it: mutants_test.go says how they are written and
// run. A test that cannot fail proves nothing.
package fuzz
