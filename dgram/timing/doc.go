// Package timing says when something may happen: a heap of deadlines, and a token bucket. Both are told
// the time and read no clock.
package timing
