package neighbors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Sink takes events on the loop's goroutine. It must not block.
type Sink func(Event)

// Store takes what must be written first. *store.Store is one.
type Store interface {
	// Append queues a batch and never blocks; false means that the queue is full.
	Append(batch []kv.Write, seq uint64) bool
	// Reserve asks for the next block of a counter; it never blocks either.
	Reserve(c store.Counter, seq uint64) bool
	// Done says what became of both, in order.
	Done() <-chan store.Done
}

// Bounds of the loop. Datagrams that do not fit are dropped and counted: UDP may lose
// anything, and the sender tries again.
const (
	readQueue = 512                     // opened datagrams of people known between the readers and the loop; as many of others
	callQueue = 64                      // functions waiting to run on the loop
	turnBatch = 64                      // datagrams handled before anything is sent, so that texts and acks share datagrams
	turnLeast = 8                       // this many of them may always be of people the user does not know
	turnTime  = 2 * time.Millisecond    // then no more of theirs are begun: somebody known may have written
	leaveTime = 1500 * time.Millisecond // how long goodbyes may take
	readFails = 1000                    // consecutive read errors after which the socket is given up
)

// Loop runs a Node: THE event loop. The goroutine inside Run is the only one
// that touches the Node.
type Loop struct {
	node    *Node
	conn    dgram.Conn
	readers int
	store   Store   // nil: nothing is written
	archive Archive // nil: there is no history
	sink    Sink

	ears     []dgram.Conn                 // where announcements are heard
	opener   atomic.Pointer[dgram.Opener] // what the readers use
	favoured chan *dgram.Opened           // of people known, handled first
	opened   chan *dgram.Opened           // of all others
	spare    sync.Pool                    // of *dgram.Opened: a queue of values would be 90 kB
	calls    chan call
	changers changers      // calls that wait for a write
	signal   chan struct{} // receipts is not empty
	stopped  chan struct{}
	broken   chan error

	mu       sync.Mutex
	receipts []uint64 // bounded by the texts that wait for their print (budget.Handles)

	dropped atomic.Uint64 // datagrams for which readQueue had no room
	oob     []byte
	lost    atomic.Uint64 // datagrams that the socket refused
	trace   func(dgram.Trace)
}

// NewLoop makes the loop of a node. As many goroutines as readers says (the -t flag) read conn
// and open what they read. store may be nil.
func NewLoop(node *Node, conn dgram.Conn, readers int, disk Store, sink Sink) *Loop {
	return &Loop{
		node: node, conn: conn, readers: readers, store: disk, sink: sink,
		favoured: make(chan *dgram.Opened, readQueue),
		opened:   make(chan *dgram.Opened, readQueue),
		calls:    make(chan call, callQueue),
		changers: changers{unsure: map[uint64][]call{}},
		signal:   make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		broken:   make(chan error, 1),
	}
}

// Remember sets where the history is read. Call it before Run.
func (l *Loop) Remember(a Archive) { l.archive = a }

// Hear adds a socket on which announcements are heard; Run closes it. Call it before Run.
func (l *Loop) Hear(conn dgram.Conn) { l.ears = append(l.ears, conn) }

// Trace makes the loop call f for each datagram, from several goroutines at once; f must not
// wait for anything. Call it before Run.
func (l *Loop) Trace(f func(dgram.Trace)) { l.trace = f }

