package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Hands do what a Node wants done. Those of the Loop are a store, a screen and a socket; those
// of a simulation are made up. Turn calls them; they do not call the Node.
type Hands interface {
	// Printed returns the receipts of the lines that were printed since it was called last.
	Printed() []uint64
	// Write takes the batch of this turn. It is done when it is written, or cannot be (err);
	// of one that is not done the Node is told later, by Finished, batches in their order. A
	// turn without anything to write has an empty batch, seq 0, and is not done.
	Write(batch []kv.Write, seq uint64) (done bool, err error)
	// Reserve asks for the next block of a counter; false: it cannot be asked for now. Else the
	// Node is told later what came of it, by Finished with that seq.
	Reserve(c store.Counter, seq uint64) bool
	// Show takes an event. Events come in the order in which they are to be printed.
	Show(e Event)
	// Send takes a datagram, whose bytes it may keep. An error says that it did not leave.
	Send(d dgram.Datagram) error
}

// Turn does everything that is ready at now, in the order write, show, send, until nothing new
// has been printed, written or refused meanwhile. It returns when the Node wants to be called
// next, as Advance does; that may be now. Call it after the Node was told anything. This is the
// contract between a Node and what runs it: nothing else need know it.
func Turn(n *Node, now time.Time, h Hands) (next time.Time) {
	for printed := h.Printed(); ; {
		if len(printed) > 0 {
			n.Printed(now, printed)
		}
		next = n.Advance(now)
		ready := n.Drain()
		again, err := h.Write(ready.Batch, ready.Seq)
		if again {
			n.Finished(now, store.Done{Seq: ready.Seq, Err: err})
		}
		for _, c := range ready.Reserve {
			if seq := reserveSeq(c); !h.Reserve(c, seq) {
				n.Finished(now, store.Done{Seq: seq, Err: ErrStoreBusy})
			}
		}
		for _, e := range ready.Events {
			h.Show(e)
		}
		for _, d := range ready.Datagrams {
			if err := h.Send(d); err != nil && n.NotSent(d.To, err) {
				again = true
			}
		}
		if printed = h.Printed(); !again && len(printed) == 0 {
			return next
		}
	}
}
