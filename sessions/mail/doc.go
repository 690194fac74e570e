// Package mail is texts on their way. An Outbox keeps the lines that were typed until each session of the
// recipient has them; an Inbox takes texts in their order and once, and makes lines of them; HeldCopies
// keeps copies for friends who are away, sealed to their HoldKeys. All are pure: time is passed in, and
// what must be kept comes out as Writes, which have to be on disk before anything is sent or
// acknowledged. Source: spec/theory.md 4.
package mail
