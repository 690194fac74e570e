package neighbors

import (
	"fmt"

	"darkchat/sessions/identity"
)

// Intro says to whom this node may be introduced by others (spec/theory.md 7.1).
type Intro uint8

// The policies. They do not concern users that our user asks for: to ask is to agree.
const (
	IntroKnown Intro = iota // to people the user knows; the user is told of others
	IntroLink               // and to those in one place with us, at once
	IntroAll                // to anybody
	IntroNone               // to nobody, and the user is not told either
)

// introNames are the policies' names, as -intro takes them.
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

// flags are the bits that announce the policy in our record.
func (i Intro) flags() uint64 {
	return [...]uint64{IntroKnown: 0, IntroLink: identity.FlagIntroLink, IntroAll: identity.FlagIntroAll, IntroNone: identity.FlagNoIntro}[i]
}
