// Package sim is the subcommand "darkchat sim": its flags, and where the results of
// package neighbors/sim are printed.
package sim

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"darkchat/neighbors"
	"darkchat/neighbors/lan"
	"darkchat/neighbors/sim"
)

// Exit codes.
const (
	exitFine  = 0
	exitFail  = 1
	exitUsage = 2
)

// helpText is one screen.
const helpText = `darkchat sim: thousands of whole nodes in one process, in virtual time.

usage: darkchat sim [flags]

  -nodes N         how many (1000)
  -graph KIND      smallworld, communities, random or lan (smallworld)
  -degree N        edges of each, on average; a lan has them all (20)
  -loss SHARE      of the datagrams, as 20% or 0.2 (0%)
  -delay DURATION  of each datagram, at least 1ms (10ms)
  -jitter DURATION up to this much more (20ms)
  -churn SHARE     of the nodes leave or crash each minute, and come back (0%)
  -partition TIME  cut the network in two for so long, not counted by -for (0s)
  -for TIME        virtual time, forming included, at least 12s (1m)
  -texts N         lines from anybody to any neighbour (one for each node)
  -profile NAME    of failure detection: lan, wan or quiet (lan)
  -seed N          the same seed gives the same output (1)
  -crypto KIND     real, or model: a keyed hash in place of Noise, AEAD and
                   signatures (model above 200 nodes)
  -t N             threads (as many as there are processors)
  -json            one JSON object instead of the table
  -plot FILE.svg   also draw convergence over time, and the network
  -h               this help

In every run 2 % of the nodes, 20 at most, join late; as many leave, and as
many crash. It is measured when each of those within two edges knows.
Progress, time and memory are on stderr.

examples:
  darkchat sim -loss 5% -seed 7
  darkchat sim -nodes 200 -graph communities -partition 60s -plot two.svg
`

// modelAbove is the number of nodes above which the model of the cryptography is the default.
const modelAbove = 200

// errHelp says that -h was given.
var errHelp = errors.New("help was asked for")

// command is what the flags say.
type command struct {
	config sim.Config
	json   bool
	plot   string
}

// Run runs the subcommand and returns the exit code. Results go to out, everything else to errs.
func Run(args []string, out, errs io.Writer) int {
	c, err := parse(args)
	switch {
	case errors.Is(err, errHelp):
		_, _ = io.WriteString(out, helpText)
		return exitFine
	case err != nil:
		fmt.Fprintf(errs, "darkchat sim: %v\n", err)
		return exitUsage
	}
	if err := c.run(out, errs); err != nil {
		fmt.Fprintf(errs, "darkchat sim: %v\n", err)
		return exitFail
	}
	return exitFine
}

func parse(args []string) (command, error) {
	c := command{config: sim.Config{Group: lan.Group4, Sources: func() []neighbors.Source { return []neighbors.Source{lan.New()} }}}
	var loss, churn share
	var profile, crypto string
	fs := flag.NewFlagSet("darkchat sim", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&c.config.Nodes, "nodes", 1000, "")
	fs.StringVar(&c.config.Graph, "graph", sim.SmallWorld, "")
	fs.IntVar(&c.config.Degree, "degree", 20, "")
	fs.Var(&loss, "loss", "")
	fs.DurationVar(&c.config.Delay, "delay", 10*time.Millisecond, "")
	fs.DurationVar(&c.config.Jitter, "jitter", 20*time.Millisecond, "")
	fs.Var(&churn, "churn", "")
	fs.DurationVar(&c.config.Partition, "partition", 0, "")
	fs.DurationVar(&c.config.For, "for", time.Minute, "")
	fs.IntVar(&c.config.Texts, "texts", -1, "")
	fs.StringVar(&profile, "profile", "lan", "")
	fs.Uint64Var(&c.config.Seed, "seed", 1, "")
	fs.StringVar(&crypto, "crypto", "", "")
	fs.IntVar(&c.config.Threads, "t", runtime.GOMAXPROCS(0), "")
	fs.BoolVar(&c.json, "json", false, "")
	fs.StringVar(&c.plot, "plot", "", "")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return c, errHelp
	case err != nil:
		return c, fmt.Errorf("%w (darkchat sim -h lists the flags)", err)
	case fs.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q: darkchat sim takes flags only (darkchat sim -h lists them)", fs.Arg(0))
	}
	c.config.Loss, c.config.Churn = float64(loss), float64(churn)
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	if c.config.Profile, err = neighbors.ProfileNamed(profile); err != nil {
		return c, fmt.Errorf("-profile: %w", err)
	}
	c.config.Model = crypto == "model" || crypto == "" && c.config.Nodes > modelAbove
	switch {
	case crypto != "model" && crypto != "real" && (crypto != "" || given["crypto"]):
		return c, fmt.Errorf("-crypto %q is unknown: model or real", crypto)
	case c.config.Threads < 1:
		return c, fmt.Errorf("-t %d is out of range: 1 or more", c.config.Threads)
	case given["plot"] && !strings.HasSuffix(c.plot, ".svg"):
		return c, fmt.Errorf("-plot %q: give a file whose name ends in .svg", c.plot)
	case given["texts"] && c.config.Texts < 0:
		return c, fmt.Errorf("-texts %d is out of range: 0 or more", c.config.Texts)
	}
	if !given["texts"] {
		c.config.Texts = max(c.config.Nodes, 0)
	}
	return c, c.config.Check()
}

// share is a flag as 20% or 0.2.
type share float64

// String is for package flag.
func (s *share) String() string { return strconv.FormatFloat(float64(*s), 'g', -1, 64) }

// Set is for package flag.
func (s *share) Set(text string) error {
	number, cut := strings.CutSuffix(text, "%")
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return errors.New("not a share such as 20% or 0.2")
	}
	if cut {
		f /= 100
	}
	*s = share(f)
	return nil
}

// memoryLimit is where the collector begins to work harder: 10,000 nodes stay below it.
const memoryLimit = 6 << 30

func (c command) run(out, errs io.Writer) error {
	debug.SetMemoryLimit(memoryLimit)
	began := time.Now()
	last := began
	r, err := sim.Run(c.config, func(at time.Duration) {
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(errs, "%v of %v\n", at.Round(time.Second), c.config.For+c.config.Partition)
		}
	})
	if err != nil {
		return err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(errs, "took %v; %d MB of memory, %d kB a node\n", time.Since(began).Round(10*time.Millisecond), m.Sys>>20, int(m.Sys>>10)/c.config.Nodes)
	if c.json {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
	} else if err := r.Table(out); err != nil {
		return err
	}
	if c.plot != "" {
		return c.draw(r)
	}
	return nil
}

// draw writes the picture.
func (c command) draw(r *sim.Report) error {
	f, err := os.Create(c.plot)
	if err != nil {
		return err
	}
	err = r.Plot(f)
	return errors.Join(err, f.Close())
}
