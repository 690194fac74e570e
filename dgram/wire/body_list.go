package wire

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// The elements of these bodies, and of a summary. Like texts and acks they are decoded by
// hand, because most presence traffic consists of them.
const (
	listRequestItems = 5
	listItems        = 6
	summaryItems     = 3
)

// appendTo appends the body (spec/wire.md 5.7), with an empty ext.
func (r ListRequest) appendTo(b []byte) ([]byte, error) {
	b = AppendHead(b, MajorArray, listRequestItems)
	for _, v := range [3][]byte{r.Of, r.Digest, r.Cursor} {
		b = AppendBytes(b, v)
	}
	return AppendBytes(AppendHead(b, MajorUint, r.Credit), nil), nil
}

// readListRequest reads the body of a requestUserList.
func readListRequest(b []byte) (Body, []byte, error) {
	r := reader{b: b}
	if r.head(MajorArray) != listRequestItems {
		return nil, b, errMalformed
	}
	q := ListRequest{Of: r.copied(MaxDatagram), Digest: r.copied(MaxDatagram), Cursor: r.copied(MaxDatagram), Credit: r.head(MajorUint)}
	r.bytes(0, MaxDatagram) // ext
	if r.bad {
		return nil, b, errMalformed
	}
	return q, r.b, nil
}

func (r ListRequest) check(uint64) error {
	if !lengthIs(r.Of, 0, 8) && len(r.Of) != 32 || len(r.Digest) > MaxDigest || !lengthIs(r.Cursor, 0, 8) ||
		r.Credit < 1 || r.Credit > MaxCredit {
		return errBounds
	}
	return nil
}

func (r ListRequest) describe(b *strings.Builder) {
	word(b, "of", r.Of)
	field(b, "credit", r.Credit)
}

func (r ListRequest) size() int {
	const arrayAndExt = 2
	return arrayAndExt + bytesSize(len(r.Of)) + bytesSize(len(r.Digest)) + bytesSize(len(r.Cursor)) + HeadSize(r.Credit)
}

// appendTo appends the body (spec/wire.md 5.8); its ext holds the buckets, unless they are all.
func (l List) appendTo(b []byte) ([]byte, error) {
	b = AppendHead(b, MajorArray, listItems)
	b = AppendHead(b, MajorUint, l.Request)
	b = AppendHead(b, MajorArray, uint64(len(l.Summaries)))
	for i := range l.Summaries {
		s := &l.Summaries[i]
		b = AppendHead(b, MajorArray, summaryItems)
		b = AppendBytes(b, s.Session[:])
		b = AppendHead(AppendHead(b, MajorUint, s.Seq), MajorUint, s.State)
	}
	b = AppendHead(b, MajorArray, uint64(len(l.Records)))
	for _, r := range l.Records {
		b = AppendBytes(b, r)
	}
	b = AppendHead(AppendBytes(b, l.Next), MajorUint, l.Total)
	if !l.Part {
		return AppendBytes(b, nil), nil
	}
	return binary.BigEndian.AppendUint16(AppendHead(b, MajorBytes, bucketsSize), uint16(l.Buckets)), nil
}

// readList reads the body of a deliverKnownList.
func readList(b []byte) (Body, []byte, error) {
	r := reader{b: b}
	if r.head(MajorArray) != listItems {
		return nil, b, errMalformed
	}
	l := List{Request: r.head(MajorUint)}
	n := r.head(MajorArray)
	if r.bad || n > MaxSummaries {
		return nil, b, errMalformed
	}
	if n > 0 {
		l.Summaries = make([]Summary, 0, min(int(n), len(r.b)/(1+len(PeerID{}))))
	}
	for range n {
		if r.head(MajorArray) != summaryItems {
			return nil, b, errMalformed
		}
		id := r.bytes(len(PeerID{}), len(PeerID{}))
		if r.bad {
			return nil, b, errMalformed
		}
		l.Summaries = append(l.Summaries, Summary{Session: PeerID(id), Seq: r.head(MajorUint), State: r.head(MajorUint)})
	}
	n = r.head(MajorArray)
	if r.bad || n > MaxListRecords {
		return nil, b, errMalformed
	}
	for range n {
		l.Records = append(l.Records, r.copied(MaxRecord))
	}
	l.Next, l.Total = r.copied(MaxDatagram), r.head(MajorUint)
	ext := r.bytes(0, MaxDatagram)
	if r.bad {
		return nil, b, errMalformed
	}
	if len(ext) >= bucketsSize && l.Request > 0 { // the rest belongs to a later version
		l.Part, l.Buckets = true, Buckets(binary.BigEndian.Uint16(ext))
	}
	return l, r.b, nil
}

// MaxSeq bounds a record's sequence number, maxState the state in a summary (spec/wire.md
// 4.3, 5.8).
const (
	MaxSeq   = 1<<53 - 1
	maxState = SummaryLost
)

func (l List) check(uint64) error {
	if len(l.Summaries) > MaxSummaries || len(l.Records) > MaxListRecords || !lengthIs(l.Next, 0, 8) {
		return errBounds
	}
	if l.Request == 0 && (l.Part || len(l.Records)+len(l.Next)+int(min(l.Total, 1)) > 0) {
		return errBounds // news has only summaries
	}
	for i, s := range l.Summaries {
		if s.Seq > MaxSeq || s.State > maxState {
			return errBounds
		}
		if i > 0 && bytes.Compare(l.Summaries[i-1].Session[:], s.Session[:]) >= 0 {
			return errBounds // sorted, each session once
		}
	}
	for _, r := range l.Records {
		if len(r) < 1 || len(r) > MaxRecord {
			return errBounds
		}
	}
	return nil
}

func (l List) describe(b *strings.Builder) {
	field(b, "request", l.Request)
	field(b, "summaries", uint64(len(l.Summaries)))
	field(b, "records", uint64(len(l.Records)))
}

func (l List) size() int {
	const arrayAndExt = 2
	n := arrayAndExt + HeadSize(l.Request) + HeadSize(uint64(len(l.Summaries))) +
		HeadSize(uint64(len(l.Records))) + bytesSize(len(l.Next)) + HeadSize(l.Total)
	for _, s := range l.Summaries {
		n += 1 + bytesSize(len(s.Session)) + HeadSize(s.Seq) + HeadSize(s.State)
	}
	for _, r := range l.Records {
		n += bytesSize(len(r))
	}
	if l.Part {
		n += bucketsSize
	}
	return n
}
