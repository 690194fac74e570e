package main

import (
	"strings"
	"testing"
)

func TestProcessors(t *testing.T) {
	for args, want := range map[string]int{"": 1, "-t=5": 5, "-t=1": 1, "-t=64": 8, "-s": 8} {
		c, err := parseFlags(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if got := processors(c, 8); got != want {
			t.Errorf("darkchat %s on 8 cores: %d processors, want %d", args, got, want)
		}
	}
}
