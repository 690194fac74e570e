package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whole programs in small networks of namespaces: what neither loopback nor a
// simulated network shows. It needs root, iproute2 and nftables, and it is asked
// for by name, so that a plain "go test" makes no networks:
//
//	DARKCHAT_NETNS=ci go test -count=1 -v -run '^TestNamespaces$' ./cmd/darkchat
//
// ci is a selection, full all that must hold, waiting the rows whose feature is
// not there yet, all everything; anything else is the beginning of a row's name.
// Each row prints one line.
const netnsRows = "DARKCHAT_NETNS"

// atOnce is how many rows may run beside each other: they mostly wait.
const atOnce = 4

// When a row is run.
type when int

const (
	inCI   when = iota // in every run of .ci/run
	inFull             // in .ci/run full only
	notYet             // by name: what it shows is not built yet
)

type netnsRow struct {
	name  string // as in -run TestNamespaces/name
	what  string
	when  when
	alone bool // nothing runs beside it, because it measures short times
	run   func(*row)
}

// row is one row under way.
type row struct {
	*testing.T
	*lab
	found  []string // what was measured
	missed []string // limits that were not kept
}

func TestNamespaces(t *testing.T) {
	chosen := os.Getenv(netnsRows)
	switch {
	case testing.Short():
		t.Skip("-short: no networks are made")
	case chosen == "":
		t.Skipf("no networks are made: %s names no rows (ci, full, waiting, all, or a row's name)", netnsRows)
	}
	if why := noNamespaces(); why != "" {
		t.Skipf("no networks can be made here: %s", why)
	}
	all := slices.Concat(kindRows(), pingRows(), lanRows(), slowRows(), pairRows(), changeRows())
	var waiting []string
	slots := make(chan struct{}, atOnce)
	ran := 0
	for _, r := range all {
		if r.when >= notYet {
			waiting = append(waiting, r.name)
		}
		if !r.chosen(chosen) {
			continue
		}
		ran++
		t.Run(r.name, func(t *testing.T) {
			if !r.alone {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			r.print(t)
		})
	}
	switch {
	case ran == 0 && chosen == "waiting":
		t.Skip("no row waits for its feature")
	case ran == 0:
		t.Fatalf("%s=%s names no row", netnsRows, chosen)
	}
	if len(waiting) > 0 && chosen != "waiting" {
		fmt.Printf("row waiting  rows whose feature is not there yet: %s\n", strings.Join(waiting, " "))
	}
}

func (r netnsRow) chosen(name string) bool {
	switch name {
	case "ci":
		return r.when == inCI
	case "full":
		return r.when < notYet
	case "waiting":
		return r.when >= notYet
	case "all":
		return true
	}
	return strings.HasPrefix(r.name, name)
}

// printing keeps the lines of rows whole.
var printing sync.Mutex

// tries is how often a row may run that did all it should, but too late: on a
// busy machine the first one tells of the machine.
const tries = 2

// print runs the row and prints its line, whatever becomes of it.
func (r netnsRow) print(t *testing.T) {
	began := time.Now()
	var found, missed []string
	defer func() {
		verdict := "ok  "
		if t.Failed() {
			verdict = "FAIL"
		}
		printing.Lock()
		defer printing.Unlock()
		fmt.Printf("row %s  %-24s %-52s %s  [%.1f s]\n", verdict, r.name, r.what, strings.Join(found, "; "), time.Since(began).Seconds())
	}()
	for try := range tries {
		if try > 0 {
			found = append(found, "again")
		}
		t.Run(fmt.Sprintf("try%d", try+1), func(t *testing.T) {
			at := &row{T: t, lab: newLab(t)}
			defer func() { found, missed = append(found, at.found...), at.missed }()
			r.run(at)
		})
		if t.Failed() || len(missed) == 0 {
			return
		}
	}
	t.Errorf("too late: %s", strings.Join(missed, "; "))
}

// measured notes what was seen.
func (r *row) measured(format string, args ...any) {
	r.found = append(r.found, fmt.Sprintf(format, args...))
}

// within notes a time and whether it kept its limit.
func (r *row) within(what string, took, limit time.Duration) {
	r.Helper()
	r.measured("%s %s (limit %s)", what, short(took), short(limit))
	if took > limit*slack() {
		r.missed = append(r.missed, fmt.Sprintf("%s took %s", what, short(took)))
	}
}

// slack is how many times its limit a row may take: what lands is not held up by
// a machine that is busy with other things. All rows, and by name, have none.
func slack() time.Duration {
	if os.Getenv(netnsRows) == "ci" {
		return 5
	}
	return 1
}

func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(100 * time.Microsecond).String()
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

// noNamespaces says why no network can be made, or nothing.
var noNamespaces = sync.OnceValue(func() string {
	if os.Geteuid() != 0 {
		return "not root"
	}
	for tool, from := range map[string]string{"ip": "iproute2", "nft": "nftables"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "the program " + tool + " (" + from + ") is missing"
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return "the device /dev/net/tun is missing"
	}
	// Containers often are root without being allowed to.
	name := fmt.Sprintf("%s-%d-0-try", labMark, os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return "ip netns add: " + strings.TrimSpace(string(out))
	}
	defer removeNamespace(name)
	if out, err := exec.Command("ip", "netns", "exec", name, "nft", "add table ip nat; add chain ip nat c { type nat hook postrouting priority 100; }; add rule ip nat c masquerade").CombinedOutput(); err != nil {
		return "nft: " + strings.TrimSpace(string(out))
	}
	return ""
})
