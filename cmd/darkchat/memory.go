package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much the heap may grow between two collections, in percent.
const (
	// What a chat keeps is about a megabyte, and the runtime's usual 100 lets the garbage
	// of a flood fill the first four before anything is collected: resident memory would
	// creep up for millions of datagrams. A quarter of it is reached in seconds.
	gcIdle = 25
	// On one processor whoever writes waits for a collection that is under way. Where they
	// follow close on one another, fewer are worth some memory: as much again as is in use, but no
	// more than gcRoom.
	gcBusy = 100
	gcRoom = 16 << 20
)

// gcInRow collections, each within gcClose of the last, are close. The heap is kept small again
// when one comes more than gcFar after the last, at least the one that the runtime makes
// every two minutes.
const (
	gcInRow = 4
	gcClose = 500 * time.Millisecond
	gcFar   = 10 * time.Second
)

// clientMemory is how much the program takes before the collector works harder, if it is
// not a seed, which has a limit of its own (-memory).
const clientMemory = 96 << 20

// useMemory sets the collector. limit is what a seed may take: near it the collector
// works harder before it asks the system for more; 0: a client's.
func useMemory(limit int64) {
	debug.SetGCPercent(gcIdle)
	if limit == 0 {
		limit = clientMemory
	}
	debug.SetMemoryLimit(limit)
	(&collector{percent: gcIdle, last: time.Now()}).watch()
}

// collector sets how much the heap may grow by how often it is collected. It looks when
// it was, so an idle program is not woken for it.
type collector struct {
	percent int
	last    time.Time
	close   int // so many in a row
}

// watch has collected called once, after the next collection: by then nothing refers to
// what is made here.
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
