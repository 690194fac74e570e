package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// textItems and acknowledgementItems are the elements of these bodies.
const (
	textItems            = 7
	acknowledgementItems = 1
)

// appendTo appends the body (spec/wire.md 5.9), with an empty ext.
func (t Text) appendTo(b []byte) ([]byte, error) {
	b = AppendHead(b, MajorArray, textItems)
	b = AppendHead(b, MajorUint, t.Prev)
	b = AppendHead(b, MajorUint, t.Sent)
	late := uint64(0)
	if t.Late {
		late = 1
	}
	b = AppendHead(b, MajorUint, late)
	b = AppendHead(b, MajorUint, t.Part)
	b = AppendHead(b, MajorUint, t.Parts)
	b = append(AppendHead(b, MajorText, uint64(len(t.Text))), t.Text...)
	return AppendBytes(b, nil), nil
}

// readText reads the body of a text.
func readText(b []byte) (Body, []byte, error) {
	r := reader{b: b}
	if r.head(MajorArray) != textItems {
		return nil, b, errMalformed
	}
	t := Text{Prev: r.head(MajorUint), Sent: r.head(MajorUint)}
	late := r.head(MajorUint)
	t.Late, t.Part, t.Parts = late == 1, r.head(MajorUint), r.head(MajorUint)
	line := r.string(MajorText, 1, MaxText)
	r.bytes(0, MaxDatagram) // ext
	if r.bad || late > 1 {
		return nil, b, errMalformed
	}
	t.Text = string(line)
	return t, r.b, nil
}

func (t Text) check(id uint64) error {
	if t.Parts < 1 || t.Parts > MaxParts || t.Part >= t.Parts ||
		len(t.Text) < 1 || len(t.Text) > MaxText || !utf8.ValidString(t.Text) {
		return errBounds
	}
	if id > MaxTextID || t.Prev >= id || t.Part >= id {
		return errBounds // a predecessor and the first part came earlier, and the first id is 1
	}
	return nil
}

func (t Text) describe(b *strings.Builder) {
	field(b, "prev", t.Prev)
	field(b, "bytes", uint64(len(t.Text)))
	if t.Parts > 1 {
		b.WriteString(" part=" + strconv.FormatUint(t.Part+1, 10) + "/" + strconv.FormatUint(t.Parts, 10))
	}
}

func (t Text) size() int {
	const arrayLateAndExt = 3
	return arrayLateAndExt + HeadSize(t.Prev) + HeadSize(t.Sent) + HeadSize(t.Part) + HeadSize(t.Parts) +
		bytesSize(len(t.Text))
}

// appendTo appends the body (spec/wire.md 5.10): the padding is its ext.
func (a Acknowledgement) appendTo(b []byte) ([]byte, error) {
	b = AppendHead(b, MajorArray, acknowledgementItems)
	b = AppendHead(b, MajorBytes, uint64(a.Pad))
	return append(b, make([]byte, a.Pad)...), nil
}

// readAcknowledgement reads the body of an ack. It keeps the length of the ext, not its
// content, which means nothing in version 1.
func readAcknowledgement(b []byte) (Body, []byte, error) {
	r := reader{b: b}
	if r.head(MajorArray) != acknowledgementItems {
		return nil, b, errMalformed
	}
	pad := len(r.bytes(0, MaxDatagram))
	if r.bad {
		return nil, b, errMalformed
	}
	return Acknowledgement{Pad: pad}, r.b, nil
}

func (a Acknowledgement) check(uint64) error {
	if a.Pad < 0 || a.Pad > MaxPad {
		return errBounds
	}
	return nil
}

func (a Acknowledgement) size() int { return 1 + bytesSize(a.Pad) }

func (a Acknowledgement) describe(b *strings.Builder) {
	if a.Pad > 0 {
		field(b, "pad", uint64(a.Pad))
	}
}
