package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much the heap may grow between two collections, in percent.
const (
	// A chat keeps about a megabyte. With the runtime's usual 100, the garbage of a flood
	// fills the first four megabytes before anything is collected, and resident memory creeps
	// up for millions of datagrams. A quarter of that is reached in seconds.
	gcIdle = 25
	// On one processor a writer waits for a collection that is under way. If collections follow
	// closely on one another, having fewer is worth some memory: as much again as is in use, but no
	// more than gcRoom.
	gcBusy = 100
	gcRoom = 16 << 20
)

// gcInRow collections in a row, each within gcClose of the last, count as close. The heap is kept
// small again once a collection comes more than gcFar after the last, at the latest the one that
// the runtime makes every two minutes.
const (
	gcInRow = 4
	gcClose = 500 * time.Millisecond
	gcFar   = 10 * time.Second
)

// clientMemory is the memory above which the collector works harder, unless the program is a seed,
// which has its own limit (-memory).
const clientMemory = 96 << 20

// useMemory sets up the collector. limit is what a seed may take: near it the collector works harder
// instead of asking the system for more; 0: clientMemory.
func useMemory(limit int64) {
	debug.SetGCPercent(gcIdle)
	if limit == 0 {
		limit = clientMemory
	}
	debug.SetMemoryLimit(limit)
	(&collector{percent: gcIdle, last: time.Now()}).watch()
}

// collector sets how much the heap may grow, by how often it is collected. It acts only after a
// collection, so it never wakes an idle program.
type collector struct {
	percent int
	last    time.Time
	close   int // how many close ones came in a row
}

// watch has collected called once, after the next collection: nothing then refers to the object made
// here.
func (c *collector) watch() {
	type canary struct{ _ [32]byte }
	runtime.AddCleanup(new(canary), func(c *collector) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if percent := c.collected(time.Now(), live[0].Value.Uint64()); percent != c.percent {
			c.percent = percent
			debug.SetGCPercent(percent)
		}
		c.watch()
	}, c)
}

// collected says how much the heap may grow from now on, in percent of live bytes.
func (c *collector) collected(now time.Time, live uint64) (percent int) {
	since := now.Sub(c.last)
	c.last = now
	if since >= gcClose {
		c.close = 0
	} else if c.close++; c.close >= gcInRow {
		return int(min(gcBusy, max(gcIdle, gcRoom*100/max(live, 1))))
	}
	if since > gcFar {
		return gcIdle
	}
	return c.percent
}
