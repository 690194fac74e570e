package sim

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Bad flags are one line on stderr and exit 2; nothing is printed or written.
func TestBadFlags(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"-nodes 1", "2 or more"}, {"-nodes x", "-nodes"}, {"-nodes 100000", "more than"},
		{"-graph ring", "smallworld"}, {"-degree 7", "even"}, {"-nodes 10 -degree 20", "needs more"},
		{"-graph lan -nodes 151", "at most"}, {"-loss 100%", "below 100%"}, {"-loss much", "20%"}, {"-loss NaN", "below 100%"},
		{"-churn -1%", "churn"}, {"-delay 10us", "too short"}, {"-jitter 2m", "0 to a minute"},
		{"-for 1s", "a run must last"}, {"-partition -1s", "partition"}, {"-texts -2", "-texts"},
		{"-profile fast", "lan, wan or quiet"}, {"-crypto none", "model or real"}, {"-t 0", "-t 0"},
		{"-plot picture.png", ".svg"}, {"-what", "-what"}, {"fast", "unexpected argument"},
	} {
		var out, errs bytes.Buffer
		code := Run(strings.Fields(c.args), &out, &errs)
		if code != exitUsage || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", c.args, code, out.String(), errs.String())
		}
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	var out, errs bytes.Buffer
	if code := Run([]string{"-h"}, &out, &errs); code != exitFine || errs.Len() > 0 {
		t.Error(code, errs.String())
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) > 40 {
		t.Errorf("%d lines are more than a screen", len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("%q is wider than a screen", l)
		}
	}
}

// The table is for people, -json for programs, and the picture is SVG.
func TestOutput(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "net.svg")
	args := []string{"-nodes", "12", "-degree", "4", "-for", "12s", "-seed", "7"}
	var table, object, errs bytes.Buffer
	if code := Run(append(args, "-plot", plot), &table, &errs); code != exitFine {
		t.Fatal(code, errs.String())
	}
	for _, want := range []string{"12 nodes", "crypto real", "join", "crash", "falsely offline", "bytes a second", "delivery"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, table.String())
		}
	}
	if !strings.Contains(errs.String(), "took ") {
		t.Errorf("stderr does not say how long it took: %q", errs.String())
	}
	if code := Run(append(args, "-json"), &object, &errs); code != exitFine {
		t.Fatal(code)
	}
	var r struct {
		Network struct{ Nodes, Seed int }
		Texts   struct{ Sent, Delivered, Reachable int }
	}
	if err := json.Unmarshal(object.Bytes(), &r); err != nil || bytes.Count(object.Bytes(), []byte("\n")) != 1 {
		t.Fatal(err, object.String())
	}
	if r.Network.Nodes != 12 || r.Network.Seed != 7 || r.Texts.Sent == 0 || r.Texts.Delivered != r.Texts.Reachable {
		t.Errorf("%+v", r)
	}
	svg, err := os.ReadFile(plot)
	if err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) || bytes.Count(svg, []byte("<circle ")) < 12 {
		t.Errorf("%v: %.100s", err, svg)
	}
}
