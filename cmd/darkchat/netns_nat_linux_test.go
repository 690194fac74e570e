package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// The kinds of NAT, by what a mapping depends on and whom it lets in (RFC 4787):
//
//	cone        the inside endpoint      the addresses and ports written to
//	restricted  the inside endpoint      the addresses written to
//	fullcone    the inside endpoint      everybody
//	remap       as cone, but with another port than inside, a new one for a new mapping
//	symmetric   a random port for each destination; the addresses and ports written to
//
// With +hairpin, people inside reach each other by their outside addresses. With
// +naive the box itself accepts what nobody asked for, as home routers do not:
// an early packet from outside then occupies the port that the mapping needs.
const (
	cone       = "cone"
	restricted = "restricted"
	fullcone   = "fullcone"
	remap      = "remap"
	symmetric  = "symmetric"
)

// nat makes a router translate from its interface lan (inside is its prefix) to
// its interface wan, which has the address outside.
func (h *host) nat(kind, inside, outside string) {
	h.lab.t.Helper()
	base, options, _ := strings.Cut(kind, "+")
	hairpin, naive := strings.Contains(options, "hairpin"), strings.Contains(options, "naive")
	var r strings.Builder
	rule := func(format string, args ...any) { fmt.Fprintf(&r, format+"\n", args...) }

	policy := "drop"
	if naive {
		policy = "accept"
	}
	rule("table inet wall {")
	rule("chain input { type filter hook input priority 0; policy %s;", policy)
	rule("iif lo accept; ct state established,related accept; icmp type echo-request accept; meta l4proto ipv6-icmp accept; }")
	rule("chain forward { type filter hook forward priority 0; policy accept;")
	rule(`iifname "wan" ct state established,related accept; iifname "wan" ct status dnat accept; iifname "wan" drop; }`)
	rule("}")

	rule("table ip nat {")
	if base == fullcone || base == restricted || hairpin {
		// Linux lets in only whom a mapping was made for. These learn which inside
		// endpoint is behind which outside port, and whom that port has written to.
		rule("map inner { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 120s; }")
		rule("set met { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 120s; }")
		rule("chain learn { type filter hook postrouting priority 110;")
		rule(`oifname "wan" meta l4proto udp ct direction original update @inner { ct reply proto-dst : ct original ip saddr . ct original proto-src }`)
		rule(`oifname "wan" meta l4proto udp ct direction original update @met { ct reply proto-dst . ip daddr }`)
		rule(`oifname "wan" meta l4proto udp ct direction reply update @met { ct original proto-dst . ip daddr }`)
		rule("}")
		rule("chain inwards { type nat hook prerouting priority dstnat;")
		switch base {
		case fullcone:
			rule(`iifname "wan" ip daddr %s dnat ip to udp dport map @inner`, outside)
		case restricted:
			rule(`iifname "wan" ip daddr %s udp dport . ip saddr @met dnat ip to udp dport map @inner`, outside)
		}
		if hairpin {
			rule(`iifname "lan" ip daddr %s dnat ip to udp dport map @inner`, outside)
		}
		rule("}")
	}
	rule("chain outwards { type nat hook postrouting priority srcnat;")
	switch base {
	case cone, restricted, fullcone:
		rule(`oifname "wan" masquerade`)
	case remap:
		// No ordinary port lies in this range, so another one is taken.
		rule(`oifname "wan" meta l4proto { tcp, udp } masquerade to :61000-65535`)
		rule(`oifname "wan" masquerade`)
	case symmetric:
		rule(`oifname "wan" masquerade fully-random`)
	default:
		h.lab.t.Fatalf("%q is no kind of NAT", kind)
	}
	if hairpin {
		rule(`oifname "lan" ip saddr %s ct status dnat snat to %s`, inside, outside)
	}
	rule("}")
	rule("}")
	h.nft(r.String())
}

// forget makes a NAT lose all its mappings, as when it is switched off and on.
func (h *host) forget() {
	h.lab.t.Helper()
	if err := inNamespace(h.space, flushConntrack); err != nil {
		h.lab.t.Fatalf("flushing the table of %s: %v", h.name, err)
	}
	list := h.lab.run("", "ip", "netns", "exec", h.space, "nft", "list", "table", "ip", "nat")
	if strings.Contains(list, "map inner") {
		h.nft("flush map ip nat inner\nflush set ip nat met\n")
	}
}

// flushConntrack deletes every entry of the connection table of this thread's
// network: one netlink message, a deletion that names no entry.
func flushConntrack() error {
	const (
		size     = 16 + 4   // netlink's header and nfnetlink's
		deletion = 1<<8 | 2 // subsystem ctnetlink, IPCTNL_MSG_CT_DELETE
		flags    = unix.NLM_F_REQUEST | unix.NLM_F_ACK
	)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	message := make([]byte, size)
	binary.NativeEndian.PutUint32(message, size)
	binary.NativeEndian.PutUint16(message[4:], deletion)
	binary.NativeEndian.PutUint16(message[6:], flags)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < 20 {
		return errors.New("the kernel's answer is short")
	}
	if code := int32(binary.NativeEndian.Uint32(answer[16:])); code != 0 && unix.Errno(-code) != unix.ENOENT {
		return unix.Errno(-code)
	}
	return nil
}

// mappings is how many entries a NAT's table has.
func (h *host) mappings() int {
	h.lab.t.Helper()
	return strings.Count(h.lab.run("", "ip", "netns", "exec", h.space, "cat", "/proc/net/nf_conntrack"), "\n")
}