// Run owns the node until ctx ends, then says goodbye to the neighbours, for at
// most leaveTime, closes conn and returns. It also returns when the socket is
// broken, or when a copy of this session is met and no new key can be made
// (ErrCloned).
func (l *Loop) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	l.startReaders(&readers)
	defer readers.Wait()
	defer close(l.stopped)
	defer l.conn.Close()
	for _, ear := range l.ears {
		defer ear.Close()
	}

	var done <-chan store.Done
	if l.store != nil {
		done = l.store.Done()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	leave, left := ctx.Done(), (<-chan time.Time)(nil)
	var before time.Time // of the last turn
	for {
		var now time.Time // when the wait ended
		select {
		case o := <-l.favoured:
			now = time.Now()
			l.receive(now, o)
			l.receiveMore(now, nil)
		case o := <-l.opened:
			now = time.Now()
			l.receiveMore(now, o)
		case d := <-done:
			now = time.Now()
			l.finished(now, d)
			for range min(len(done), turnBatch) {
				l.finished(now, <-done)
			}
		case <-l.signal:
			now = time.Now()
		case c := <-l.calls:
			now = time.Now()
			l.call(now, c)
			for range min(len(l.calls), turnBatch) {
				l.call(now, <-l.calls)
			}
		case <-timer.C:
			now = time.Now()
		case err := <-l.broken:
			return err
		case <-leave:
			now = time.Now()
			leave, left = nil, time.After(leaveTime)
			l.node.Leave(now)
		case <-left:
			return nil
		}
		if !before.IsZero() && slept(now.Round(0).Sub(before.Round(0)), now.Sub(before)) {
			l.node.Woke(now)
		}
		before = now
		next := l.turn(now)
		if l.node.Cloned() {
			if err := l.renew(now); err != nil {
				return err
			}
			next = l.turn(now)
		}
		if leave == nil && l.node.Left() {
			return nil
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(0, next.Sub(now)))
		}
	}
}

// startReaders starts a goroutine for each that waits at a socket.
func (l *Loop) startReaders(readers *sync.WaitGroup) {
	l.opener.Store(l.node.Opener())
	baton := make(chan struct{}, 1)
	baton <- struct{}{}
	for range l.readers {
		readers.Go(func() { l.read(baton) })
	}
	for _, ear := range l.ears {
		readers.Go(func() { l.hear(ear) })
	}
}

// renew gives the session a new key, because a copy of it runs elsewhere.
func (l *Loop) renew(now time.Time) error {
	if l.node.core.cfg.Renew == nil {
		return ErrCloned
	}
	key, err := l.node.core.cfg.Renew()
	if err == nil {
		err = l.node.Renewed(now, key)
	}
	if err != nil {
		return fmt.Errorf("%w, and it cannot be given a new one: %w", ErrCloned, err)
	}
	l.opener.Store(l.node.Opener())
	return nil
}

// turn does everything that is ready, and returns when the node wants to be called next.
func (l *Loop) turn(now time.Time) (next time.Time) { return Turn(l.node, now, hands{l}) }

// hands are the loop's: the store, the sink and the socket.
type hands struct{ *Loop }

// Printed takes the receipts that the shell brought.
func (l hands) Printed() []uint64 { return l.takeReceipts() }

// Write queues a batch, and has the calls of this turn wait for it.
func (l hands) Write(batch []kv.Write, seq uint64) (done bool, err error) {
	l.changers.wait(seq)
	switch {
	case len(batch) == 0:
		return false, nil
	case l.store == nil:
	case l.store.Append(batch, seq):
		return false, nil
	default:
		err = ErrStoreBusy
	}
	l.changers.end(seq)
	return true, err
}

// Reserve asks the store.
func (l hands) Reserve(c store.Counter, seq uint64) bool {
	return l.store != nil && l.store.Reserve(c, seq)
}

// Show gives an event to the sink.
func (l hands) Show(e Event) { l.sink(e) }

// Send writes to the socket.
func (l hands) Send(d dgram.Datagram) error {
	if l.trace != nil {
		l.trace(d.Trace())
	}
	if l.node.core.cfg.LoopbackOnly && !d.To.Addr().IsLoopback() {
		l.lost.Add(1)
		return nil
	}
	l.oob = d.AppendControl(l.oob[:0])
	_, _, err := l.conn.WriteMsgUDPAddrPort(d.Bytes, l.oob, d.To)
	if err != nil && len(l.oob) > 0 && d.Interface == 0 {
		// The address of ours that the peer wrote to may be gone. The system has
		// another one then, and the peer recognises us by the key.
		_, _, err = l.conn.WriteMsgUDPAddrPort(d.Bytes, nil, d.To)
	}
	if err != nil {
		l.lost.Add(1) // no route, too large, no buffer: mostly as if lost on the way
	}
	return err
}

