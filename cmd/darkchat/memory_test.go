package main

import (
	"testing"
	"time"
)

func TestHeapGrowsOnlyWhileItIsBusy(t *testing.T) {
	now := time.Unix(1000, 0)
	c := &collector{percent: gcIdle, last: now}
	for i, step := range []struct {
		after time.Duration
		want  int
	}{
		{time.Minute, gcIdle},
		{2 * time.Second, gcIdle},
		{gcClose, gcIdle},
		{gcClose / 10, gcIdle},
		{gcClose / 10, gcIdle},
		{gcClose, gcIdle}, // they are not in a row
		{gcClose / 10, gcIdle},
		{gcClose / 10, gcIdle},
		{gcClose / 10, gcIdle},
		{gcClose / 10, gcBusy},
		{gcFar, gcBusy}, // as it was: else it would go up and down
		{time.Millisecond, gcBusy},
		{2 * time.Minute, gcIdle},
	} {
		now = now.Add(step.after)
		if c.percent = c.collected(now, 2<<20); c.percent != step.want {
			t.Fatalf("step %d: %d, want %d", i, c.percent, step.want)
		}
	}
	for _, row := range []struct {
		live uint64
		want int
	}{{0, gcBusy}, {gcRoom, gcBusy}, {2 * gcRoom, gcBusy / 2}, {100 * gcRoom, gcIdle}} {
		c := &collector{percent: gcIdle, last: now, close: gcInRow}
		if got := c.collected(now.Add(time.Millisecond), row.live); got != row.want {
			t.Errorf("with %d bytes in use: %d %%, want %d", row.live, got, row.want)
		}
	}
}
