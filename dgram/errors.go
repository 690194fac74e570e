package dgram

import "errors"

// Errors of calls. Bad bytes from the network are never an error: they are dropped and
// counted (counters.go).
var (
	// ErrBudget: HELLOs to that destination, or in all, are used up for now
	// (spec/wire.md 6). Try again a second later.
	ErrBudget = errors.New("too many contact attempts for now")
	// ErrDials: maxDials contacts are under way.
	ErrDials = errors.New("too many contacts under way")
	// ErrAddress: not a unicast address with a port, or our own.
	ErrAddress = errors.New("not an address that can be contacted")
	// ErrRecord: a Config whose own record does not pass its own Check.
	ErrRecord = errors.New("our own record does not verify")
	// ErrConfig: a Config without private key, Check or Random.
	ErrConfig = errors.New("incomplete configuration")

	// errNoise: a handshake message that does not open.
	errNoise = errors.New("handshake does not open")
	// errOpen: the AEAD refused.
	errOpen = errors.New("does not open")
)
