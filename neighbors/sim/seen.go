package sim

import (
	"fmt"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
)

// tap is told all that passes at the nodes, of each node in order, by one goroutine at a time.
type tap interface {
	came(node int32, at int64, o dgram.Opened)
	shown(node int32, at int64, e neighbors.Event)
	sent(node int32, at int64, d dgram.Datagram)
}

// seen is what one node's person saw, and what the node sent.
type seen struct {
	changes []change
	got     []got
	told    map[int32]bool // texts of its own that it was told are delivered
	spent   []int32        // bytes in each second, headers counted
	sends   int            // datagrams
}

// change is what a node believes of another from then on.
type change struct {
	at    int64
	who   int32
	state belief
}

// got is a text on the screen.
type got struct {
	at   int64
	text int32
	life int32
}

// belief is the state of another node, and how it is known.
type belief uint8

const (
	unheard      belief = iota
	online              // it answers
	declared            // it said goodbye
	lost                // it does not answer
	heardOnline         // a neighbour says so
	heardOffline        // a neighbour says so
	heardUnknown        // no neighbour says anything any more
)

func (b belief) online() bool  { return b == online || b == heardOnline }
func (b belief) offline() bool { return b == declared || b == lost || b == heardOffline }

// believed is what an event says of somebody's presence.
func believed(e neighbors.Event) (session string, b belief) {
	switch e := e.(type) {
	case neighbors.CameOnline:
		return e.Session, online
	case neighbors.WentOffline:
		if e.Reason == neighbors.ReasonDeclared {
			return e.Session, declared
		}
		return e.Session, lost
	case neighbors.HeardOf:
		switch e.State {
		case neighbors.Online, neighbors.Away:
			return e.Session, heardOnline
		case neighbors.Offline:
			return e.Session, heardOffline
		}
		return e.Session, heardUnknown
	}
	return "", unheard
}

// note keeps an event; it returns the receipt of a line that was shown.
func (n *node) note(at int64, e neighbors.Event) (receipt uint64) {
	if t := n.world.tap; t != nil {
		t.shown(n.person.index, at, e)
	}
	if session, b := believed(e); b != unheard {
		if who, ok := n.world.who[session]; ok {
			n.changes = append(n.changes, change{at, who, b})
		}
		return 0
	}
	switch e := e.(type) {
	case neighbors.Incoming:
		if t, ok := textOf(e.Text); ok {
			n.got = append(n.got, got{at, t, int32(n.lives)})
		}
		return e.Receipt
	case neighbors.Delivery:
		if t, ok := n.tokens[e.Token]; ok {
			n.lines[e.ID] = t
		}
		if t, ok := n.lines[e.ID]; ok && e.State == neighbors.Delivered {
			n.told[t] = true
		}
	}
	return 0
}

func (n *node) spend(at int64, size int) {
	n.spent[at/int64(time.Second)] += int32(size)
	n.sends++
}

const lineForm = "line %d: who is there, and where do we meet?"

func lineOf(text int32) string { return fmt.Sprintf(lineForm, text) }

func textOf(line string) (text int32, ok bool) {
	_, err := fmt.Sscanf(line, lineForm, &text)
	return text, err == nil
}
