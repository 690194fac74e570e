package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors/lan"
)

// Attacks on the announcements of a link, which everybody on it hears and may answer.

// falseAnswers is how many false CHALLENGEs one announcement gets: more than its sender
// obeys.
const falseAnswers = 70

// linkRate bounds the datagrams of these attacks, a second: at full speed they would be
// an attack on the wire.
const linkRate = 3000

// falseChallenges: each announcement that is heard on the link is answered by a crowd that
// does not exist, quicker than an honest node may answer.
func falseChallenges(ctx context.Context, a *assault) {
	ear, err := dgram.ListenAnnounce(lan.Group4)
	if err != nil {
		a.tally.errors.Add(1)
		return
	}
	ear.Join(links())
	context.AfterFunc(ctx, func() { _ = ear.Close() })
	mouths := a.mouths(a.Near, falseAnswers)
	if len(mouths) == 0 {
		return
	}
	b := make([]byte, 2048)
	for ctx.Err() == nil {
		n, _, _, from, err := ear.ReadMsgUDPAddrPort(b, nil)
		nonce, ok := helloNonce(b[:max(n, 0)])
		if err != nil || !ok || slices.Contains(a.Near, from.Addr().Unmap()) {
			continue // it is our own
		}
		a.tally.note("announcements answered", 1)
		to := netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		for i := range falseAnswers {
			a.throw(mouths[i%len(mouths)], challenge(nonce), to)
		}
	}
}

// announcements: HELLOs to the whole link, each of which asks everybody for an answer.
func announcements(ctx context.Context, a *assault, from []netip.Addr) {
	mouths := a.mouths(from, max(64, len(from)))
	if len(mouths) == 0 {
		return
	}
	for began, sent := time.Now(), 0; ctx.Err() == nil; sent++ {
		if ahead := time.Duration(sent)*time.Second/linkRate - time.Since(began); ahead > 0 {
			pause(ctx, ahead)
		}
		nonce := make([]byte, 12)
		_, _ = rand.Read(nonce)
		a.throw(mouths[sent%len(mouths)], helloPacket(nonce), lan.Group4)
	}
}

// links are the interfaces on which announcements are heard.
func links() (indexes []int) {
	for _, i := range interfaces() {
		if i.flags&net.FlagLoopback == 0 {
			indexes = append(indexes, i.Index)
		}
	}
	return indexes
}

// mouths are so many plain sockets at addresses in turn.
func (a *assault) mouths(at []netip.Addr, count int) (all []*net.UDPConn) {
	for i := range count {
		conn, err := dgram.Listen(netip.AddrPortFrom(at[i%len(at)], 0))
		if err != nil {
			a.tally.errors.Add(1)
			continue
		}
		go func() {
			b := make([]byte, 2048)
			for {
				n, _, err := conn.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				a.tally.got(n)
			}
		}()
		all = append(all, conn)
	}
	return all
}

func (a *assault) throw(from *net.UDPConn, b []byte, to netip.AddrPort) {
	if _, err := from.WriteToUDPAddrPort(b, to); err != nil {
		a.tally.errors.Add(1)
		return
	}
	a.tally.put(len(b))
}

// The two packets that need no key, as bytes (spec/wire.md 2): their heads never change.
const (
	cborArray3, cborArray5              = 0x83, 0x85
	packetHello, packetChallenge        = 17, 18
	cborBytes12, cborBytes16, cborBytes = 0x4c, 0x50, 0x58 // the last has its length in the next byte
)

func helloPacket(nonce []byte) []byte {
	b := append([]byte{cborArray3, packetHello, cborBytes12}, nonce...)
	return append(append(b, cborBytes, 95), make([]byte, 95)...)
}

func helloNonce(b []byte) (nonce []byte, ok bool) {
	if len(b) != 112 || b[0] != cborArray3 || b[1] != packetHello || b[2] != cborBytes12 {
		return nil, false
	}
	return b[3:15], true
}

// challenge is one of keys that nobody has.
func challenge(echo []byte) []byte {
	var fresh [16 + 32 + 32]byte
	_, _ = rand.Read(fresh[:])
	b := append([]byte{cborArray5, packetChallenge, cborBytes12}, echo...)
	b = append(append(b, cborBytes16), fresh[:16]...)
	b = append(append(b, cborBytes, 32), fresh[16:48]...)
	return append(append(b, cborBytes, 32), fresh[48:]...)
}
