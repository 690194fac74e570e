package sim

import (
	"fmt"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/neighbors/nodetest"
)

const recordAbout = `What leaves the nodes of small simulated networks, ten for each profile: each datagram with its
time, sender, way and bytes, and each event. A test holds every run to it, so that a change
that is to change nothing is seen to change nothing. After one that is to change something:

	go test -count=1 -run '^TestRecord$' ./neighbors/sim -write-record

What it depends on, besides the nodes and the simulator: the seed; PCG and ChaCha8 of
math/rand/v2 and how that makes numbers in a range of them; the bytes that Noise, Ed25519 and
the CBOR library make of the same input; and, for texts that friends hold, how crypto/hpke
draws its key from the randomness of the process, which the test seeds (testing/cryptotest).
That is one stream for all nodes: hence one thread. It does not depend on the clock, on the
order of maps, or on goroutines, and is the same on amd64, with GOAMD64=v3 (which fuses products
and sums of floating point) and on 386.

until: a digest of each eighth of the run, by its end. came: what came to the nodes by type of
packet and kind of message. shown: events.
`

var keeper = nodetest.NewKeeper(recordAbout)

// The simulator's nodes do what they did when testdata/record.txt was written, to the byte:
// in small networks of each kind, with joining, leaving, crashes, texts and loss, some of them
// parted for a while, in each profile.
func TestRecord(t *testing.T) {
	keeper.Runs(t, func(t *testing.T, profile string, seed uint64) (string, *nodetest.Record) {
		c := recorded(t, profile, seed)
		crypto := "real"
		if c.Model {
			crypto = "model"
		}
		about := fmt.Sprintf("%d nodes, %s, loss %v, churn %v, partition %v, %v, crypto %s",
			c.Nodes, c.Graph, c.Loss, c.Churn, c.Partition, c.For, crypto)
		return about, record(t, c)
	})
}

// recorded is a small network: each seed has one of its own. All graphs come with the model
// of the cryptography as with the real one.
func recorded(t *testing.T, profile string, seed uint64) Config {
	c := base(t)
	var err error
	if c.Profile, err = neighbors.ProfileNamed(profile); err != nil {
		t.Fatal(err)
	}
	c.Nodes, c.Degree = 12+3*int(seed), 6
	c.Graph = []string{SmallWorld, Communities, Random, LAN}[seed%4]
	c.Model = seed%3 > 0
	c.Loss = []float64{0, 0.02, 0.05, 0.2, 0.1}[seed%5]
	c.Churn = 0.5
	if seed%5 < 2 {
		c.Partition = 10 * time.Second
	}
	if c.Graph == LAN {
		c.Sources, c.Group = lanSources, lanGroup
	}
	c.For = map[string]time.Duration{"lan": 40 * time.Second, "wan": 80 * time.Second, "quiet": 2 * time.Minute}[profile]
	c.Texts, c.Seed, c.Threads = 2*c.Nodes, seed, 1
	return c
}

// record runs it.
func record(t *testing.T, c Config) *nodetest.Record {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	g, err := newGraph(c.Graph, c.Nodes, c.Degree, c.random("graph"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(c, g)
	if err != nil {
		t.Fatal(err)
	}
	r := nodetest.NewRecord(epoch, c.For+c.Partition, c.Nodes, keeper.Tells())
	w.tap = recorder{r}
	if err := w.run(nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// recorder has a record listen to the nodes.
type recorder struct{ *nodetest.Record }

func when(at int64) time.Time { return epoch.Add(time.Duration(at)) }

func (r recorder) came(node int32, at int64, o dgram.Opened)     { r.Came(int(node), when(at), o) }
func (r recorder) shown(node int32, at int64, e neighbors.Event) { r.Shown(int(node), when(at), e) }
func (r recorder) sent(node int32, at int64, d dgram.Datagram)   { r.Sent(int(node), when(at), d) }
