package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"

	"darkchat/cmd/darkchat/sim"
	"darkchat/neighbors"
	"darkchat/sessions/store"
	"darkchat/shell"
)

// startTimeout bounds the search for the addresses of seeds at the start.
const startTimeout = 5 * time.Second

// run is the whole program except for the exit. It may refuse, in this order: flags, names, seeds'
// addresses, socket, state; so a program that does not start has written nothing.
func run(args []string, in, out, errs *os.File) int {
	if len(args) > 0 && args[0] == "sim" {
		return sim.Run(args[1:], out, errs)
	}
	c, err := parseFlags(args)
	switch {
	case errors.Is(err, errHelp):
		_, _ = io.WriteString(out, helpText)
		return exitFine
	case err != nil:
		return fail(errs, exitUsage, err)
	}
	useMemory(c.memory)
	useProcessors(c)
	terminal := term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) && !c.json
	name, usage, err := whoName(c, terminal, in, out)
	switch {
	case err != nil && usage:
		return fail(errs, exitUsage, err)
	case err != nil:
		return fail(errs, exitFail, err)
	}
	c.user = name
	screen := terminal && os.Getenv("TERM") != "" && os.Getenv("TERM") != "dumb"

	ctx, interrupts := watchSignals(screen)
	seeds, notices, err := lookUpSeeds(ctx, c)
	if err != nil {
		return fail(errs, exitFail, err)
	}
	conn, notice, err := listen(c)
	if err != nil {
		return fail(errs, exitFail, err)
	}
	if notice != "" {
		notices = append(notices, notice)
	}
	trace, err := openTrace(c.trace)
	if err != nil {
		_ = conn.Close()
		return fail(errs, exitFail, err)
	}
	defer trace.close()
	profile, err := store.OpenProfile(store.ProfileOptions{
		Dir: c.state, User: c.user, IdentityFile: c.identity, Ephemeral: c.ephemeral, History: c.history, Seed: c.seed,
		Now: time.Now(), Random: rand.Reader,
	})
	if err != nil {
		_ = conn.Close() // nothing was sent on it
		return fail(errs, exitFail, err)
	}
	code, err := converse(ctx, c, surface{in, out, errs, screen, interrupts, trace}, profile, conn, seeds, notices)
	if end := profile.Close(); err == nil {
		err = end
	}
	if err != nil {
		return fail(errs, exitFail, err)
	}
	return code
}

// surface is the input and output of the person or script.
type surface struct {
	in, out, errs *os.File
	screen        bool // a terminal that can be drawn on
	interrupts    <-chan os.Signal
	trace         *tracer
}

// converse runs node and shell until one of them ends.
func converse(ctx context.Context, c config, at surface, profile *store.Profile, conn *net.UDPConn,
	seeds map[string][]netip.AddrPort, notices []string) (int, error) {
	found, err := newFinders(c, contactsPath(profile), seeds)
	if err != nil {
		_ = conn.Close()
		return exitFail, err
	}
	here := ground{conn.LocalAddr().(*net.UDPAddr).AddrPort(), c.interfaces}
	around := here.surroundings(interfaces())
	node, err := neighbors.New(neighbors.Config{
		Key: profile.Key, Name: profile.Name, Session: profile.Session, Seed: c.seed, Random: rand.Reader,
		IDs: profile.IDs, Seqs: profile.Seqs, Load: profile.Load, Unstored: c.ephemeral, NoHistory: c.history == 0,
		Past: profile.Past, Renew: renewal(profile),
		Listen: around.Listen, LoopbackOnly: c.listen.IsLoopback(), Interfaces: around.Interfaces,
		Guests: around.Guests, Outlets: around.Outlets, Sources: found.sources(), Profile: c.profile, HoldOff: c.holdOff, Memory: c.memory,
		Door: c.door, Intro: c.intro,
	}, time.Now())
	if err != nil {
		_ = conn.Close()
		return exitFail, err
	}
	log := openLog(c, at)
	defer log.close()
	sh := shell.New(shell.Options{
		In: at.in, Out: at.out, Interactive: at.screen, JSON: c.json, Stay: c.stay || c.seed, Wait: c.wait,
		History: profile.HistoryPath(), Color: at.screen && os.Getenv("NO_COLOR") == "",
		Export: shell.WriteExport, Open: store.OpenRegular, Lost: log.lost,
	})
	for _, text := range append(profile.Notices, notices...) {
		sh.Notice(text)
	}
	log.start(c, portOf(conn))
	sink := log.watch(sh.Sink)
	var disk neighbors.Store
	if s := profile.Store(); s != nil {
		disk = s // a nil *Store must not become a Store
	}
	loop := neighbors.NewLoop(node, conn, c.readers, disk, sink)
	if s := profile.Store(); s != nil {
		loop.Remember(s)
	}
	loop.Trace(at.trace.watch(log.log, c.verbose))

	if c.interfaces != nil && len(around.Outlets) == 0 && !c.listen.IsLoopback() {
		sh.Notice("-interfaces " + c.interfaces.String() + " matches no interface that is up: you are announced nowhere for now")
	}
	watch := &watcher{loop: loop, ground: here, last: around, finders: found, notice: sh.Notice}
	watch.hear()

	// The loop outlives the shell, to say goodbye; the shell does not outlive the loop.
	shellCtx, stopShell := context.WithCancel(ctx)
	loopCtx, stopLoop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- loop.Run(loopCtx)
		stopShell()
	}()
	if found.seeds != nil {
		go found.seeds.serve(loopCtx, loop, systemLookup)
	}
	go watch.serve(loopCtx)
	go func() {
		for range at.interrupts {
			sh.Interrupt()
		}
	}()
	code := sh.Run(shellCtx, neighbors.NewClient(loop))
	stopLoop()
	if err = <-ended; err == nil {
		err = sh.Err()
	}
	stopShell()
	profile.GiveBack(node.Unused()) // nothing else touches the node any more
	return code, err
}

// renewal gives a copied session a new key, for this run and the next.
func renewal(profile *store.Profile) func() ([32]byte, error) {
	return func() ([32]byte, error) {
		err := profile.Fresh(rand.Reader)
		return profile.Session, err
	}
}

// fail prints why the program cannot go on, as one line without controls.
func fail(w io.Writer, code int, err error) int {
	fmt.Fprintf(w, "darkchat: %s\n", printable(err.Error()))
	return code
}

// printable is one line without controls.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
