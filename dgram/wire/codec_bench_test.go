package wire

import (
	"strings"
	"testing"
)

// tenTexts is a full datagram of a stream, with the acks of one that came.
func tenTexts() []Message {
	ms := make([]Message, 9)
	for i := range ms {
		ms[i] = Message{ID: uint64(1000 + i), Attempt: 1,
			Body: Text{Prev: uint64(999 + i), Sent: 1_700_000_000_000, Parts: 1, Text: strings.Repeat("x", 100)}}
	}
	return ms
}

func tenAcks() []Message {
	m := Message{Body: Acknowledgement{}}
	for i := range 10 {
		m.Acks = append(m.Acks, Ack{Kind: KindText, ID: uint64(1000 + i), Attempt: 1})
	}
	return []Message{m}
}

func BenchmarkEncodeText(b *testing.B)  { benchmarkEncode(b, tenTexts()[:1]) }
func BenchmarkEncodeTexts(b *testing.B) { benchmarkEncode(b, tenTexts()) }
func BenchmarkEncodeAcks(b *testing.B)  { benchmarkEncode(b, tenAcks()) }
func BenchmarkDecodeText(b *testing.B)  { benchmarkDecode(b, tenTexts()[:1]) }
func BenchmarkDecodeTexts(b *testing.B) { benchmarkDecode(b, tenTexts()) }
func BenchmarkDecodeAcks(b *testing.B)  { benchmarkDecode(b, tenAcks()) }

func benchmarkEncode(b *testing.B, ms []Message) {
	buf := make([]byte, 0, MaxDatagram)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendMessages(buf, ms); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkDecode(b *testing.B, ms []Message) {
	buf, err := AppendMessages(nil, ms)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseMessages(buf); err != nil {
			b.Fatal(err)
		}
	}
}
