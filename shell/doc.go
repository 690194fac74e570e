// Package shell is what a person, or a program in a person's place, types into
// and reads from: lines and macros in, events out, as text or as JSON.
//
// Lines come from a terminal (line editing, completion, history) or from a pipe;
// both go the same way: parse.go says what a line is, macros.go is the one table
// of macros, and everything that is printed passes one queue, one printer and
// one sanitiser, so that nothing of a peer reaches the terminal raw.
//
// The shell sees only package neighbors, through the interface Node. It knows no
// sockets, keys or files other than its own history, and it never ends the process:
// Run returns an exit code.
package shell
