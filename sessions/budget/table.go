package budget

// Pool is something that peers use up.
type Pool uint8

// The pools. Those up to Probes are rates, the others rooms.
const (
	Work   Pool = iota // the loop's time for their messages
	Lines              // unsolicited texts that they leave, of 1 KiB at most
	Told               // events about their coming and going, and other lines about them
	Hellos             // HELLOs that we send because of what they say
	Finds              // searches that we answer, found or not
	Probes             // of those who fell silent

	Edges      // sessions that we keep in touch with
	Handles    // taken texts that wait for the disk or the screen
	Held       // texts that wait for an earlier one
	Unfinished // acknowledged parts of incomplete lines
	Circuits   // pairs that we relay for
	numPools
)

// Pools is the number of pools.
const Pools = int(numPools)

// Amount is how much of a pool somebody may have: of a room Most; of a rate Most at once, then
// PerSecond. The zero Amount is no bound.
type Amount struct{ Most, PerSecond float64 }

// Shares divides a pool. All is nested: each amount is for a class together with all worse ones.
// Key and Prefix bound one user and one network within Link and Stranger.
type Shares struct {
	All         [Classes]Amount
	Key, Prefix Amount
}

// Row is one pool, as a client and as a seed divide it.
type Row struct {
	Pool         Pool
	Name, Unit   string
	Rate         bool
	Client, Seed Shares
	Why          string
}

// of makes a share for each class: own and known, seed, link, stranger.
func of(known, seed, link, stranger Amount) [Classes]Amount {
	return [Classes]Amount{known, known, seed, link, stranger}
}

func room(n float64) Amount             { return Amount{Most: n} }
func rate(perSecond, at float64) Amount { return Amount{at, perSecond} }

var unbound = Amount{}

// Table is all pools. spec/registry.csv has the same numbers, and a test compares them.
var Table = [numPools]Row{
	{Work, "work", "us", true,
		Shares{of(unbound, rate(300_000, 300_000), rate(200_000, 100_000), rate(100_000, 50_000)), rate(25_000, 12_500), rate(50_000, 25_000)},
		Shares{of(unbound, unbound, rate(800_000, 1_600_000), rate(700_000, 1_400_000)), rate(25_000, 50_000), rate(100_000, 200_000)},
		"strangers have a tenth of a core; at a seed they are the business"},
	{Lines, "lines", "KiB", true,
		Shares{of(unbound, rate(4, 400), rate(4, 400), rate(1, 100)), rate(0.1, 20), rate(0.3, 60)},
		Shares{of(unbound, rate(4, 400), rate(4, 400), rate(1, 100)), rate(0.1, 20), rate(0.3, 60)},
		"enough to say who one is; an answer, or \\accept, takes the bound away"},
	{Told, "told", "events", true,
		Shares{of(unbound, rate(20, 500), rate(20, 400), rate(10, 200)), rate(1, 6), rate(4, 64)},
		Shares{of(unbound, rate(50, 600), rate(50, 600), rate(20, 300)), rate(1, 6), rate(10, 100)},
		"a network that comes back is told of at once; then what a person, or whoever reads a log, can take in"},
	{Hellos, "hellos", "HELLOs", true,
		Shares{of(unbound, rate(20, 200), rate(20, 150), rate(5, 40)), rate(1, 12), rate(2, 24)},
		Shares{of(unbound, rate(200, 1000), rate(200, 1000), rate(100, 500)), rate(1, 12), rate(4, 48)},
		"of the 50 a second that a node says in all (dgram.helloRate)"},
	{Finds, "finds", "searches", true,
		Shares{of(unbound, rate(20, 100), rate(10, 50), rate(2, 20)), rate(0.2, 10), rate(0.5, 15)},
		Shares{of(unbound, unbound, unbound, rate(1000, 5000)), rate(0.2, 12), rate(2, 60)},
		"two signatures each, and names could be guessed"},
	{Probes, "probes", "probes", true,
		Shares{of(unbound, unbound, rate(80, 160), rate(40, 80)), rate(8, 16), rate(20, 40)},
		Shares{of(unbound, unbound, rate(80, 160), rate(40, 80)), rate(8, 16), rate(20, 40)},
		"of the 200 datagrams of presence a second that a node sends in all (dgram.presencePerSecond)"},
	{Edges, "edges", "sessions", false,
		Shares{of(room(150), room(145), room(140), room(40)), room(4), room(32)},
		Shares{of(room(131072), room(131072), room(131072), room(131072)), room(16), room(1024)},
		"more than people keep friends"},
	{Handles, "handles", "texts", false,
		Shares{of(room(2048), room(1280), room(1024), room(256)), room(32), room(64)},
		Shares{of(room(2048), room(1280), room(1024), room(256)), room(32), room(64)},
		"a screen that stands still must not be theirs alone"},
	{Held, "held", "texts", false,
		Shares{of(room(4096), room(1280), room(1024), room(256)), room(64), room(128)},
		Shares{of(room(4096), room(1280), room(1024), room(256)), room(64), room(128)},
		"1 KiB each"},
	{Unfinished, "unfinished", "B", false,
		Shares{of(room(4<<20), room(1<<20), room(1<<20), room(256<<10)), room(64 << 10), room(128 << 10)},
		Shares{of(room(4<<20), room(1<<20), room(1<<20), room(256<<10)), room(64 << 10), room(128 << 10)},
		"a whole line has 16 KiB, one of 64 parts 64 KiB"},
	{Circuits, "circuits", "pairs", false,
		Shares{of(room(128), room(128), room(128), room(128)), room(8), room(8)},
		Shares{of(room(8192), room(8192), room(8192), room(8192)), room(16), room(128)},
		"900 bytes each; those that talk stay"},
}