// read is one of the readers: it opens datagrams and hands them to the loop. The
// reader that holds the baton (the leader token) reads the socket. It passes it on
// before slow work, a handshake's, so that up to -t of those go on at once; waking
// another reader for each small datagram would cost more than opening it.
func (l *Loop) read(baton chan struct{}) {
	b := make([]byte, wire.MaxDatagram+1) // one more, so that a longer one shows
	oob := make([]byte, dgram.LocalSize)
	holds := false
	for fails := 0; ; {
		if !holds {
			<-baton
			holds = true
		}
		n, oobn, _, from, err := l.conn.ReadMsgUDPAddrPort(b, oob)
		if err != nil {
			// Some systems report the failure of an earlier send here: go on.
			if fails++; !errors.Is(err, net.ErrClosed) && fails < readFails {
				continue
			}
			select {
			case l.broken <- fmt.Errorf("the socket can no longer be read: %w", err):
			default:
			}
			baton <- struct{}{} // the others will find the same
			return
		}
		fails = 0
		if dgram.IsHandshake(b[:n]) {
			baton <- struct{}{}
			holds = false
			runtime.Gosched() // even on one processor: cheap datagrams are read first
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		o := l.opener.Load().Open(time.Now(), from, dgram.ParseLocal(oob[:oobn]), b[:n])
		l.hand(o)
	}
}

// hear reads one of the announcement sockets until it is closed or fails for good: a node
// that is deaf there can still be reached.
func (l *Loop) hear(ear dgram.Conn) {
	b := make([]byte, wire.MaxDatagram+1)
	for fails := 0; fails < readFails; {
		n, _, _, from, err := ear.ReadMsgUDPAddrPort(b, nil)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			fails++
			continue
		}
		fails = 0
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		l.hand(l.opener.Load().OpenAnnouncement(time.Now(), from, b[:n]))
	}
}

// hand gives an opened datagram to the loop, if there is anything left to do.
func (l *Loop) hand(o dgram.Opened) {
	if o.Empty() {
		if l.trace != nil {
			l.trace(o.Trace())
		}
		return
	}
	p, ok := l.spare.Get().(*dgram.Opened)
	if !ok {
		p = new(dgram.Opened)
	}
	*p = o
	queue := l.opened
	if o.Favoured() {
		queue = l.favoured
	}
	select {
	case queue <- p:
	default:
		l.reuse(p)
		l.dropped.Add(1)
	}
}

// receiveMore takes the datagrams that have come in the meantime, up to what one turn may:
// those of people known first; then those of others, of which o, if not nil, is the first. The
// others get whatever is left of the turn, but at least a few.
func (l *Loop) receiveMore(now time.Time, o *dgram.Opened) {
	left := turnBatch
	for ; left > 0 && len(l.favoured) > 0; left-- {
		l.receive(now, <-l.favoured)
	}
	if o != nil {
		l.receive(now, o)
	}
	for left = max(left, turnLeast); left > 0 && len(l.opened) > 0 && time.Since(now) < turnTime; left-- {
		l.receive(now, <-l.opened)
	}
}

func (l *Loop) receive(now time.Time, o *dgram.Opened) {
	dropped := l.node.Receive(now, *o)
	if l.trace != nil {
		t := o.Trace()
		t.Drop(dropped)
		l.trace(t)
	}
	l.reuse(o)
}

func (l *Loop) reuse(o *dgram.Opened) {
	*o = dgram.Opened{} // the pool must keep no datagram alive
	l.spare.Put(o)
}

// printed notes receipts without waiting; see Client.Printed.
func (l *Loop) printed(receipts []uint64) {
	l.mu.Lock()
	l.receipts = append(l.receipts, receipts...)
	l.mu.Unlock()
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

func (l *Loop) takeReceipts() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.receipts
	l.receipts = nil
	return r
}
