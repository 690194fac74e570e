package neighbors

import (
	"testing"
	"time"
)

func TestSleepShowsInTheClocks(t *testing.T) {
	for _, c := range []struct {
		wall, steady time.Duration
		want         bool
	}{
		{time.Hour, time.Hour, false},
		{time.Hour, time.Second, true},
		{time.Hour, time.Hour - 4*time.Second, false}, // a clock that is being set right
		{-time.Hour, time.Second, false},              // set back
	} {
		if got := slept(c.wall, c.steady); got != c.want {
			t.Errorf("wall clock %v, steady %v: %v", c.wall, c.steady, got)
		}
	}
}
