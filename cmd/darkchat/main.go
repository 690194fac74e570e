// Command darkchat is a node of an almost serverless chat: one person, or a seed
// that helps people find each other. It wires the parts together and decides
// nothing that the parts could decide: flags become a configuration, that a
// profile, a socket, a node with its loop, and a shell.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

// Exit codes. The shell decides what a finished conversation returns.
const (
	exitFine  = 0
	exitFail  = 1 // any failure other than the command line
	exitUsage = 2 // bad flags; nothing was touched
)

func main() {
	// A reader that goes away is a write error, not the end of the program.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
