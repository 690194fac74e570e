package main

import (
	"fmt"
	"sort"
	"strings"
)

// wireFaults is what happens to packets at the switch. ARP and the search for
// IPv6 neighbours always pass.
type wireFaults struct {
	loss    map[string]int  // percent, each way, by port
	unicast map[string]bool // ports where multicast and broadcast do not pass
}

// loss makes a host's wire lose this part of the packets each way.
func (h *host) loss(dev string, percent int) {
	h.lab.t.Helper()
	if h.lab.faults.loss == nil {
		h.lab.faults.loss = map[string]int{}
	}
	h.lab.faults.loss[h.ports[dev].name] = percent
	h.lab.applyFaults()
}

// unicastOnly drops UDP to groups and to everybody at a host's wire, as many
// guest networks do.
func (h *host) unicastOnly(dev string) {
	h.lab.t.Helper()
	if h.lab.faults.unicast == nil {
		h.lab.faults.unicast = map[string]bool{}
	}
	h.lab.faults.unicast[h.ports[dev].name] = true
	h.lab.applyFaults()
}

func (l *lab) applyFaults() {
	l.t.Helper()
	const always = "ether type arp accept\nicmpv6 type { 133, 134, 135, 136 } accept\n"
	var in, out []string
	for p := range l.faults.unicast {
		in = append(in, fmt.Sprintf(`iifname "%s" meta l4proto udp ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 drop`, p))
		out = append(out, fmt.Sprintf(`oifname "%s" meta l4proto udp ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 drop`, p))
	}
	for p, percent := range l.faults.loss {
		in = append(in, fmt.Sprintf(`iifname "%s" numgen random mod 100 < %d drop`, p, percent))
		out = append(out, fmt.Sprintf(`oifname "%s" numgen random mod 100 < %d drop`, p, percent))
	}
	sort.Strings(in)
	sort.Strings(out)
	l.hosts[switchName].nft("table bridge faults\ndelete table bridge faults\ntable bridge faults {\n" +
		"chain in { type filter hook prerouting priority 0;\n" + always + strings.Join(in, "\n") + "\n}\n" +
		"chain out { type filter hook postrouting priority 0;\n" + always + strings.Join(out, "\n") + "\n}\n}\n")
}

// mtu sets the largest packet of a host's wire.
func (h *host) mtu(dev string, size int) {
	h.lab.t.Helper()
	h.ip(fmt.Sprintf("link set %s mtu %d", dev, size))
	h.lab.hosts[switchName].ip(fmt.Sprintf("link set %s mtu %d", h.ports[dev].name, size))
}

// rewire moves a host's wire to another segment.
func (h *host) rewire(dev, segment string) {
	h.lab.t.Helper()
	p := h.ports[dev]
	p.bridge = "b." + segment
	h.ports[dev] = p
	h.lab.hosts[switchName].ip("link set " + p.name + " master " + p.bridge)
}

// clutter gives a host what many have: the bridge of a container engine that
// runs nothing, and a tunnel that nobody reads from.
func (h *host) clutter() {
	h.lab.t.Helper()
	h.ip("link add docker0 type bridge", "addr add 172.17.0.1/16 brd + dev docker0", "link set docker0 up",
		"tuntap add dev tun0 mode tun", "addr add 10.8.0.2/24 dev tun0", "link set tun0 up")
}
