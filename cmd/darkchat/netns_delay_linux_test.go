package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// delay makes a host's wire slow: every frame takes so long each way. Not every
// kernel can do that by itself, so the wire's end at the switch is taken out of
// the bridge, a tap takes its place, and whole frames are carried between the two.
func (h *host) delay(dev string, each time.Duration) {
	h.lab.t.Helper()
	sw, p := h.lab.hosts[switchName], h.ports[dev]
	tap := "t" + p.name
	sw.ip("link set " + p.name + " nomaster")
	var wire, bridge *os.File
	err := inNamespace(sw.space, func() (err error) {
		if bridge, err = openTap(tap); err == nil {
			wire, err = openPort(p.name)
		}
		return err
	})
	if err != nil {
		h.lab.t.Fatalf("a slow wire for %s: %v", h.name, err)
	}
	sw.ip("link set " + tap + " master " + p.bridge + " up")
	p.name = tap
	h.ports[dev] = p
	h.lab.t.Cleanup(func() {
		_ = wire.Close()
		_ = bridge.Close()
	})
	carry(bridge, wire, each)
	carry(wire, bridge, each)
}

// maxFrames is how many frames are under way on a slow wire; more are lost.
const maxFrames = 4096

// carry takes frames from one file to the other until they are closed.
func carry(to, from *os.File, each time.Duration) {
	type frame struct {
		due   time.Time
		bytes []byte
	}
	under := make(chan frame, maxFrames)
	go func() {
		defer close(under)
		b := make([]byte, 1<<16)
		for {
			n, err := from.Read(b)
			if err != nil {
				return
			}
			select {
			case under <- frame{time.Now().Add(each), append([]byte(nil), b[:n]...)}:
			default:
			}
		}
	}()
	go func() {
		for f := range under {
			time.Sleep(time.Until(f.due))
			_, _ = to.Write(f.bytes) // a frame that does not fit is lost
		}
	}()
}

// Frames are read and written with the header that says what of their checksums
// is still to be computed: within one machine nobody has done it yet.

func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("tap: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func openPort(name string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request)
	}
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1)
		}
	}
	if err == nil {
		all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: int(request.Uint32())})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
