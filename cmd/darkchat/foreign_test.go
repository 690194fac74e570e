package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestForeignNode has a node in Python, which was written from spec/ alone, talk to
// this program in both roles (spec/foreign). It needs what spec/foreign/run.sh
// installs, and is left out where that is missing; run.sh itself runs the same stories.
func TestForeignNode(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: some fifty whole programs")
	}
	const python = "/usr/bin/python3" // Debian's, which sees Debian's modules
	if err := exec.Command(python, "-c", "import cbor2, cryptography").Run(); err != nil {
		t.Skipf("%s with python3-cbor2 and python3-cryptography: %v", python, err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stories := filepath.Join("..", "..", "spec", "foreign", "stories.py")
	names, err := exec.Command(python, "-B", stories, "-l").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, names)
	}
	for _, name := range strings.Fields(string(names)) {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(python, "-B", stories, exe, name)
			cmd.Env = append(os.Environ(), asProgram+"=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
