package dgram

// Hold carries a copy of a text that is sealed to the session To: from the text's sender to
// a friend who is to keep it, and from that friend to To once it is there.
type Hold struct {
	To, From PeerID // for whom; whose text it is
	Text     uint64 // its id, 1 to maxTextID
	Sealed   []byte // at most maxSealed
}

// Receipt says what became of a held text, signed by its recipient's user: from the
// recipient to the friend, and from the friend to the text's sender.
type Receipt struct {
	From, To PeerID // the recipient; the text's sender
	Text     uint64 // its id, 1 to maxTextID
	Result   Result // delivered, not trusted or too old
	Sig      []byte // 64 bytes
}

// Kind returns KindHold.
func (Hold) Kind() Kind { return KindHold }

// Kind returns KindReceipt.
func (Receipt) Kind() Kind { return KindReceipt }

func (Hold) confirmed() bool    { return true }
func (Receipt) confirmed() bool { return true }

// wireHold is Hold as it travels (spec/wire.md 5.13).
type wireHold struct {
	_           struct{} `cbor:",toarray"`
	To, From    []byte
	Text        uint64
	Sealed, Ext []byte
}

func (h Hold) wire() wireHold {
	return wireHold{To: h.To[:], From: h.From[:], Text: h.Text, Sealed: h.Sealed}
}

func (w wireHold) body() (Body, error) {
	if len(w.To) != len(PeerID{}) || len(w.From) != len(PeerID{}) {
		return nil, errBounds
	}
	return Hold{To: PeerID(w.To), From: PeerID(w.From), Text: w.Text, Sealed: w.Sealed}, nil
}

func (h Hold) check() error {
	if h.Text < 1 || h.Text > maxTextID || len(h.Sealed) < 1 || len(h.Sealed) > maxSealed || h.To == h.From {
		return errBounds
	}
	return nil
}

func (h Hold) size() int {
	return 2 + bytesSize(len(h.To)) + bytesSize(len(h.From)) + headSize(h.Text) + bytesSize(len(h.Sealed))
}

// wireReceipt is Receipt as it travels (spec/wire.md 5.14).
type wireReceipt struct {
	_        struct{} `cbor:",toarray"`
	From, To []byte
	Text     uint64
	Result   uint64
	Sig, Ext []byte
}

func (r Receipt) wire() wireReceipt {
	return wireReceipt{From: r.From[:], To: r.To[:], Text: r.Text, Result: uint64(r.Result), Sig: r.Sig}
}

func (w wireReceipt) body() (Body, error) {
	if len(w.To) != len(PeerID{}) || len(w.From) != len(PeerID{}) {
		return nil, errBounds
	}
	return Receipt{From: PeerID(w.From), To: PeerID(w.To), Text: w.Text, Result: Result(w.Result), Sig: w.Sig}, nil
}

func (r Receipt) check() error {
	final := r.Result == ResultDelivered || r.Result == ResultNotTrusted || r.Result == ResultTooOld
	if r.Text < 1 || r.Text > maxTextID || !final || len(r.Sig) != 64 || r.To == r.From {
		return errBounds
	}
	return nil
}

func (r Receipt) size() int {
	return 2 + bytesSize(len(r.From)) + bytesSize(len(r.To)) + headSize(r.Text) + headSize(uint64(r.Result)) + bytesSize(len(r.Sig))
}
