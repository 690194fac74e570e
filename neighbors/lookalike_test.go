package neighbors_test

import (
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// The person is told, in one line, of a user whose name looks like a friend's; again when the person
// turns to that user, and if it is the friend who is found later.
func TestLookalikeIsTold(t *testing.T) {
	const fake, other = "\u0440\u0430\u0441\u043e", "pac0"
	b := newBed(t, 66, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, paco, mallory, trudy := b.join("ann"), b.join("paco"), b.join(fake), b.join(other)
	warnings := func(label, like string) (n int) {
		for _, e := range ann.screen {
			if w, ok := e.(neighbors.Notice); ok && strings.HasPrefix(w.Text, label+" looks like "+like+" and is somebody else, fingerprint ") {
				n++
			}
		}
		return n
	}
	trudy.ping(ann)
	b.run(time.Second)
	if got := warnings(other, "paco"); got != 0 {
		t.Errorf("%d warnings before anybody looks so", got)
	}
	ann.meet(paco)
	if warnings("paco", other) != 1 {
		t.Error("the friend was pinned without a word about who is here already")
	}
	mallory.ping(ann)
	b.run(time.Second)
	if warnings(fake, "paco") != 1 {
		t.Error("there is no hint")
	}
	b.run(time.Minute)
	if _, err := ann.node.Chat(b.now, fake); err != nil {
		t.Fatal(err)
	}
	ann.turn()
	if warnings(fake, "paco") != 2 {
		t.Error("the person turns to them without a hint")
	}
	ann.say("paco", "to the friend")
	b.until(5*time.Second, "it comes", func() bool { return paco.heard("to the friend") })
	if mallory.heard("to the friend") || trudy.heard("to the friend") {
		t.Error("another key heard it")
	}
}
