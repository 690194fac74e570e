package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// -trace tells of each datagram: both ways, what was in it, and why it was dropped; but
// nothing of what people said, and of their names and keys.
func TestTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	bob := start(t, t.TempDir(), "bob")
	ann := start(t, t.TempDir(), "ann", "-trace", file)
	ann.ping(bob)
	ann.send(`\chat bob`)
	ann.send("a line that nobody else may read")
	ann.wait("delivered", func(e event) bool { return e.Event == "delivery" && e.State == "delivered" })
	noise, err := net.Dial("udp", "127.0.0.1:"+ann.port())
	if err != nil {
		t.Fatal(err)
	}
	defer noise.Close()
	if _, err := noise.Write(make([]byte, 200)); err != nil {
		t.Fatal(err)
	}
	mark := ann.mark()
	ann.send(`\ping 127.0.0.1 ` + bob.port()) // so long that the noise has been read
	ann.waitAfter(mark, "pong", func(e event) bool { return e.Event == "pong" && e.Addr == "127.0.0.1:"+bob.port() })
	fingerprint := ann.self().Fingerprint
	ann.quit()

	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	for _, secret := range []string{"nobody else", "bob", fingerprint} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the trace has %q", secret)
		}
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var l traced
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time == "" || l.Addr == "" || l.Bytes == 0 {
			t.Fatalf("%s: %v", line, err)
		}
		seen[l.Dir+" "+l.Packet] = true
		for _, m := range l.Messages {
			seen[l.Dir+" "+strings.Fields(m)[0]] = true
		}
		if l.Dropped != "" {
			seen["dropped "+l.Dropped] = true
		}
	}
	for _, want := range []string{
		"out HELLO", "in CHALLENGE", "out HANDSHAKE", "in ACCEPT", "out DATA", "in DATA", "out text", "in ack", "dropped shape",
	} {
		if !seen[want] {
			t.Errorf("there is no %q in %v", want, seen)
		}
	}
}
