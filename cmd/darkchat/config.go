package main

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"darkchat/neighbors"
)

// Defaults of the flags, from figure 1 of the paper where it gives them.
const (
	defaultClientPort = 6789
	defaultSeedPort   = 8888
	defaultReaders    = 5
	defaultWait       = 10 * time.Second
	maxReaders        = 64
	maxSeeds          = 16        // seeds of one command line
	defaultMemory     = 256 << 20 // of a seed
)

// The presence Sources that -presence can name.
const (
	presenceLAN  = "lan"
	presenceSeed = "seed"
	presenceFile = "file"
	presenceNone = "none" // by itself: no Source at all
)

// The forms of the log on stderr.
const (
	logText = "text"
	logJSON = "json"
)

// The values of -hold.
const (
	holdOn  = "on"
	holdOff = "off"
)

// config is the checked command line: nothing in it is wrong by itself. Whether a host has an
// address, a port is free or a file can be read turns out later, before anything is written.
type config struct {
	user         string // empty: whoName decides
	seed         bool
	listen       netip.Addr // invalid: all addresses
	port         uint16
	portGiven    bool // a busy port that was asked for is an error
	readers      int
	readersGiven bool // with -t
	seeds        []seedHost
	presence     []string
	interfaces   *regexp.Regexp // where to announce; nil: where there are people
	profile      neighbors.Profile
	door         neighbors.DoorPolicy
	intro        neighbors.Intro
	history      int    // lines of conversations that are kept
	holdOff      bool   // keep no copies for others
	memory       int64  // bytes that a seed may take; 0: not a seed
	state        string // folder; empty only with ephemeral
	identity     string // file; empty: the one in the state folder
	ephemeral    bool
	json         bool
	stay         bool
	wait         time.Duration
	log          string
	verbose      bool
	trace        string // file; empty: none
}

// seedHost is a seed as the command line gives it.
type seedHost struct {
	host string // a name or an address without its port
	port uint16
}

// String is the seed's host:port; no two seeds of one command line share it.
func (s seedHost) String() string { return net.JoinHostPort(s.host, strconv.Itoa(int(s.port))) }

func (c config) has(source string) bool {
	for _, name := range c.presence {
		if name == source {
			return true
		}
	}
	return false
}
