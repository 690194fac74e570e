package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sieges lists the rows: each attack alone, on the victim that it is meant for, and all
// at once.
func sieges() (rows []siegeRow) {
	client := []siegeRow{
		{name: "gap-texts", inCI: true},
		{name: "text-flood-1B"},
		{name: "text-flood-1KiB"},
		{name: "text-flood-fresh"},
		{name: "one-prefix", before: meetGus, look: gusIsThere},
		{name: "edges-one-ip"},
		{name: "edges-20-ips", inCI: true},
		{name: "edges-far"},
		{name: "edges-visit"},
		{name: "presence-toggles", inCI: true},
		{name: "presence-toggles", deaf: true, provoke: stopsReading},
		{name: "comings-goings"},
		{name: "impostor", provoke: addsZoe, look: zoeIsNobody},
		{name: "name-guesses"},
		{name: "false-challenges"},
		{name: "announcements-one-ip"},
		{name: "announcements-20-ips"},
		{name: "copies-unopened"},
		{name: "third-host"},
		{name: "vanished"},
		{name: "unfinished-lines", look: lineIsWhole},
		{name: "namesakes", look: manyNames},
		{name: "false-observed", look: addressIsOwn},
		{name: "endless-gap", provoke: writesToGapper, look: gapperWasWrittenTo},
	}
	seed := []siegeRow{
		{name: "gap-texts"}, {name: "text-flood-1KiB"}, {name: "edges-far"}, {name: "presence-toggles"},
		{name: "comings-goings"}, {name: "name-guesses"}, {name: "third-host"}, {name: "vanished"},
		{name: "namesakes"}, {name: "copies-unopened"}, {name: "idle-circuits", inCI: true}, {name: "dead-crowd", look: isIdle},
	}
	all := map[bool][]string{}
	for _, r := range client {
		r.attacks = []string{r.name}
		if r.deaf {
			r.name += "-slow-reader"
		} else {
			all[false] = append(all[false], r.name)
		}
		r.name = "client-" + r.name
		rows = append(rows, r)
	}
	rows = append(rows, siegeRow{name: "all-client", attacks: all[false], provoke: func(s *scene) { writesToGapper(s); addsZoe(s) }, look: zoeIsNobody})
	for _, r := range seed {
		r.attacks, r.name, r.seed = []string{r.name}, "seed-"+r.name, true
		all[true] = append(all[true], r.attacks...)
		rows = append(rows, r)
	}
	return append(rows, siegeRow{name: "all-seed", attacks: all[true], seed: true})
}

// report waits for an attacker's last line.
func (n *node) report() (r attackReport) {
	e, _ := n.seenAfter(0, time.Now().Add(2*graceAfter), func(e event) bool { return e.Event == "attacked" })
	_ = json.Unmarshal([]byte(e.raw), &r)
	if r.Attack == "" {
		r.Attack = n.name + " (no report: " + clip(n.stderr()) + ")"
	}
	return r
}

// meetGus starts an honest stranger in the attackers' /24 who has met ann, and who writes
// now and then.
func meetGus(s *scene) {
	gus := s.x.darkchat("gus", "-listen", gusAddr, "-presence", "none")
	s.guests = append(s.guests, gus)
	if _, ok := gus.ask(`\ping 10.10.0.11 `+s.ann.port(), "pong"); ok {
		gus.send(`\chat ann`)
		gus.send("gus 0")
	}
}

func gusIsThere(s *scene) (seen []string) {
	gus := s.guests[0]
	for i := range 3 {
		gus.send(fmt.Sprintf("gus %d", i+1))
	}
	if _, ok := gus.seenBy(time.Now().Add(graceAfter), func(e event) bool {
		return e.Event == "delivery" && e.State == "delivered" && gus.count(func(e event) bool {
			return e.Event == "delivery" && e.State == "delivered"
		}) >= 4
	}); !ok {
		seen = append(seen, "an honest stranger of that /24 cannot deliver any more")
	}
	e, _ := s.ann.ask(`\online`, "users")
	if !slices.ContainsFunc(e.Users, func(u userLine) bool { return u.Name == "gus" }) {
		seen = append(seen, "an honest stranger of that /24 is not listed any more")
	}
	return seen
}

// addsZoe has ann look for somebody who is not there.
func addsZoe(s *scene) { s.ann.send(`\add zoe`) }

func zoeIsNobody(s *scene) (seen []string) {
	e, _ := s.ann.ask(`\users`, "users")
	for _, u := range e.Users {
		if name, _, _ := strings.Cut(u.Name, "~"); name == "zoe" && u.Trust != "new" {
			seen = append(seen, "an impostor is "+u.Trust)
		}
	}
	return seen
}

