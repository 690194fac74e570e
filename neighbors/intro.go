package neighbors

import (
	"fmt"

	"darkchat/sessions"
)

// Intro says to whom this node may be introduced by others (spec/theory.md 7.1).
type Intro uint8

// The policies. Whom our user asks for is another matter: to ask is to agree.
const (
	IntroKnown Intro = iota // to those whom the user knows; of others the user is told
	IntroLink               // and at once to those in one place with us
	IntroAll                // to anybody
	IntroNone               // to nobody, and the user is told of nobody
)

// introNames are their names, as -intro takes them.
var introNames = [...]string{"known", "link", "all", "none"}

// IntroNamed finds a policy by its name.
func IntroNamed(name string) (Intro, error) {
	for i, s := range introNames {
		if s == name {
			return Intro(i), nil
		}
	}
	return 0, fmt.Errorf("%q is unknown: known, link, all or none", name)
}

// flags are what our record says of it.
func (i Intro) flags() uint64 {
	return [...]uint64{IntroKnown: 0, IntroLink: sessions.FlagIntroLink, IntroAll: sessions.FlagIntroAll, IntroNone: sessions.FlagNoIntro}[i]
}
