package wire

import "strings"

// Hold carries a copy of a text that is sealed to the session To: from the text's sender to
// a friend who is to keep it, and from that friend to To once it is there.
type Hold struct {
	To, From PeerID // for whom; whose text it is
	Text     uint64 // its id, 1 to MaxTextID
	Sealed   []byte // at most MaxSealed
}

// Receipt says what became of a held text, signed by its recipient's user: from the
// recipient to the friend, and from the friend to the text's sender.
type Receipt struct {
	From, To PeerID // the recipient; the text's sender
	Text     uint64 // its id, 1 to MaxTextID
	Result   Result // delivered, not trusted or too old
	Sig      []byte // 64 bytes
}

// Kind returns KindHold.
func (Hold) Kind() Kind { return KindHold }

// Kind returns KindReceipt.
func (Receipt) Kind() Kind { return KindReceipt }

// holdForm is Hold as it travels (spec/wire.md 5.13).
type holdForm struct {
	_           struct{} `cbor:",toarray"`
	To, From    []byte
	Text        uint64
	Sealed, Ext []byte
}

func (h Hold) appendTo(b []byte) ([]byte, error) { return appendForm(b, h.form()) }

func (h Hold) form() holdForm {
	return holdForm{To: h.To[:], From: h.From[:], Text: h.Text, Sealed: h.Sealed}
}

func (w holdForm) body() (Body, error) {
	if len(w.To) != len(PeerID{}) || len(w.From) != len(PeerID{}) {
		return nil, errBounds
	}
	return Hold{To: PeerID(w.To), From: PeerID(w.From), Text: w.Text, Sealed: w.Sealed}, nil
}

func (h Hold) check(uint64) error {
	if h.Text < 1 || h.Text > MaxTextID || len(h.Sealed) < 1 || len(h.Sealed) > MaxSealed || h.To == h.From {
		return errBounds
	}
	return nil
}

func (h Hold) describe(b *strings.Builder) {
	word(b, "to", h.To[:])
	word(b, "from", h.From[:])
	field(b, "text", h.Text)
}

func (h Hold) size() int {
	return 2 + bytesSize(len(h.To)) + bytesSize(len(h.From)) + HeadSize(h.Text) + bytesSize(len(h.Sealed))
}

// receiptForm is Receipt as it travels (spec/wire.md 5.14).
type receiptForm struct {
	_        struct{} `cbor:",toarray"`
	From, To []byte
	Text     uint64
	Result   uint64
	Sig, Ext []byte
}

func (r Receipt) appendTo(b []byte) ([]byte, error) { return appendForm(b, r.form()) }

func (r Receipt) form() receiptForm {
	return receiptForm{From: r.From[:], To: r.To[:], Text: r.Text, Result: uint64(r.Result), Sig: r.Sig}
}

func (w receiptForm) body() (Body, error) {
	if len(w.To) != len(PeerID{}) || len(w.From) != len(PeerID{}) {
		return nil, errBounds
	}
	return Receipt{From: PeerID(w.From), To: PeerID(w.To), Text: w.Text, Result: Result(w.Result), Sig: w.Sig}, nil
}

func (r Receipt) check(uint64) error {
	final := r.Result == ResultDelivered || r.Result == ResultNotTrusted || r.Result == ResultTooOld
	if r.Text < 1 || r.Text > MaxTextID || !final || len(r.Sig) != 64 || r.To == r.From {
		return errBounds
	}
	return nil
}

func (r Receipt) describe(b *strings.Builder) {
	word(b, "to", r.To[:])
	word(b, "from", r.From[:])
	field(b, "text", r.Text)
}

func (r Receipt) size() int {
	return 2 + bytesSize(len(r.From)) + bytesSize(len(r.To)) + HeadSize(r.Text) + HeadSize(uint64(r.Result)) + bytesSize(len(r.Sig))
}
