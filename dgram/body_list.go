package dgram

import "bytes"

// wireListRequest is ListRequest as it travels (spec/wire.md 5.7).
type wireListRequest struct {
	_                  struct{} `cbor:",toarray"`
	Of, Digest, Cursor []byte
	Credit             uint64
	Ext                []byte
}

func (r ListRequest) wire() wireListRequest {
	return wireListRequest{Of: r.Of, Digest: r.Digest, Cursor: r.Cursor, Credit: r.Credit}
}

func (w wireListRequest) body() (Body, error) {
	return ListRequest{Of: nonEmpty(w.Of), Digest: nonEmpty(w.Digest), Cursor: nonEmpty(w.Cursor), Credit: w.Credit}, nil
}

func (r ListRequest) check() error {
	if !lengthIs(r.Of, 0, 8) && len(r.Of) != 32 || len(r.Digest) > maxDigest || !lengthIs(r.Cursor, 0, 8) ||
		r.Credit < 1 || r.Credit > maxCredit {
		return errBounds
	}
	return nil
}

func (r ListRequest) size() int {
	const arrayAndExt = 2
	return arrayAndExt + bytesSize(len(r.Of)) + bytesSize(len(r.Digest)) + bytesSize(len(r.Cursor)) + headSize(r.Credit)
}

// wireList is List as it travels (spec/wire.md 5.8).
type wireList struct {
	_         struct{} `cbor:",toarray"`
	Request   uint64
	Summaries []wireSummary
	Records   [][]byte
	Next      []byte
	Total     uint64
	Ext       []byte
}

type wireSummary struct {
	_          struct{} `cbor:",toarray"`
	Session    []byte
	Seq, State uint64
}

func (l List) wire() wireList {
	w := wireList{
		Request: l.Request, Records: l.Records, Next: l.Next, Total: l.Total,
		Summaries: make([]wireSummary, len(l.Summaries)),
	}
	for i := range l.Summaries {
		s := &l.Summaries[i]
		w.Summaries[i] = wireSummary{Session: s.Session[:], Seq: s.Seq, State: s.State}
	}
	return w
}

func (w wireList) body() (Body, error) {
	l := List{Request: w.Request, Next: nonEmpty(w.Next), Total: w.Total}
	if len(w.Records) > 0 {
		l.Records = w.Records
	}
	if len(w.Summaries) > 0 {
		l.Summaries = make([]Summary, len(w.Summaries))
	}
	for i, s := range w.Summaries {
		if len(s.Session) != len(PeerID{}) {
			return nil, errBounds
		}
		l.Summaries[i] = Summary{Session: PeerID(s.Session), Seq: s.Seq, State: s.State}
	}
	return l, nil
}

// maxSeq bounds a record's sequence number, maxState what a summary says of it
// (spec/wire.md 4.3, 5.8).
const (
	maxSeq   = 1<<53 - 1
	maxState = SummaryLost
)

func (l List) check() error {
	if len(l.Summaries) > maxSummaries || len(l.Records) > maxListRecords || !lengthIs(l.Next, 0, 8) {
		return errBounds
	}
	if l.Request == 0 && len(l.Records)+len(l.Next)+int(min(l.Total, 1)) > 0 {
		return errBounds // news is hints alone
	}
	for i, s := range l.Summaries {
		if s.Seq > maxSeq || s.State > maxState {
			return errBounds
		}
		if i > 0 && bytes.Compare(l.Summaries[i-1].Session[:], s.Session[:]) >= 0 {
			return errBounds // sorted, each session once
		}
	}
	for _, r := range l.Records {
		if len(r) < 1 || len(r) > maxRecord {
			return errBounds
		}
	}
	return nil
}

func (l List) size() int {
	const arrayAndExt = 2
	n := arrayAndExt + headSize(l.Request) + headSize(uint64(len(l.Summaries))) +
		headSize(uint64(len(l.Records))) + bytesSize(len(l.Next)) + headSize(l.Total)
	for _, s := range l.Summaries {
		n += 1 + bytesSize(len(s.Session)) + headSize(s.Seq) + headSize(s.State)
	}
	for _, r := range l.Records {
		n += bytesSize(len(r))
	}
	return n
}
