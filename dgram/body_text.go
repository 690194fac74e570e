package dgram

import "unicode/utf8"

// wireText is Text as it travels (spec/wire.md 5.9).
type wireText struct {
	_                             struct{} `cbor:",toarray"`
	Prev, Sent, Late, Part, Parts uint64
	Text                          string
	Ext                           []byte
}

func (t Text) wire() wireText {
	w := wireText{Prev: t.Prev, Sent: t.Sent, Part: t.Part, Parts: t.Parts, Text: t.Text}
	if t.Late {
		w.Late = 1
	}
	return w
}

func (w wireText) body() (Body, error) {
	if w.Late > 1 {
		return nil, errBounds
	}
	return Text{Prev: w.Prev, Sent: w.Sent, Late: w.Late == 1, Part: w.Part, Parts: w.Parts, Text: w.Text}, nil
}

func (t Text) check() error {
	if t.Parts < 1 || t.Parts > maxParts || t.Part >= t.Parts ||
		len(t.Text) < 1 || len(t.Text) > maxText || !utf8.ValidString(t.Text) {
		return errBounds
	}
	return nil
}

func (t Text) size() int {
	const arrayLateAndExt = 3
	return arrayLateAndExt + headSize(t.Prev) + headSize(t.Sent) + headSize(t.Part) + headSize(t.Parts) +
		bytesSize(len(t.Text))
}

// wireAcknowledgement is Acknowledgement as it travels (spec/wire.md 5.10).
type wireAcknowledgement struct {
	_   struct{} `cbor:",toarray"`
	Ext []byte
}

func (a Acknowledgement) wire() wireAcknowledgement {
	if a.Pad == 0 {
		return wireAcknowledgement{}
	}
	return wireAcknowledgement{Ext: make([]byte, a.Pad)}
}

// body keeps the length of the extension, not its content: version 1 reads none.
func (w wireAcknowledgement) body() (Body, error) { return Acknowledgement{Pad: len(w.Ext)}, nil }

func (a Acknowledgement) check() error {
	if a.Pad < 0 || a.Pad > maxPad {
		return errBounds
	}
	return nil
}

func (a Acknowledgement) size() int { return 1 + bytesSize(a.Pad) }

// bytesSize returns the encoded length of a byte or text string of n bytes.
func bytesSize(n int) int { return headSize(uint64(n)) + n }
