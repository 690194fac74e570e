package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"darkchat/sessions/kv"
)

// What a Store holds at most in memory and in its journals.
const (
	// queueBatches bounds the batches that wait to be written.
	queueBatches = 1024
	// queueBytes bounds their size.
	queueBytes = 16 << 20
	// doneSpare is the room in Done for reports that answer no call.
	doneSpare = 8
	// groupBytes is the size at which a group of batches is written though more wait.
	groupBytes = 1 << 20
	// reserveQueue bounds the calls of Reserve that wait.
	reserveQueue = 4
)

// storeLimits are limits that tests make small.
type storeLimits struct {
	compactAt    int64         // length at which a journal is compacted
	maxJournal   int64         // length at which a journal that could not be compacted takes no more
	syncDelay    time.Duration // from a write to the start of its sync
	compactRetry time.Duration // from a failed compaction to the next try
}

func usualLimits() storeLimits {
	return storeLimits{
		compactAt:    256 << 10,
		maxJournal:   64 << 20,
		syncDelay:    40 * time.Millisecond,
		compactRetry: 30 * time.Second,
	}
}

// ErrJournalFull is why batches are refused once the journal has grown to its bound because it
// could not be compacted into the store.
var ErrJournalFull = errors.New("journal is full, since the store cannot be written")

var errClosed = errors.New("store is closed")

// Done is the end of one Append or Reserve.
//
// For Append, a nil Err says that the batch is in the journal: from now on it survives the death of
// the process, and 100 ms later a power cut. With an Err it is not stored; a later batch may be, once
// the cause has gone. For Reserve, Granted is the block, or Err says why there is none. Seq 0 is a
// report that answers no call: the disk failed in the background.
type Done struct {
	Seq     uint64
	Err     error
	Granted Range
}

// Store puts batches of Writes on disk. Append and Reserve never wait; their results come on Done.
//
// One goroutine owns a Store: it calls Append, Reserve and Close. Three others
// work for it: writeLoop makes one write(2) of all batches that wait, syncLoop
// syncs within 100 ms what was written, and compactLoop brings a journal that has
// grown into the store file.
type Store struct {
	dir    string
	limits storeLimits
	open   openFile
	trust  *trustFile
	number *reserver
	past   *archive // the history; nil: none is kept

	queue    chan request
	reserves chan request
	done     chan Done
	inFlight atomic.Int64 // calls whose Done is not yet sent
	queued   atomic.Int64 // bytes of batches that wait
	closed   bool

	writing    writer
	syncing    syncer
	compaction compactor
	stop       chan struct{} // closed when the writer has ended
	ended      sync.WaitGroup
}

type request struct {
	seq     uint64
	batch   []kv.Write
	size    int64
	counter Counter
}

// startStore starts a Store whose first journal has the given number.
func startStore(dir string, db *database, first uint64, p *trustFile, r *reserver, limits storeLimits, open openFile) (*Store, error) {
	j, err := createJournal(dir, first, 0, open)
	if err != nil {
		return nil, fault(journalPath(dir, first), err, "check this disk")
	}
	s := &Store{
		dir: dir, limits: limits, open: open, trust: p, number: r, past: db.past,
		queue:      make(chan request, queueBatches),
		reserves:   make(chan request, reserveQueue),
		done:       make(chan Done, queueBatches+reserveQueue+doneSpare),
		writing:    writer{journal: j, ended: make(chan struct{})},
		syncing:    syncer{wake: make(chan struct{}, 1), renamed: true},
		compaction: compactor{db: db, jobs: make(chan *journal, 1)},
		stop:       make(chan struct{}),
	}
	s.ended.Go(s.writeLoop)
	s.ended.Go(s.syncLoop)
	s.ended.Go(s.compactLoop)
	return s, nil
}

// Append queues a batch to be stored whole or not at all, in the order of calls. seq is the caller's
// own mark for the Done that follows, and not 0. From here on the batch belongs to the Store. False
// says that the queue is full or the Store closed, and that no Done will follow.
func (s *Store) Append(batch []kv.Write, seq uint64) bool {
	r := request{seq: seq, batch: batch}
	for _, w := range batch {
		r.size += int64(writeSize(w))
	}
	if s.closed || !s.room() || s.queued.Load()+r.size > queueBytes {
		return false
	}
	s.inFlight.Add(1)
	s.queued.Add(r.size)
	select {
	case s.queue <- r:
		return true
	default:
		s.inFlight.Add(-1)
		s.queued.Add(-r.size)
		return false
	}
}

// Reserve asks for the next block of numbers of a counter; seq as in Append. A block takes some
// milliseconds, so ask before the last one is used up.
func (s *Store) Reserve(c Counter, seq uint64) bool {
	if s.closed || !s.room() {
		return false
	}
	s.inFlight.Add(1)
	select {
	case s.reserves <- request{seq: seq, counter: c}:
		return true
	default:
		s.inFlight.Add(-1)
		return false
	}
}

// Done is where the results of Append and Reserve come out. Close closes it.
func (s *Store) Done() <-chan Done { return s.done }

// room says whether Done can take the result of one more call, so that no goroutine of the Store
// ever waits for the reader of Done.
func (s *Store) room() bool {
	return s.inFlight.Load()+int64(len(s.done)) < int64(cap(s.done)-doneSpare)
}

// finish sends the result of a call.
func (s *Store) finish(d Done) {
	s.done <- d // there is room: see room
	s.inFlight.Add(-1)
}

// report tells of a fault that answers no call. It is dropped if nobody reads. All three goroutines
// may be here at once: hence the 3.
func (s *Store) report(err error) {
	if s.inFlight.Load()+int64(len(s.done)) < int64(cap(s.done)-3) {
		s.done <- Done{Err: err}
	}
}

// Close writes what waits, compacts the journal into the store and ends the goroutines. If it returns
// an error, what was stored is still in the journal, where the next start finds it.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.queue)
	<-s.writing.ended
	close(s.stop)
	s.ended.Wait()
	err := errors.Join(s.compactRest(), s.trust.close(), s.compaction.db.close())
	close(s.done)
	return err
}
