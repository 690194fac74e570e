package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// A few real nodes know of each other's coming, leaving and crashing.
func TestCrowd(t *testing.T) {
	t.Parallel() // it mostly waits
	c := newCrowd(t, 12, "lan")
	began := time.Now()
	for i := range c.nodes {
		c.start(i)
	}
	t.Log(c.until(began, true, everyone(12)...))
	for _, end := range []func(*member){c.leave, c.crash} {
		end(c.nodes[3])
		t.Log(c.until(time.Now(), false, 3))
		c.start(3)
		t.Log(c.until(time.Now(), true, 3))
	}
}

// BenchmarkCrowd prints a line for each profile: the time until ALL within two edges know,
// the bytes a second of an idle node with its headers, and its memory.
//
//	go test -run '^$' -bench Crowd -benchtime 1x ./cmd/darkchat
func BenchmarkCrowd(b *testing.B) {
	for _, profile := range []string{"lan", "quiet"} {
		b.Run(profile, func(b *testing.B) { crowdBench(b, profile, 128) })
	}
}

func crowdBench(b *testing.B, profile string, size int) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcIdle)) // as the program has it
	trials, crashes, idle := 9, 9, 30*time.Second
	if profile == "quiet" {
		trials, crashes, idle = 3, 3, 3*time.Minute
	}
	c := newCrowd(b, size, profile)
	runtime.GC()
	debug.FreeOSMemory()
	before := residentKB(b, os.Getpid())
	began := time.Now()
	for i := range c.nodes {
		c.start(i)
	}
	formed := c.until(began, true, everyone(size)...)
	settle(10 * time.Second)
	bytes := c.bytes.Load()
	settle(idle)
	rate := float64(c.bytes.Load()-bytes) / idle.Seconds() / float64(size)
	runtime.GC()
	debug.FreeOSMemory()
	memory := (residentKB(b, os.Getpid()) - before) / size
	took := map[string][]time.Duration{}
	for k := range trials {
		i := (k*29 + 5) % size
		began := time.Now()
		c.leave(c.nodes[i])
		took["leave"] = append(took["leave"], c.until(began, false, i))
		settle(2 * time.Second)
		began = time.Now()
		c.start(i)
		took["join"] = append(took["join"], c.until(began, true, i))
		settle(3 * time.Second)
	}
	for k := range crashes {
		i := (k*31 + 11) % size
		began := time.Now()
		c.crash(c.nodes[i])
		took["crash"] = append(took["crash"], c.until(began, false, i))
		c.start(i)
		c.until(time.Now(), true, i)
		settle(12 * time.Second)
	}
	for _, what := range []string{"join", "leave", "crash"} {
		all := took[what]
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, what+"-p50-ms")
		b.ReportMetric(float64(all[len(all)-1].Microseconds())/1000, what+"-max-ms")
	}
	b.ReportMetric(rate, "idle-B/s")
	b.ReportMetric(float64(memory), "kB/node")
	b.ReportMetric(float64(runtime.NumGoroutine())/float64(size), "goroutines/node")
	b.ReportMetric(formed.Seconds(), "formed-s")
	b.Logf("%s, %d nodes of degree %d: %v", profile, size, crowdDegree, took)
}

// settle lets real time pass in a measurement.
func settle(d time.Duration) { <-time.After(d) }
