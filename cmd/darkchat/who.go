package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"darkchat/sessions"
	"darkchat/shell"
)

// seedName is the name of a seed that was given none.
const seedName = "seed"

// askTimes is how often a person may mistype a name.
const askTimes = 5

// errNoName is told when there is nobody to ask.
var errNoName = errors.New("no name is known: give one with -u NAME")

// whoName decides who runs here when -u does not say it: a seed is "seed", a
// person at a terminal is asked, and a script means the only user of the state
// folder. terminal says that there is a person. usage is true when the command
// line has to change.
func whoName(c config, terminal bool, in io.Reader, out io.Writer) (name string, usage bool, err error) {
	switch {
	case c.user != "":
		return c.user, false, nil
	case c.seed:
		return seedName, false, nil
	}
	var known []string
	if c.state != "" {
		if known, err = sessions.Profiles(c.state); err != nil {
			return "", false, err
		}
	}
	switch {
	case terminal:
		name, err := askName(known, in, out)
		return name, true, err
	case len(known) == 1:
		return known[0], false, nil
	case len(known) > 1:
		return "", true, fmt.Errorf("%s holds several users: give one with -u (%s)", c.state, strings.Join(known, ", "))
	}
	return "", true, errNoName
}

// askName asks the person. When one user is known already, an empty answer
// means that one.
func askName(known []string, in io.Reader, out io.Writer) (string, error) {
	question, preset := "your name: ", ""
	if len(known) == 1 {
		preset = known[0]
		question = fmt.Sprintf("your name [%s]: ", preset)
	}
	for range askTimes {
		answer, err := shell.Ask(in, out, question)
		if err != nil {
			return "", errNoName
		}
		answer = strings.TrimSpace(answer)
		if answer == "" {
			answer = preset
		}
		name, err := sessions.TidyName(answer)
		if err == nil {
			return name, nil
		}
		fmt.Fprintln(out, err)
	}
	return "", errNoName
}
