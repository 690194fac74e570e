package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"darkchat/sessions/kv"
)

// A journal file is a header and then frames. Each frame is one batch:
//
//	magic 4 | length of the payload, 4, big-endian | CRC-32C, 4 | payload
//
// The checksum covers the length and the payload. The payload is one CBOR array
// of [bucket, key, value], where value null means delete.
const (
	frameMagic  = "\xdc\xf7\x0a\xe5"
	frameHeader = 12

	// maxFrame bounds one batch in a journal.
	maxFrame = 8 << 20
	// maxKey is bbolt's own bound.
	maxKey = 1 << 15

	// keepBuffer is the size up to which a buffer is reused.
	keepBuffer = 256 << 10
)

var (
	// ErrBatch means that no journal takes a batch: a bucket that is not for batches, an
	// empty or too long key, or too many bytes.
	ErrBatch = errors.New("batch cannot be stored")

	errTorn = errors.New("frame is torn")
)

// checkBatch says whether every journal and the store will take the batch, so that a later compaction
// cannot fail on an accepted batch.
func checkBatch(batch []kv.Write) error {
	if len(batch) == 0 || len(batch) > kv.MaxBatch {
		return fmt.Errorf("%w: %d writes", ErrBatch, len(batch))
	}
	size := 0
	for _, w := range batch {
		if w.Bucket <= kv.BucketMeta || w.Bucket > kv.LastBucket {
			return fmt.Errorf("%w: bucket %d", ErrBatch, w.Bucket)
		}
		if len(w.Key) == 0 || len(w.Key) > maxKey {
			return fmt.Errorf("%w: key of %d bytes", ErrBatch, len(w.Key))
		}
		size += writeSize(w)
	}
	if size > maxFrame {
		return fmt.Errorf("%w: %d bytes", ErrBatch, size)
	}
	return nil
}

// writeSize is at least the size of w in a frame.
func writeSize(w kv.Write) int { return len(w.Key) + len(w.Value) + 16 }

// appendFrame appends a batch that has passed checkBatch to dst as one frame.
func appendFrame(dst []byte, batch []kv.Write) []byte {
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = append(dst, make([]byte, frameHeader-len(frameMagic))...)
	dst = kv.AppendRows(dst, batch)
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-frameHeader))
	binary.BigEndian.PutUint32(dst[start+8:], frameSum(dst[start:]))
	return dst
}

func frameSum(frame []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, frame[4:8])
	return crc32.Update(sum, table, frame[frameHeader:])
}

// splitFrame returns the first frame of b, header included, and what follows it. It fails with
// errTorn unless b begins with a whole, sound frame.
func splitFrame(b []byte) (frame, rest []byte, err error) {
	if len(b) < frameHeader || string(b[:4]) != frameMagic {
		return nil, nil, errTorn
	}
	n := binary.BigEndian.Uint32(b[4:8])
	if n == 0 || n > maxFrame || uint64(n) > uint64(len(b)-frameHeader) {
		return nil, nil, errTorn
	}
	frame = b[:frameHeader+int(n)]
	if binary.BigEndian.Uint32(frame[8:12]) != frameSum(frame) {
		return nil, nil, errTorn
	}
	return frame, b[len(frame):], nil
}

// parseFrame appends the batch in a frame, as splitFrame returns it, to dst. Keys and values are
// slices of the frame.
func parseFrame(dst []kv.Write, frame []byte) ([]kv.Write, error) {
	batch, ok := kv.ReadRows(dst, frame[frameHeader:])
	if !ok {
		return nil, fmt.Errorf("%w: not the rows of a journal", ErrBatch)
	}
	if err := checkBatch(batch); err != nil {
		return nil, err
	}
	return batch, nil
}

// readFrames calls take with each batch at the start of b and returns their total length. take
// may keep keys and values, but not the batch slices. Reading stops at the first frame that is not
// sound. damaged says that the rest is more than a write cut short: a sound frame follows, or a
// whole frame contains no batch.
func readFrames(b []byte, take func(batch []kv.Write)) (good int, damaged bool) {
	var batch []kv.Write
	for good < len(b) {
		frame, _, err := splitFrame(b[good:])
		if err != nil {
			return good, frameWithin(b[good:])
		}
		if batch, err = parseFrame(batch[:0], frame); err != nil {
			return good, true
		}
		take(batch)
		good += len(frame)
	}
	return good, false
}

// frameWithin says whether a sound frame begins anywhere after b's first byte.
func frameWithin(b []byte) bool {
	for len(b) > 1 {
		i := bytes.Index(b[1:], []byte(frameMagic))
		if i < 0 {
			return false
		}
		b = b[1+i:]
		if _, _, err := splitFrame(b); err == nil {
			return true
		}
	}
	return false
}
