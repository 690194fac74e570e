package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"darkchat/sessions/kv"
)

// A journal's header:
//
//	magic 8 | format, 4 | follows, 4 | number, 8 | CRC-32C of the 24 before, 4
//
// Integers are big-endian. Journals of one slot are numbered from 1; the store says up to which
// number they are compacted into it. follows is the length of the journal before when this one took
// over, 0 if everything before was compacted.
const (
	journalMagic  = "darkjrnl"
	journalFormat = 1
	journalHeader = 28
)

// file is the part of *os.File that a journal uses.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// openFile makes the file of a new journal, empty.
type openFile func(path string) (file, error)

func openJournalFile(path string) (file, error) {
	return OpenRegular(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode)
}

// journal is a journal file that is being written. One goroutine appends; Sync
// of f may be called by another.
type journal struct {
	f         file
	path      string
	number    uint64
	size      int64       // length of the sound part
	ragged    bool        // a failed write may have left bytes behind size
	compacted atomic.Bool // all of it is in the store
}

func journalPath(dir string, number uint64) string {
	return filepath.Join(dir, journalName+"."+strconv.FormatUint(number, 10))
}

func createJournal(dir string, number uint64, follows int64, open openFile) (*journal, error) {
	j := &journal{path: journalPath(dir, number), number: number}
	var err error
	if j.f, err = open(j.path); err != nil {
		return nil, err
	}
	if err := j.append(headAfter(journalFormat, uint32(follows), number)); err != nil {
		j.f.Close()
		return nil, err
	}
	return j, nil
}

func journalHead(number uint64) []byte { return headOf(journalFormat, number) }

func headOf(format uint32, number uint64) []byte { return headAfter(format, 0, number) }

func headAfter(format, follows uint32, number uint64) []byte {
	b := make([]byte, 0, journalHeader)
	b = append(b, journalMagic...)
	b = binary.BigEndian.AppendUint32(b, format)
	b = binary.BigEndian.AppendUint32(b, follows)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// append adds b with one write(2), whole or not at all. After a failure, mostly for want of room, a
// later append may succeed.
func (j *journal) append(b []byte) error {
	if j.ragged {
		if err := j.f.Truncate(j.size); err != nil {
			return err
		}
		j.ragged = false
	}
	if _, err := j.f.WriteAt(b, j.size); err != nil {
		// A frame that was refused must not reappear at the next start.
		j.ragged = j.f.Truncate(j.size) != nil
		return err
	}
	j.size += int64(len(b))
	return nil
}

// stored is the content of a journal file when it was read.
type stored struct {
	path    string
	number  uint64
	follows int64 // length that the journal before must have; 0: it does not matter
	batches [][]kv.Write
	good    int64 // length of the sound part, header included
	damaged bool  // more than a write that was cut short is lost
}

// readJournal reads the file at path, which must have the given number. It fails with ErrNewer or the
// system's error. If something in it cannot be read it is damaged, and what comes before that is
// returned.
func readJournal(path string, number uint64) (stored, error) {
	var batches [][]kv.Write
	s, err := scanJournal(path, number, new([]byte), func(batch []kv.Write) { batches = append(batches, slices.Clone(batch)) })
	s.batches = batches
	return s, err
}

// scanJournal is readJournal into room, which passes the batches to take (see readFrames) instead of
// keeping them. They are slices of room.
func scanJournal(path string, number uint64, room *[]byte, take func(batch []kv.Write)) (stored, error) {
	b, err := readInto(*room, path)
	if err != nil {
		return stored{}, err
	}
	*room = b
	s := stored{path: path, number: number}
	switch ok, err := checkHead(b, number); {
	case err != nil:
		return stored{}, err
	case !ok:
		s.damaged = strings.Trim(string(b), "\x00") != "" && !strings.HasPrefix(string(journalHead(number)), string(b))
		return s, nil
	}
	s.follows = int64(binary.BigEndian.Uint32(b[12:16]))
	n, damaged := readFrames(b[journalHeader:], take)
	s.good, s.damaged = int64(journalHeader+n), damaged
	return s, nil
}

// readInto reads a file into room if it fits, otherwise into a new, slightly larger slice.
func readInto(room []byte, path string) ([]byte, error) {
	f, err := OpenRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size := info.Size(); size > int64(cap(room)) {
		room = make([]byte, (size/roomStep+1)*roomStep)
	}
	// Whoever reads a journal in use does not need what is appended meanwhile.
	n, err := io.ReadFull(f, room[:info.Size()])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return room[:n], err
}

const roomStep = 64 << 10 // in which the room for reading journals grows

// checkHead says whether b begins with the header of the journal of this number. A sound header of a
// newer format, which has the same shape, is ErrNewer.
func checkHead(b []byte, number uint64) (bool, error) {
	if len(b) < journalHeader || string(b[:8]) != journalMagic {
		return false, nil
	}
	format, follows := binary.BigEndian.Uint32(b[8:12]), binary.BigEndian.Uint32(b[12:16])
	if string(b[:journalHeader]) != string(headAfter(format, follows, number)) || format == 0 {
		return false, nil
	}
	if format > journalFormat {
		return false, fmt.Errorf("%w (format %d, known %d)", kv.ErrNewer, format, journalFormat)
	}
	return true, nil
}

// markHoles marks journals as damaged that do not follow the ones before them: if neither was synced, a
// power cut may leave the last writes without those just before. Replayed over such a hole, a window
// would claim texts that are lost, and their senders would be told that we have them. Journals up to
// the number compacted are all in the store.
func markHoles(journals []stored, compacted uint64) {
	hole := false
	for i := range journals {
		j := &journals[i]
		if j.number <= compacted {
			continue
		}
		if j.follows > 0 && j.number > compacted+1 {
			hole = hole || i == 0 || journals[i-1].number != j.number-1 || journals[i-1].good < j.follows
		}
		if hole {
			j.damaged, j.batches = true, nil
		}
	}
}

// listJournals returns the numbers of the journals in dir, ascending.
func listJournals(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		if digits, ok := strings.CutPrefix(e.Name(), journalName+"."); ok && e.Type().IsRegular() {
			n, err := strconv.ParseUint(digits, 10, 64)
			if err == nil && n > 0 && strconv.FormatUint(n, 10) == digits {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func inodeAt(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return inodeOf(info), nil
}