// writesToGapper has ann write to the one who answers that something is missing, and go
// back to bob.
func writesToGapper(s *scene) {
	if _, ok := s.ann.seenBy(time.Now().Add(graceAfter), func(e event) bool { return e.Event == "online" && e.User == gapReader }); !ok {
		return // with all attackers at once there may be no room for this one
	}
	s.ann.send(`\chat ` + gapReader)
	s.ann.send("is something missing?")
	s.ann.send(`\chat bob`)
}

func gapperWasWrittenTo(s *scene) []string {
	if s.ann.count(func(e event) bool { return e.Event == "delivery" && e.To == gapReader }) == 0 {
		return []string{"ann could not write to " + gapReader}
	}
	return nil
}

// listLimit is how long a person may wait for a list.
const listLimit = time.Second

// manyNames: after thousands of keys of one name a list is made quickly, and another bob
// is still warned of.
func manyNames(s *scene) (seen []string) {
	began := time.Now()
	if _, ok := s.ann.ask(`\users`, "users"); !ok || time.Since(began) > listLimit {
		seen = append(seen, fmt.Sprintf("\\users took %s", short(time.Since(began))))
	}
	mark := s.ann.mark()
	s.guests = append(s.guests, s.hosts["n2"].launch("bob", "-p", "7201"))
	// One line a minute for each name; more keys are counted in the next.
	if _, ok := s.ann.seenAfter(mark, time.Now().Add(graceAfter+time.Minute), func(e event) bool {
		return (e.Event == "notice" || e.Event == "error") && strings.Contains(e.raw, "the name bob")
	}); !ok {
		seen = append(seen, "another key of a friend's name is not warned of any more")
	}
	return seen
}

// stopsReading has the reader of ann's output pause for a while.
func stopsReading(s *scene) {
	s.ann.reading.Lock()
	time.AfterFunc(readerPause, s.ann.reading.Unlock)
}

const readerPause = 5 * time.Second

// idleLimit is the part of a core that attackers who are gone may still cost.
const idleLimit = 0.1

// isIdle looks at what the victim does when the attackers are dead.
func isIdle(s *scene) []string {
	settle(graceAfter / 2)
	var f figures
	was := s.watched.cost()
	settle(graceAfter / 2)
	if f.spent(s.watched, was); f.cpu > idleLimit {
		return []string{fmt.Sprintf("those who are dead cost %.0f %% of a core", 100*f.cpu)}
	}
	return nil
}

func addressIsOwn(s *scene) []string {
	if e, ok := s.ann.ask(`\net`, "net"); !ok || strings.Contains(e.raw, falseAddr.String()) {
		return []string{"ann believes to be at " + falseAddr.String()}
	}
	return nil
}

// lineIsWhole: the second half alone must not stand there as the line.
func lineIsWhole(s *scene) (seen []string) {
	e, ok := s.ann.seenBy(time.Now().Add(time.Second), func(e event) bool {
		return e.Event == "message" && strings.HasSuffix(e.Text, secondHalf) && e.Text != firstHalf+secondHalf
	})
	if ok {
		seen = append(seen, "a line was shown without its acknowledged first half at "+e.Format(time.TimeOnly))
	}
	return seen
}

// faults lists what was not as it must be.
func (r siegeRow) faults(f, quiet figures) (faults []string) {
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	fault(f.lost > 0, "%d of %d lines of a friend were lost", f.lost, f.typed)
	fault(f.untold > 0, "%d lines were shown and never acknowledged", f.untold)
	fault(f.twice+f.crossed+f.spoilt > 0, "%d lines came twice, %d out of order, %d spoilt", f.twice, f.crossed, f.spoilt)
	limit := max(textLeast, textFactor*quiet.p99)
	if siegeLoaded() {
		limit = max(limit, textLoaded)
	}
	if f.row != quiet.row && !r.deaf {
		fault(f.p99 > limit, "friends' lines took %s (p99; limit %s)", shortest(f.p99), short(limit))
	}
	slow := 1.0
	if r.deaf {
		slow = 2
	}
	if siegeLoaded() {
		slow *= crashSlack
	}
	fault(f.crash > times(crashLimit, slow), "the crash of a friend was seen after %s", shortest(f.crash))
	if siegeLoaded() {
		slow *= newcomerSlack / crashSlack
	}
	newcomer := newcomerLimit
	if r.seed {
		newcomer = returnLimit
	}
	fault(f.newcomer > times(newcomer, slow), "a newcomer was seen after %s", shortest(f.newcomer))
	fault(f.ponged < f.pinged, "%d of %d \\ping had no answer", f.pinged-f.ponged, f.pinged)
	fault(f.history > 0, "%d lines are not in the history", f.history)
	rss, state := clientRSS, int64(clientState)
	if r.seed {
		rss, state = seedRSS, seedState
	}
	fault(f.peak > rss, "%d MB of memory (limit %d)", f.peak>>10, rss>>10)
	fault(f.state > state, "%d MB of state (limit %d)", f.state>>20, state>>20)
	fault(f.outLines > quiet.outLines+linesLimit || f.outBytes > quiet.outBytes+bytesLimit, "%.0f lines and %.1f kB a second were printed", f.outLines, f.outBytes/1000)
	fault(f.exit != "", "leaving: %s", f.exit)
	for _, a := range f.attacks {
		faults = append(faults, a.faults(f.last)...)
	}
	return append(faults, f.seen...)
}

