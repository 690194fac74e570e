package dgram

import (
	"slices"
	"testing"

	"darkchat/dgram/wire"
)

// listVectors are a list that is asked for with a digest, and what the answers tell
// (spec/wire.md 5.7, 5.8).
func listVectors(t *testing.T) []vector {
	sid := func(first byte) wire.PeerID { return wire.PeerID{first, 1, 2, 3, 4, 5, 6, 7} }
	held := []wire.Summary{
		summaryOf(sid(0x01), 1_700_000_000_000, 0), summaryOf(sid(0x0f), 7, 1),
		summaryOf(sid(0x30), 1, 0), summaryOf(sid(0x37), wire.MaxSeq, wire.SummarySuspect), summaryOf(sid(0x3f), 300, 0),
		summaryOf(sid(0x80), 4711, 0),
		summaryOf(sid(0xf0), 65_536, wire.SummaryLost), summaryOf(sid(0xff), 2, 2),
	}
	told := slices.Clone(held)
	told[4].Seq++                                             // bucket 3: a new record
	told = slices.Delete(told, 5, 6)                          // bucket 8: nobody any more
	told = slices.Insert(told, 2, summaryOf(sid(0x20), 9, 0)) // bucket 2: somebody new
	salt := [wire.DigestSalt]byte{0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7}
	const id = 77
	digest := wire.Digest(salt, held)
	ask := func(name string, q wire.ListRequest) vector {
		q.Credit = 1
		return plaintextVector("list-"+name, "messages", encoded(t, wire.Message{ID: id, Attempt: 1, Body: q}))
	}
	answer := func(name string, list []wire.Summary, keep func(s wire.Summary) bool, next []byte) vector {
		l := wire.List{Request: id, Next: next, Total: uint64(len(list))}
		l.Buckets, l.Part = wire.Differing(digest, list)
		for _, s := range list {
			if l.Buckets.Has(s.Session) && keep(s) {
				l.Summaries = append(l.Summaries, s)
			}
		}
		return plaintextVector("list-"+name, "messages", encoded(t, wire.Message{Body: l})).with("told", cborList(list)).with("digest", digest)
	}
	all := func(wire.Summary) bool { return true }
	first := sid(0x30)
	return []vector{
		ask("digest", wire.ListRequest{Digest: digest}).with("held", cborList(held)),
		ask("digest-of-one", wire.ListRequest{Digest: wire.Digest([wire.DigestSalt]byte{}, held[:1]), Cursor: first[:]}).with("held", cborList(held[:1])),
		answer("differing", told, all, nil),
		answer("differing-first-page", told, func(s wire.Summary) bool { return s.Session[0] <= 0x30 }, first[:]),
		answer("same", held, all, nil),
		answer("nobody", nil, all, nil),
	}
}

func summaryOf(id wire.PeerID, seq, state uint64) wire.Summary {
	return wire.Summary{Session: id, Seq: seq, State: state}
}

// cborList is a list as [* summary].
func cborList(list []wire.Summary) []byte {
	items := make([][]byte, len(list))
	for i, s := range list {
		items[i] = arr(bin(s.Session[:]), num(s.Seq), num(s.State))
	}
	return arr(items...)
}
