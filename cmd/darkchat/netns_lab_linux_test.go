package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A lab is a small network: every host is a network namespace, every wire ends
// in a bridge of one more namespace, the switch. Nothing is made in the
// machine's own network and no route leads there. What a wire loses is dropped at
// the switch, never in the host, so that a sender does not notice.

const (
	labMark     = "dcns"           // begins the names of our namespaces: dcns-PID-LAB-HOST
	switchName  = "sw"             // the host that holds the bridges
	stepTimeout = 20 * time.Second // for one command that builds
	maxHosts    = 16               // in a lab
	namespaces  = "/run/netns"
)

type lab struct {
	t      testing.TB
	prefix string
	hosts  map[string]*host
	wires  int
	faults wireFaults
}

// host is one machine of a lab.
type host struct {
	lab   *lab
	name  string
	space string          // its namespace
	ports map[string]port // by the name of the interface
}

// port is where a host's wire ends at the switch.
type port struct{ name, bridge string }

var labs atomic.Int64

// leftovers removes what a run that was killed left behind, once a run.
var leftovers = sync.OnceFunc(func() {
	entries, _ := os.ReadDir(namespaces)
	for _, e := range entries {
		parts := strings.Split(e.Name(), "-")
		if len(parts) < 3 || parts[0] != labMark || parts[1] == strconv.Itoa(os.Getpid()) {
			continue
		}
		if name, err := os.ReadFile(filepath.Join("/proc", parts[1], "comm")); err == nil && strings.HasPrefix(string(name), "darkchat.test") {
			continue // that run is still going on
		}
		removeNamespace(e.Name())
	}
})

