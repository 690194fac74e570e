package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"darkchat/neighbors"
	"darkchat/sessions/identity"
	"darkchat/sessions/store"
	"darkchat/shell"
)

// errHelp says that -h was given.
var errHelp = errors.New("help was asked for")

// helpText is one screen. A test compares the defaults in it with the constants.
const helpText = `darkchat: chat with the people around you, sealed, with no server.

usage: darkchat [flags]

  -u NAME         your name here; without it a terminal asks, else the only one
                  in the state folder is used; a seed is "seed"
  -p PORT         UDP port (6789, a seed 8888; 0: any free one)
  -t N            goroutines that open datagrams, 1 to 64 (5)
  -sip HOST       a seed to ask, remembered from then on; also HOST:PORT;
                  for several use commas or repeat the flag
  -sp PORT        the seeds' port (8888); one for all, or one for each -sip
  -s              be a seed: serve strangers, ignore the end of input
  -memory SIZE    memory of a seed, which bounds its sessions (256MB)
  -listen ADDR    listen on this address only (all addresses)
  -presence LIST  how people are found: lan,seed,file (the default) or none
  -interfaces RE  announce on interfaces with such names (all but virtual)
  -profile NAME   lan, wan, quiet: how soon a loss is noticed, at a cost (lan)
  -hold on|off    keep sealed copies of texts for friends who are away (on)
  -strangers WHO  new users whose lines are taken: ask (all, a few), link, none
  -intro WHOM     known, link, all, none: who may be introduced to you (known)
  -history N      lines of conversations to keep; 0: none, erase them (100000)
  -state DIR      where everything is kept ($XDG_STATE_HOME/darkchat)
  -identity FILE  use this key file, e.g. a copy from your other machine
  -ephemeral      keep nothing: a new key, and no file is written
  -json           events on stdout, one JSON object a line
  -stay           do not leave at the end of input
  -wait DURATION  at the end of input wait this long for deliveries (10s)
  -log FORM       log lines on stderr as text or json (text)
  -v              log details, a line a datagram too
  -trace FILE     write a line of JSON there about each datagram
  -h              this help

examples:
  darkchat -u ann                   then \ping HOST PORT, \chat NAME, \help
  darkchat -s </dev/null            a seed; others use -sip THIS-HOST
  printf '\\chat bob\nhello\n' | darkchat -u ann -json

exit: 0 done, 1 failure or a refused text, 2 bad flags, 3 texts still wait
`

// listFlag collects the values of a flag that may be repeated or hold commas.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

func (l *listFlag) Set(s string) error {
	*l = append(*l, strings.Split(s, ",")...)
	return nil
}

// A commandLine is the flags as they were typed. Those that need no reading are in the config already.
type commandLine struct {
	config                             config
	port                               int
	hosts, ports                       listFlag
	listen, presence, interfaces       string
	profile, hold, memory, door, intro string
	set                                map[string]bool // which flags were given
}

