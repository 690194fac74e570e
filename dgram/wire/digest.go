package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// The digest of a list (spec/wire.md 5.7): a salt and, for each bucket, how many summaries it
// has and a checksum of them. Each request has a new salt, so that the owner of some of the
// summaries cannot search beforehand for two lists with one digest.
const (
	digestBuckets = 16
	DigestSalt    = 8 // bytes
	digestSum     = 6
	digestSize    = DigestSalt + digestBuckets*(1+digestSum)
	bucketsSize   = digestBuckets / 8
)

// Buckets is a set of the buckets of a list, one bit each: bucket 0 is the lowest bit. The
// first four bits of a session's id name its bucket, so each bucket is one contiguous piece
// of a sorted list.
type Buckets uint16

// Has says whether a session's bucket is one of them.
func (b Buckets) Has(id PeerID) bool { return b>>bucketOf(id)&1 == 1 }

func bucketOf(id PeerID) int { return int(id[0] >> 4) }

// Digest makes the digest of a list sorted by session id, each once.
func Digest(salt [DigestSalt]byte, list []Summary) []byte {
	digest := append(make([]byte, 0, digestSize), salt[:]...)
	for i := range digestBuckets {
		var part []Summary
		part, list = cutBucket(list, i)
		digest = append(digest, countOf(part))
		sum := sumOf(salt[:], part)
		digest = append(digest, sum[:]...)
	}
	return digest
}

// Differing compares a digest with a sorted list and returns the buckets in which they
// differ. False: it is not a digest, and the whole list is to be sent.
func Differing(digest []byte, list []Summary) (b Buckets, ok bool) {
	if len(digest) != digestSize {
		return 0, false
	}
	salt, theirs := digest[:DigestSalt], digest[DigestSalt:]
	for i := range digestBuckets {
		var part []Summary
		part, list = cutBucket(list, i)
		same := theirs[0] == countOf(part)
		if same { // otherwise there is no need to hash
			sum := sumOf(salt, part)
			same = bytes.Equal(theirs[1:1+digestSum], sum[:])
		}
		if !same {
			b |= 1 << i
		}
		theirs = theirs[1+digestSum:]
	}
	return b, true
}

// cutBucket cuts the summaries of one bucket off the front of a list.
func cutBucket(list []Summary, bucket int) (part, rest []Summary) {
	n := 0
	for n < len(list) && bucketOf(list[n].Session) == bucket {
		n++
	}
	return list[:n], list[n:]
}

func countOf(part []Summary) byte { return byte(min(len(part), 255)) }

// sumOf is the beginning of one hash over the salt and all summaries of a bucket, in order. A
// sum of hashes would be linear, and so easy to forge. For an empty bucket it is zero.
func sumOf(salt []byte, part []Summary) (sum [digestSum]byte) {
	if len(part) == 0 {
		return sum
	}
	const size = len(PeerID{}) + 8 + 1
	b := append(make([]byte, 0, len(salt)+size*len(part)), salt...)
	for _, s := range part {
		b = append(b, s.Session[:]...)
		b = append(binary.BigEndian.AppendUint64(b, s.Seq), byte(s.State))
	}
	hash := sha256.Sum256(b)
	copy(sum[:], hash[:])
	return sum
}
