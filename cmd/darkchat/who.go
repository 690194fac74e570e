package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"darkchat/sessions/identity"
	"darkchat/sessions/store"
	"darkchat/shell"
)

// seedName is the name of a seed that was given none.
const seedName = "seed"

// askTimes is how often a person may mistype a name.
const askTimes = 5

// errNoName is the error if there is nobody to ask.
var errNoName = errors.New("no name is known: give one with -u NAME")

// whoName decides who runs here if -u does not say it: a seed is "seed", a person at a terminal is
// asked, and a script means the only user in the state folder. Users who ran as seeds there are not
// people, and never meant. terminal says that there is a person. usage is true if the command line
// must change.
func whoName(c config, terminal bool, in io.Reader, out io.Writer) (name string, usage bool, err error) {
	switch {
	case c.user != "":
		return c.user, false, nil
	case c.seed:
		return seedName, false, nil
	}
	var known, seeds []string
	if c.state != "" {
		if known, seeds, err = store.Profiles(c.state); err != nil {
			return "", false, err
		}
	}
	// Older versions, which did not distinguish them, stored no role.
	if i := slices.Index(known, seedName); i >= 0 {
		known, seeds = slices.Delete(known, i, i+1), append(seeds, seedName)
	}
	switch {
	case terminal:
		name, err := askName(known, in, out)
		return name, err == nil || errors.Is(err, errNoName), err
	case len(known) == 1:
		return known[0], false, nil
	case len(known) > 1:
		return "", true, fmt.Errorf("%s holds several users: give one with -u (%s)", c.state, strings.Join(known, ", "))
	case len(seeds) > 0:
		return "", true, fmt.Errorf("only a seed is known (%s): give your name with -u NAME, or -s to be a seed", strings.Join(seeds, ", "))
	}
	return "", true, errNoName
}

// askName asks the person. If exactly one user is known already, an empty answer means that one.
func askName(known []string, in io.Reader, out io.Writer) (string, error) {
	question, preset := "your name: ", ""
	if len(known) == 1 {
		preset = known[0]
		question = fmt.Sprintf("your name [%s]: ", preset)
	}
	for range askTimes {
		answer, err := shell.Ask(in, out, question)
		if errors.Is(err, io.EOF) {
			return "", errNoName
		}
		if err != nil {
			return "", fmt.Errorf("cannot ask for your name: %w; give it with -u NAME", err)
		}
		answer = strings.TrimSpace(answer)
		if answer == "" {
			answer = preset
		}
		name, err := identity.TidyName(answer)
		if err == nil {
			return name, nil
		}
		fmt.Fprintln(out, err)
	}
	return "", errNoName
}
