package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// Nothing but the simulator replaces the cryptography of the protocol. The type that does
// it is named where it is taken apart, and where the simulator makes one.
func TestOnlyTheSimulatorReplacesTheCryptography(t *testing.T) {
	replaces := regexp.MustCompile(`neighbors\.Crypto|\b(Crypto|Suite):`)
	made := 0
	for _, path := range productFiles(t) {
		text := read(t, path)
		switch {
		case path == "neighbors/config.go", path == "neighbors/record.go", path == "dgram/endpoint.go":
		case strings.HasPrefix(path, "neighbors/sim/"):
			made += bytes.Count(text, []byte("neighbors.Crypto{"))
		case replaces.Match(text):
			t.Errorf("%s replaces the cryptography of the protocol", path)
		}
	}
	if made != 1 {
		t.Errorf("the model of the simulator is made in %d places", made)
	}
}