// parseFlags checks the whole command line and touches nothing. Errors are one line that says what
// to do; errHelp is not one of them.
func parseFlags(args []string) (config, error) {
	l := commandLine{set: map[string]bool{}}
	fs := flag.NewFlagSet("darkchat", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	l.define(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return config{}, errHelp
	case err != nil:
		return config{}, fmt.Errorf("%w (darkchat -h lists the flags)", err)
	}
	if fs.NArg() > 0 {
		return config{}, positional(fs.Arg(0))
	}
	fs.Visit(func(f *flag.Flag) { l.set[f.Name] = true })
	if l.set["u"] {
		name, err := identity.TidyName(l.config.user)
		if err != nil {
			return config{}, fmt.Errorf("-u %q: %w", l.config.user, err)
		}
		l.config.user = name
	}
	if l.config.seed && !l.set["p"] {
		l.port = defaultSeedPort
	}
	if err := l.check(); err != nil {
		return config{}, err
	}
	return l.read()
}

// define says which flags there are, and their defaults.
func (l *commandLine) define(fs *flag.FlagSet) {
	c := &l.config
	fs.StringVar(&c.user, "u", "", "")
	fs.IntVar(&l.port, "p", defaultClientPort, "")
	fs.IntVar(&c.readers, "t", defaultReaders, "")
	fs.Var(&l.hosts, "sip", "")
	fs.Var(&l.ports, "sp", "")
	fs.BoolVar(&c.seed, "s", false, "")
	fs.StringVar(&l.memory, "memory", "", "")
	fs.StringVar(&l.listen, "listen", "", "")
	fs.StringVar(&l.presence, "presence", presenceLAN+","+presenceSeed+","+presenceFile, "")
	fs.StringVar(&l.interfaces, "interfaces", "", "")
	fs.StringVar(&l.profile, "profile", "lan", "")
	fs.StringVar(&l.hold, "hold", holdOn, "")
	fs.StringVar(&l.door, "strangers", "ask", "")
	fs.StringVar(&l.intro, "intro", "known", "")
	fs.IntVar(&c.history, "history", store.DefaultHistory, "")
	fs.StringVar(&c.state, "state", "", "")
	fs.StringVar(&c.identity, "identity", "", "")
	fs.BoolVar(&c.ephemeral, "ephemeral", false, "")
	fs.BoolVar(&c.json, "json", false, "")
	fs.BoolVar(&c.stay, "stay", false, "")
	fs.DurationVar(&c.wait, "wait", defaultWait, "")
	fs.StringVar(&c.log, "log", logText, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	fs.StringVar(&c.trace, "trace", "", "")
}

// check refuses what is out of range, or empty.
func (l *commandLine) check() error {
	c := &l.config
	switch {
	case l.port < 0 || l.port > 65535:
		return fmt.Errorf("-p %d is not a port: 1 to 65535, or 0 for any free one", l.port)
	case c.readers < 1 || c.readers > maxReaders:
		return fmt.Errorf("-t %d is out of range: 1 to %d", c.readers, maxReaders)
	case c.wait < 0:
		return fmt.Errorf("-wait %v is negative: give 0s to not wait at all", c.wait)
	case c.log != logText && c.log != logJSON:
		return fmt.Errorf("-log %q is unknown: text or json", c.log)
	case c.history < 0 || c.history > store.MaxHistory:
		return fmt.Errorf("-history %d is out of range: 0 (none) to %d", c.history, store.MaxHistory)
	case l.hold != holdOn && l.hold != holdOff:
		return fmt.Errorf("-hold %q is unknown: on or off", l.hold)
	case l.set["state"] && c.state == "":
		return errors.New("-state needs a folder")
	case l.set["trace"] && c.trace == "":
		return errors.New("-trace needs a file")
	case l.set["identity"] && c.identity == "":
		return errors.New("-identity needs a file")
	}
	return nil
}

// read gives the config, once what was typed as text is read.
func (l *commandLine) read() (config, error) {
	c := l.config
	c.port, c.portGiven, c.readersGiven = uint16(l.port), l.set["p"], l.set["t"]
	c.holdOff = l.hold == holdOff
	var err error
	if c.memory, err = parseMemory(l.memory, c.seed); err != nil {
		return config{}, err
	}
	if c.profile, err = neighbors.ProfileNamed(l.profile); err != nil {
		return config{}, fmt.Errorf("-profile %w", err)
	}
	if c.door, err = neighbors.DoorPolicyNamed(l.door); err != nil {
		return config{}, fmt.Errorf("-strangers %w", err)
	}
	if c.intro, err = neighbors.IntroNamed(l.intro); err != nil {
		return config{}, fmt.Errorf("-intro %w", err)
	}
	if c.listen, err = parseListen(l.listen, l.set["listen"]); err != nil {
		return config{}, err
	}
	if c.presence, err = parsePresence(l.presence); err != nil {
		return config{}, err
	}
	if l.set["interfaces"] {
		if c.interfaces, err = regexp.Compile(l.interfaces); err != nil || l.interfaces == "" {
			return config{}, fmt.Errorf("-interfaces %q is not a regular expression such as '^(eth|wlan)'", l.interfaces)
		}
	}
	if c.seeds, err = parseSeeds(l.hosts, l.ports); err != nil {
		return config{}, err
	}
	if len(c.seeds) > 0 && !c.has(presenceSeed) {
		return config{}, errors.New("-sip names a seed, but -presence leaves out \"seed\": give one or the other")
	}
	if c.state, err = stateFolder(c); err != nil {
		return config{}, err
	}
	return c, nil
}

// positional explains an argument that is not a flag. Most often it follows a switch, and the flag
// package takes it for the end of the flags.
func positional(arg string) error {
	if _, err := strconv.ParseBool(arg); err == nil {
		return fmt.Errorf("unexpected argument %q: a switch such as -s takes its value with =, as in -s=%s", arg, arg)
	}
	return fmt.Errorf("unexpected argument %q: darkchat takes flags only (darkchat -h lists them)", arg)
}

// parseMemory reads a size such as 256MB. It is for seeds: a client's tables bound its memory.
func parseMemory(s string, seed bool) (int64, error) {
	switch {
	case s == "" && seed:
		return defaultMemory, nil
	case s == "":
		return 0, nil
	case !seed:
		return 0, errors.New("-memory is for a seed: give it together with -s")
	}
	number := strings.TrimRight(strings.ToUpper(s), "GMKB")
	unit := map[string]int64{"": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "M": 1 << 20, "MB": 1 << 20, "G": 1 << 30, "GB": 1 << 30}[strings.ToUpper(s)[len(number):]]
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || unit == 0 || n <= 0 || n > (1<<40)/unit {
		return 0, fmt.Errorf("-memory %q is not a size, such as 256MB or 1GB", s)
	}
	if n*unit < neighbors.MemoryLeast {
		return 0, fmt.Errorf("-memory %s is too little: 64MB at least", s)
	}
	return n * unit, nil
}

func parseListen(s string, given bool) (netip.Addr, error) {
	if !given {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("-listen %q is not an address of this machine, such as 127.0.0.1 (the port is -p)", s)
	}
	if addr.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("-listen %s is a multicast address: give one of this machine", addr)
	}
	return addr.Unmap(), nil
}

func parsePresence(s string) ([]string, error) {
	if s == presenceNone {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(s, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == presenceNone:
			return nil, errors.New("-presence none cannot be combined: give it alone, or leave it out")
		case name != presenceLAN && name != presenceSeed && name != presenceFile:
			return nil, fmt.Errorf("-presence %q is unknown: any of lan,seed,file, or none", name)
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names, nil
}

// parseSeeds joins -sip and -sp: one port for all hosts, or one for each, here or in -sip itself.
func parseSeeds(hosts, ports []string) ([]seedHost, error) {
	apart := len(ports) > 0
	if !apart {
		ports = []string{strconv.Itoa(defaultSeedPort)}
	} else if len(hosts) == 0 {
		return nil, errors.New("-sp gives the port of a seed, but -sip names none")
	}
	if len(hosts) > maxSeeds {
		return nil, fmt.Errorf("%d seeds are too many: at most %d", len(hosts), maxSeeds)
	}
	if len(ports) != 1 && len(ports) != len(hosts) {
		return nil, fmt.Errorf("%d ports (-sp) for %d seeds (-sip): give one for all or one for each", len(ports), len(hosts))
	}
	var numbers []uint16
	for _, p := range ports {
		n, err := parsePort("-sp", p)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	var seeds []seedHost
	for i, typed := range hosts {
		host, own, given, err := shell.SplitPort(strings.TrimSpace(typed))
		if err != nil {
			return nil, fmt.Errorf("-sip %q: %w", typed, err)
		}
		if err := checkHost(host); err != nil {
			return nil, err
		}
		port := numbers[min(i, len(numbers)-1)]
		if given && apart {
			return nil, fmt.Errorf("the port of %q is given twice: -sip HOST:PORT, or -sip HOST -sp PORT", host)
		}
		if given {
			if port, err = parsePort("-sip "+typed+": port", own); err != nil {
				return nil, err
			}
		}
		seeds = append(seeds, seedHost{host, port})
	}
	return seeds, nil
}

// parsePort reads the port of a seed; flag says where it was typed.
func parsePort(flag, s string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s %q is not a port: 1 to 65535", flag, s)
	}
	return uint16(n), nil
}

// checkHost refuses what cannot be the name or address of a host.
func checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.IsUnspecified() || addr.IsMulticast() {
			return fmt.Errorf("-sip %s is not the address of one host", host)
		}
		if addr.Zone() == "" {
			if err := neighbors.CheckZone(addr, nil); err != nil {
				return fmt.Errorf("-sip %w, as %s%%eth0", err, addr)
			}
		}
		return nil
	}
	bad := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("/\\:@\"'", r) }
	switch {
	case host == "":
		return errors.New("-sip needs a host")
	case len(host) > 253 || strings.ContainsFunc(host, bad):
		return fmt.Errorf("-sip %q is not a host name or address", host)
	}
	return nil
}

// stateFolder is -state, or the system's usual place for state.
func stateFolder(c config) (string, error) {
	switch {
	case c.ephemeral:
		return "", nil
	case c.state != "":
		return c.state, nil
	}
	return store.DefaultDir()
}