// removeNamespace ends what runs in a namespace of ours and removes it.
func removeNamespace(space string) {
	pids, _ := exec.Command("ip", "netns", "pids", space).Output()
	for _, p := range strings.Fields(string(pids)) {
		if pid, err := strconv.Atoi(p); err == nil && pid != os.Getpid() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	_ = exec.Command("ip", "netns", "del", space).Run()
}

// newLab returns an empty network, gone when the test ends.
func newLab(t testing.TB) *lab {
	t.Helper()
	leftovers()
	l := &lab{t: t, prefix: fmt.Sprintf("%s-%d-%d", labMark, os.Getpid(), labs.Add(1)), hosts: map[string]*host{}}
	t.Cleanup(func() {
		for _, h := range l.hosts {
			removeNamespace(h.space)
		}
	})
	l.host(switchName)
	return l
}

// host adds a machine without any wire.
func (l *lab) host(name string) *host {
	l.t.Helper()
	if len(l.hosts) >= maxHosts {
		l.t.Fatalf("a lab has at most %d hosts", maxHosts)
	}
	h := &host{lab: l, name: name, space: l.prefix + "-" + name, ports: map[string]port{}}
	l.hosts[name] = h
	l.run("", "ip", "netns", "add", h.space)
	h.ip("link set lo up")
	// Addresses are usable at once, and nothing but routes decides about packets.
	settings := map[string]string{
		"net/ipv4/conf/*/rp_filter": "0", "net/ipv4/conf/*/send_redirects": "0", "net/ipv4/conf/*/accept_redirects": "0",
		"net/ipv6/conf/*/accept_dad": "0", "net/ipv6/conf/*/dad_transmits": "0", "net/ipv6/conf/*/accept_ra": "0",
	}
	if name == switchName {
		settings = map[string]string{"net/ipv6/conf/*/disable_ipv6": "1", "net/bridge/bridge-nf-call-iptables": "0",
			"net/bridge/bridge-nf-call-ip6tables": "0", "net/bridge/bridge-nf-call-arptables": "0"}
	}
	h.set(settings)
	return h
}

// router adds a machine that forwards.
func (l *lab) router(name string) *host {
	l.t.Helper()
	h := l.host(name)
	h.set(map[string]string{"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"})
	return h
}

// segment adds a bridge: one LAN, or the public network.
func (l *lab) segment(name string) {
	l.t.Helper()
	l.hosts[switchName].ip(
		"link add b."+name+" type bridge forward_delay 0 mcast_snooping 0",
		"link set b."+name+" up")
}

// plug gives a host an interface on a segment, with these addresses.
func (h *host) plug(dev, segment string, addrs ...string) *host {
	h.lab.t.Helper()
	h.lab.wires++
	p := port{fmt.Sprintf("p%d", h.lab.wires), "b." + segment}
	h.ports[dev] = p
	mac := fmt.Sprintf("02:dc:00:00:00:%02x", h.lab.wires)
	h.lab.hosts[switchName].ip(
		fmt.Sprintf("link add %s type veth peer name %s address %s netns %s", p.name, dev, mac, h.space),
		fmt.Sprintf("link set %s master %s up", p.name, p.bridge))
	h.ip("link set " + dev + " up")
	for _, a := range addrs {
		h.addr("add", dev, a)
	}
	return h
}

// addr adds or deletes an address, written with its prefix length.
func (h *host) addr(verb, dev, addr string) {
	h.lab.t.Helper()
	prefix, err := netip.ParsePrefix(addr)
	if err != nil {
		h.lab.t.Fatal(err)
	}
	line := "addr " + verb + " " + addr + " dev " + dev
	switch {
	case prefix.Addr().Is6() && verb == "add":
		line += " nodad"
	case prefix.Addr().Is4() && verb == "add":
		line += " brd +"
	}
	h.ip(line)
}

// gateway sets the default route. Without a gateway what is for strangers vanishes.
func (h *host) gateway(via string) *host {
	h.lab.t.Helper()
	if via == "" {
		h.ip("route replace blackhole default")
	} else {
		h.ip("route replace default via " + via)
	}
	return h
}

// linkLocal is the address of an interface that every IPv6 link has.
func (h *host) linkLocal(dev string) string {
	h.lab.t.Helper()
	for _, f := range strings.Fields(h.lab.run("", "ip", "-n", h.space, "-6", "-o", "addr", "show", "dev", dev, "scope", "link")) {
		if strings.HasPrefix(f, "fe80:") {
			addr, _, _ := strings.Cut(f, "/")
			return addr
		}
	}
	h.lab.t.Fatalf("%s has no link-local address on %s", h.name, dev)
	return ""
}

// ip runs commands of the ip program in the host.
func (h *host) ip(lines ...string) {
	h.lab.t.Helper()
	h.lab.run(strings.Join(lines, "\n")+"\n", "ip", "-n", h.space, "-batch", "-")
}

// nft hands rules to the host's packet filter.
func (h *host) nft(rules string) {
	h.lab.t.Helper()
	h.lab.run(rules, "ip", "netns", "exec", h.space, "nft", "-f", "-")
}

// set writes below /proc/sys. A * stands for all and default; what this kernel
// does not have is left out.
func (h *host) set(values map[string]string) {
	h.lab.t.Helper()
	err := inNamespace(h.space, func() error {
		for key, value := range values {
			for _, which := range []string{"all", "default"} {
				path := "/proc/sys/" + strings.Replace(key, "*", which, 1)
				if err := os.WriteFile(path, []byte(value), 0); err != nil && !os.IsNotExist(err) {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		h.lab.t.Fatal(err)
	}
}

// inNamespace calls f on a thread that is in a network namespace.
func inNamespace(space string, f func() error) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		file, err := os.Open(filepath.Join(namespaces, space))
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			_ = file.Close()
		}
		if err == nil {
			err = f()
		}
		ended <- err
	}()
	return <-ended
}

// run runs one command to its end and returns what it printed.
func (l *lab) run(stdin, name string, args ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), stdin)
	}
	return out.String()
}

// darkchat runs the program on a host as its user would, and speaks JSON with it.
// It returns after the ready event.
func (h *host) darkchat(user string, args ...string) *node {
	h.lab.t.Helper()
	n := h.launch(user, args...)
	n.wait("ready", func(e event) bool { return e.Event == "ready" })
	return n
}

// launch is darkchat without waiting for anything.
func (h *host) launch(user string, args ...string) *node {
	h.lab.t.Helper()
	cmd := program(h.lab.t, append([]string{"-json", "-u", user}, args...)...)
	ip, err := exec.LookPath("ip")
	if err != nil {
		h.lab.t.Fatal(err)
	}
	// ip becomes the program, so its process is the one that the test ends.
	cmd.Path, cmd.Args = ip, append([]string{"ip", "netns", "exec", h.space}, cmd.Args...)
	return launch(h.lab.t, user+" on "+h.name, cmd)
}
