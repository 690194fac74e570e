package identity

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// MaxName is the longest name, in bytes of UTF-8.
const MaxName = 32

// ErrName is returned for a name that nobody may have.
var ErrName = errors.New("a name is 1 to 32 bytes, begins with a letter or digit, and has no space, control or any of / ~ \\ # , : \" '")

// notInNames are characters with a meaning on the command line: they separate, quote or begin something
// there.
const notInNames = `/~\#,:"' `

// CheckName reports whether name may be in a record: it must obey spec/wire.md 4.4 and already be in its
// PRECIS UsernameCasePreserved form (RFC 8265 3.4). The error is ErrName.
func CheckName(name string) error {
	tidy, err := TidyName(name)
	if err == nil && tidy != name {
		err = ErrName
	}
	return err
}

// TidyName converts a typed name to the form allowed in a record, as "ann" from full-width letters. The
// error is ErrName.
func TidyName(typed string) (string, error) {
	if len(typed) > 4*MaxName || !utf8.ValidString(typed) {
		return "", ErrName
	}
	name, err := precis.UsernameCasePreserved.String(typed)
	if err != nil || !plausible(name) {
		return "", ErrName
	}
	if _, err := precis.UsernameCaseMapped.String(name); err != nil {
		return "", ErrName // it could not be compared
	}
	return name, nil
}

// plausible checks what PRECIS leaves open; even the empty name passes.
func plausible(name string) bool {
	first, _ := utf8.DecodeRuneInString(name)
	return len(name) >= 1 && len(name) <= MaxName &&
		(unicode.IsLetter(first) || unicode.IsDigit(first)) &&
		!strings.ContainsAny(name, notInNames)
}

// MapName returns the form in which names are compared: two names are the same if their PRECIS
// UsernameCaseMapped forms (RFC 8265 3.3) are. The error is ErrName.
func MapName(name string) (string, error) {
	tidy, err := TidyName(name)
	if err != nil {
		return "", err
	}
	mapped, err := precis.UsernameCaseMapped.String(tidy)
	if err != nil {
		return "", ErrName
	}
	return mapped, nil
}