// Bounds of what strangers may draw.
const (
	drawnFactor  = 3    // bytes to an unconfirmed address, times those it sent (RFC 9000 8.1)
	strangeLines = 1000 // taken of all strangers in a minute
	mostResends  = 40   // of one text in a minute
	brokered     = 30   // kB to a host that strangers name
)

// faults are those that only the attacker can see.
func (a attackReport) faults(last time.Duration) (faults []string) {
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	minutes := max(1, int64(last/time.Minute))
	fault(a.Met == 0 && !strings.HasPrefix(a.Attack, "announce") && a.Attack != "false-challenges", "the attack %s did not take place", a.Attack)
	n := a.Notes
	gave, drew := n["unconfirmed and vanished, bytes given"], n["unconfirmed and vanished, bytes drawn"]
	fault(drew > drawnFactor*gave, "who vanished unconfirmed drew %d bytes for %d", drew, gave)
	fault(n["lines taken"] > strangeLines*minutes, "%d lines of strangers were taken", n["lines taken"])
	fault(n["resends drawn"] > mostResends*minutes, "a reader that answers gap drew %d resends", n["resends drawn"])
	fault(n["bytes at the third host"] > brokered<<10, "%d kB were sent to a third host", n["bytes at the third host"]>>10)
	fault(n["sessions told of"] > 0, "strangers were told of %d sessions", n["sessions told of"])
	fault(n["keys asked for"] > 0, "strangers were told the keys of %d missing friends", n["keys asked for"])
	fault(n["searches overheard"] > 0, "%d searches were told to strangers", n["searches overheard"])
	return faults
}

func times(d time.Duration, by float64) time.Duration { return time.Duration(by * float64(d)) }

func shortest(d time.Duration) string {
	if d == never {
		return "never"
	}
	return short(d)
}

// siegeLine is a row as it is printed when it has ended.
func siegeLine(f, quiet figures, faults []string) string {
	verdict := "ok  "
	if len(faults) > 0 {
		verdict = "FAIL"
	}
	return fmt.Sprintf("siege %s  %-28s %s  %s", verdict, f.row, strings.Join(f.cells(quiet), " | "), strings.Join(faults, "; "))
}

// cells are the figures of a row, in the order of the table.
func (f figures) cells(quiet figures) []string {
	ratio := "-"
	if quiet.p99 > 0 && f.p99 != never {
		ratio = fmt.Sprintf("%.1f", float64(f.p99)/float64(quiet.p99))
	}
	yes := func(ok bool) string {
		if ok {
			return "yes"
		}
		return "no"
	}
	exit := "0"
	if f.exit != "" {
		exit = f.exit
	}
	return []string{
		shortest(f.p50), shortest(f.p99), ratio, fmt.Sprintf("%d of %d", f.lost, f.typed), yes(f.twice+f.crossed+f.spoilt+f.untold == 0),
		shortest(f.crash), shortest(f.newcomer), fmt.Sprintf("%d of %d", f.ponged, f.pinged), yes(f.history == 0),
		fmt.Sprintf("%.0f (%.0f)", float64(f.peak)/1024, float64(f.resident)/1024), fmt.Sprintf("%.1f", float64(f.state)/(1<<20)),
		fmt.Sprintf("%.0f", 100*f.cpu), fmt.Sprintf("%.0f", f.outLines), fmt.Sprintf("%.1f", f.outBytes/1000), exit,
	}
}

// siegeTable is the table of spec/threats.md 4.
func siegeTable(all []figures) string {
	head := []string{"row", "text p50", "p99", "x quiet", "lost", "once, in order", "crash seen", "newcomer seen", "`\\ping` answered",
		"history whole", "RSS MB peak (end)", "state MB", "CPU %", "lines/s", "kB/s out", "exit"}
	b := "\n| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat("---|", len(head)) + "\n"
	var quiet figures
	for _, f := range all {
		if strings.HasPrefix(f.row, "quiet-") {
			quiet = f
		}
		b += "| " + f.row + " | " + strings.Join(f.cells(quiet), " | ") + " |\n"
	}
	return b
}
