// Package book is what a node knows of others: which users there are and how far this node's user trusts
// them, what a typed name means, and when and where each session was last seen. A Book is bounded;
// strangers are forgotten before people, and those who are away before those who are here. It is pure:
// time is passed in, and what must be kept comes out as Writes. Source: spec/theory.md 6.4 and 9.
package book
