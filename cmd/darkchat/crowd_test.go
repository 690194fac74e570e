package main

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Many real nodes in one process, over loopback: how soon all within two edges of one
// know that it came, left or crashed, and what that costs while nothing happens.

const (
	crowdDegree  = 8
	crowdRewired = 0.05 // of the edges of the ring: a small world (Watts, Strogatz 1998)
	headerBytes  = 42   // Ethernet, IPv4, UDP
	longestWait  = 90 * time.Second
)

// crowd is nodes that are each other's friends, as after a restart: each remembers its own.
type crowd struct {
	t       testing.TB
	profile neighbors.Profile
	nodes   []*member
	edges   []map[int]bool
	index   map[string]int // of a session
	sent    atomic.Uint64
	bytes   atomic.Uint64

	mu    sync.Mutex
	knows []map[int]bool // by observer: who is believed online
	moved chan struct{}
}

type member struct {
	name    string
	key     ed25519.PrivateKey
	private [32]byte
	session string
	record  []byte
	addr    netip.AddrPort
	rows    [][3][]byte // bucket, key, value

	conn *gate
	stop context.CancelFunc
	done chan struct{}
}

// gate is a socket that can go dead as if its machine had.
type gate struct {
	*net.UDPConn
	crowd *crowd
	dead  atomic.Bool
}

func (g *gate) WriteMsgUDPAddrPort(b, oob []byte, to netip.AddrPort) (int, int, error) {
	if g.dead.Load() {
		return len(b), len(oob), nil
	}
	g.crowd.sent.Add(1)
	g.crowd.bytes.Add(uint64(len(b) + headerBytes))
	return g.UDPConn.WriteMsgUDPAddrPort(b, oob, to)
}

func (g *gate) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, from netip.AddrPort, err error) {
	for {
		n, oobn, flags, from, err = g.UDPConn.ReadMsgUDPAddrPort(b, oob)
		if err != nil || !g.dead.Load() {
			return n, oobn, flags, from, err
		}
	}
}

func newCrowd(t testing.TB, size int, profile string) *crowd {
	p, err := neighbors.ProfileNamed(profile)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, profile: p, index: map[string]int{}, moved: make(chan struct{}, 1)}
	rng := mrand.New(mrand.NewPCG(7, 8))
	for i := range size {
		m := &member{name: "n" + strconv.Itoa(i)}
		_, m.key, _ = ed25519.GenerateKey(rand.Reader)
		_, _ = rand.Read(m.private[:])
		c.nodes, c.edges = append(c.nodes, m), append(c.edges, map[int]bool{})
		c.knows = append(c.knows, map[int]bool{})
		m.conn = c.listenBelow(rng)
		m.addr = m.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	for i := range size {
		for k := 1; k <= crowdDegree/2; k++ {
			j := (i + k) % size
			if rng.Float64() < crowdRewired {
				for j = rng.IntN(size); j == i || c.edges[i][j]; j = rng.IntN(size) {
				}
			}
			c.edges[i][j], c.edges[j][i] = true, true
		}
	}
	for i, m := range c.nodes {
		node := c.node(m, 1) // for its record and session alone
		self := node.Self()
		m.session, c.index[self.Session] = self.Session, i
		m.record = c.recordOf(m)
	}
	for i, m := range c.nodes {
		c.remember(i, m)
	}
	t.Cleanup(func() {
		var all sync.WaitGroup
		for _, m := range c.nodes {
			all.Go(func() { c.crash(m) })
		}
		all.Wait()
	})
	return c
}

// listenBelow takes a port outside the range that the system assigns: a member returns to it, so
// other programs must not get it in the meantime.
func (c *crowd) listenBelow(rng *mrand.Rand) *gate {
	for range 1000 {
		port := 20_000 + rng.IntN(12_000)
		if conn, err := dgram.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))); err == nil {
			return &gate{UDPConn: conn, crowd: c}
		}
	}
	c.t.Fatal("no port is free")
	return nil
}

func (c *crowd) listen(at netip.AddrPort) *gate {
	conn, err := dgram.Listen(at)
	if err != nil {
		c.t.Fatal(err)
	}
	return &gate{UDPConn: conn, crowd: c}
}

