package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The two scenes of a siege, each a lab of its own, so that no attack finds what another
// one left behind.
//
//	client  ann, bob, carol and whoever comes are on one LAN, and so is the attacker, with
//	        twenty addresses there and some in other networks. ann is attacked.
//	seed    each of them is at home behind a NAT and uses a seed, which is attacked from
//	        forty other networks. ann's and bob's NATs allow no direct way: they write
//	        through the seed.

// scene is the people of a siege and their network.
type scene struct {
	*row
	seed    bool
	ann     *node
	bob     *node
	carol   *node // will be killed
	watched *node // is attacked: ann, or the seed
	state   string
	x       *host // the attacker's
	order   order
	pings   []string // macros that ann types in turn: hosts that were not met before
	come    func(i int) *node
	guests  []*node // whom a row brings
}

// Addresses of the attacker.
const (
	nearAttackers   = 20
	farAttackers    = 40
	prefixAttackers = 20
	farNetwork      = "198.18.0.0/15" // for measurements of networks (RFC 2544)
	gusAddr         = "198.18.200.77" // an honest stranger in the attacker's /24
)

// folder gives a program a state folder that can be measured.
func (s *scene) folder() (dir string, flags []string) {
	dir = s.TempDir()
	return dir, []string{"-state", dir}
}

// attackers makes the attacker's host on a segment, and has the victim's host find its
// addresses in other networks.
func (s *scene) attackers(segment, network string, victim *host) {
	s.Helper()
	s.x = s.host("x")
	s.x.plug("eth0", segment)
	lines := []string{}
	add := func(list *[]netip.Addr, dev, format string, from, count int) {
		for i := range count {
			a := netip.MustParseAddr(fmt.Sprintf(format, from+i))
			bits := 32
			if dev == "eth0" {
				bits = 24
			}
			lines = append(lines, fmt.Sprintf("addr add %s/%d brd + dev %s", a, bits, dev))
			*list = append(*list, a)
		}
	}
	var third, gus []netip.Addr
	add(&s.order.Near, "eth0", network+".%d", 140, nearAttackers)
	add(&third, "eth0", network+".%d", 180, 1)
	add(&s.order.Far, "lo", "198.18.%d.7", 1, farAttackers)
	add(&s.order.Prefix, "lo", "198.18.200.%d", 100, prefixAttackers)
	add(&gus, "lo", "198.18.200.%d", 77, 1)
	s.order.Third = third[0]
	s.x.ip(lines...)
	victim.ip("route add " + farNetwork + " via " + s.order.Near[0].String())
}

// newClientScene puts all on one LAN.
func newClientScene(r *row) *scene {
	r.Helper()
	s := &scene{row: r}
	r.segment(lanSegment)
	hosts := map[string]*host{}
	for i, name := range []string{"ann", "bob", "carol", "pat", "n0", "n1", "n2"} {
		hosts[name] = r.host(name).plug("eth0", lanSegment, fmt.Sprintf("10.10.0.%d/24", 11+i))
	}
	s.attackers(lanSegment, "10.10.0", hosts["ann"])
	dir, flags := s.folder()
	s.ann, s.state = hosts["ann"].darkchat("ann", flags...), dir
	s.bob, s.carol = hosts["bob"].darkchat("bob"), hosts["carol"].darkchat("carol")
	s.watched = s.ann
	for i := range 3 { // people who do not announce themselves
		port := fmt.Sprint(7001 + i)
		hosts["pat"].darkchat("pat"+port, "-presence", "none", "-p", port)
		s.pings = append(s.pings, `\ping 10.10.0.14 `+port)
	}
	allSeeAll([]*node{s.ann, s.bob, s.carol})
	s.befriend()
	s.come = func(i int) *node { return hosts[fmt.Sprintf("n%d", i)].launch(newcomers[i]) }
	s.target("10.10.0.11", s.ann)
	return s
}

// newcomers are the names of people who come during the siege: on the LAN strangers, at the seed
// friends who were away.
var newcomers = [...]string{"dave", "erin", "fay"}

// newSeedScene puts each at home, with one seed for all.
func newSeedScene(r *row) *scene {
	r.Helper()
	s := &scene{row: r, seed: true}
	r.internet()
	homes := []string{symmetric, symmetric, restricted, symmetric}
	for i, kind := range homes {
		letter := string(rune('a' + i))
		r.home(letter, kind, fmt.Sprintf("203.0.113.%d", 101+i), fmt.Sprintf("192.168.%d", 1+i))
	}
	s.attackers("public", "203.0.113", r.hosts["pub"])
	s.order.Near = s.order.Far
	dir, flags := s.folder()
	s.watched, s.state = r.hosts["pub"].darkchat("seed", append(flags, "-s")...), dir
	join := func(host, user string, args ...string) *node {
		n := r.hosts[host].darkchat(user, append(args, "-sip", seedAddr)...)
		n.waitOnline(s.watched)
		return n
	}
	s.ann, s.bob, s.carol = join("a1", "ann"), join("b1", "bob"), join("c1", "carol")
	// Those who come were friends before, and went.
	came := make([]func() *node, len(newcomers))
	var friends []*node
	for i, name := range newcomers {
		_, flags := s.folder()
		flags = append(flags, "-p", fmt.Sprint(7101+i))
		friends = append(friends, join("d1", name, flags...))
		came[i] = func() *node { return r.hosts["d1"].launch(name, append(flags, "-sip", seedAddr)...) }
	}
	for _, n := range append(friends, s.bob, s.carol) {
		n.send(`\add ann`) // both ask: so they agree
		s.ann.send(`\add ` + n.self().User)
		s.ann.waitOnline(n)
		n.waitOnline(s.ann)
	}
	for _, n := range friends {
		talk(s.ann, n, "we are friends")
		n.quit()
	}
	s.befriend()
	for range 3 {
		s.pings = append(s.pings, `\ping `+seedAddr+` 8888`)
	}
	s.come = func(i int) *node { return came[i]() }
	s.target(seedAddr, s.watched)
	return s
}

// befriend has ann and the others pin each other, with a line each way, and leaves ann and
// bob in conversation.
func (s *scene) befriend() {
	s.Helper()
	talk(s.ann, s.carol, "we are friends")
	talk(s.ann, s.bob, "we are friends")
}

func (s *scene) target(addr string, n *node) {
	s.Helper()
	s.order.Victim = netip.MustParseAddrPort(addr + ":" + n.port())
	s.order.User, s.order.Friends = n.self().User, []string{"bob", "carol"}
	if s.seed {
		s.order.Friends = append(s.order.Friends, "ann")
	}
}

// attack starts an attacker. It runs while the processors have nothing else to do, since an
// attacker has a machine of their own: what they compute must not be taken for what they
// make the victim compute.
func (s *scene) attack(name string, last time.Duration) *node {
	s.Helper()
	o := s.order
	o.Attack, o.Last = name, last
	told, err := json.Marshal(o)
	if err != nil {
		s.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", s.x.space, "chrt", "--idle", "0", exe)
	cmd.Dir = s.TempDir()
	cmd.Env = []string{asAttacker + "=" + string(told), "PATH=" + os.Getenv("PATH"), "GOGC=400"}
	return launch(s, "the attacker "+name, cmd)
}

// size is that of all files below a folder, in bytes.
func size(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
