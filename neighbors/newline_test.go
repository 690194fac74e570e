package neighbors_test

import (
	"fmt"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// Lines that introduce new users wait for each other. Who the person turns to, or who
// writes, is introduced before, and not once more when the talk goes on.
func TestIntroducedBeforeTheTalk(t *testing.T) {
	b := newBed(t, 63, simnet.Profile{Delay: 5 * time.Millisecond})
	ann := b.join("ann")
	var others []*person
	for i := range 26 { // more than there is room for
		p := b.join(fmt.Sprintf("p%02d", i))
		p.ping(ann)
		others = append(others, p)
	}
	b.until(10*time.Second, "all are here", func() bool { return ann.seesAll(others) })
	ann.say("p15", "hello") // to one whose line waits
	others[16].say("ann", "hello")
	others[25].say("ann", "hello") // of whom there was no line
	ann.ping(others[14])
	b.run(2 * time.Minute)
	for _, who := range []string{"p14", "p15", "p16", "p25"} {
		introduced, talked := 0, false
		for _, e := range ann.screen {
			switch e := e.(type) {
			case neighbors.FirstContact:
				if e.User == who {
					introduced++
					if talked {
						t.Errorf("%s is introduced after one talks with them", who)
					}
				}
			case neighbors.Delivery:
				talked = talked || e.To == who
			case neighbors.Incoming:
				talked = talked || e.From == who
			case neighbors.Pong:
				talked = talked || e.User == who
			}
		}
		if introduced != 1 || !talked {
			t.Errorf("%s is introduced %d times, talked: %t", who, introduced, talked)
		}
	}
}