func (c *crowd) recordOf(m *member) []byte {
	id, err := identity.ParseSessionID(m.session)
	if err != nil {
		c.t.Fatal(err)
	}
	static := staticOf(c.t, m.private)
	signed, err := identity.Sign(m.key, identity.Record{
		Name: m.name, Static: static, Session: id, Seq: 1, Lifetime: time.Minute,
		Addrs: []identity.Address{{Addr: m.addr}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return signed
}

// remember gives a member the memory of their friends.
func (c *crowd) remember(i int, m *member) {
	people := book.New(identity.UserKey(m.key.Public().(ed25519.PublicKey)), m.name, book.DefaultLimits(false))
	now := time.Now()
	for j := range c.nodes {
		if !c.edges[i][j] {
			continue
		}
		rec, err := identity.Verify(c.nodes[j].record)
		if err == nil {
			_, err = people.Learn(now, c.nodes[j].record, rec, true, c.nodes[j].addr.Addr())
		}
		if err == nil {
			err = people.Pin(rec.User)
		}
		if err != nil {
			c.t.Fatal(err)
		}
		people.Authenticated(now, rec.Session, c.nodes[j].addr)
	}
	for _, w := range people.TakeWrites() {
		m.rows = append(m.rows, [3][]byte{{byte(w.Bucket)}, w.Key, w.Value})
	}
}

func (c *crowd) node(m *member, seq uint64) *neighbors.Node {
	node, err := neighbors.New(neighbors.Config{
		Key: m.key, Name: m.name, Session: m.private, Random: rand.Reader, Unstored: true, LoopbackOnly: true,
		IDs: store.Range{First: seq, Limit: 1 << 50}, Seqs: store.Range{First: seq, Limit: 1 << 50},
		Listen: []netip.AddrPort{m.addr}, Profile: c.profile,
		Load: func(f func(b kv.Bucket, key, value []byte) error) error {
			for _, r := range m.rows {
				if err := f(kv.Bucket(r[0][0]), r[1], r[2]); err != nil {
					return err
				}
			}
			return nil
		},
	}, time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return node
}

// start runs a member's node.
func (c *crowd) start(i int) {
	m := c.nodes[i]
	if m.conn == nil {
		m.conn = c.listen(m.addr)
	}
	loop := neighbors.NewLoop(c.node(m, uint64(time.Now().UnixMilli())), m.conn, 1, nil, func(e neighbors.Event) { c.heard(i, e) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	m.stop, m.done = cancel, done
	go func() {
		_ = loop.Run(ctx)
		close(done)
	}()
}

// heard notes what one member believes of another.
func (c *crowd) heard(observer int, e neighbors.Event) {
	session, online := "", false
	switch e := e.(type) {
	case neighbors.CameOnline:
		session, online = e.Session, true
	case neighbors.WentOffline:
		session = e.Session
	case neighbors.HeardOf:
		session, online = e.Session, e.State == neighbors.Online
	default:
		return
	}
	c.mu.Lock()
	c.knows[observer][c.index[session]] = online
	c.mu.Unlock()
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

func (c *crowd) leave(m *member) {
	m.stop()
	<-m.done
	m.conn = nil
}

func (c *crowd) crash(m *member) {
	if m.conn == nil {
		return
	}
	m.conn.dead.Store(true)
	if m.stop != nil {
		m.stop()
		<-m.done
	}
	_ = m.conn.Close()
	m.conn = nil
}

// within lists the members at most two edges from i.
func (c *crowd) within(i int) (list []int) {
	near := map[int]bool{}
	for j := range c.edges[i] {
		near[j] = true
		for k := range c.edges[j] {
			near[k] = true
		}
	}
	delete(near, i)
	for j := range near {
		list = append(list, j)
	}
	return list
}

// until waits until all within two edges of the subjects believe them to be online, or
// not, and returns how long that took since began.
func (c *crowd) until(began time.Time, online bool, subjects ...int) time.Duration {
	c.t.Helper()
	limit := time.After(longestWait)
	for {
		missing := 0
		c.mu.Lock()
		for _, i := range subjects {
			for _, j := range c.within(i) {
				if c.nodes[j].conn != nil && c.knows[j][i] != online {
					missing++
				}
			}
		}
		c.mu.Unlock()
		if missing == 0 {
			return time.Since(began)
		}
		select {
		case <-c.moved:
		case <-limit:
			c.t.Fatalf("%d do not believe %v to be online: %v", missing, subjects, online)
		}
	}
}

func everyone(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func staticOf(t testing.TB, private [32]byte) [32]byte {
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(k.PublicKey().Bytes())
}
