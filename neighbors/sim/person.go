package sim

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"time"

	"darkchat/neighbors"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// epoch is when virtual time begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// crypt is who signs; crypto is nil for the protocol's own.
type crypt struct {
	crypto     *neighbors.Crypto
	signatures identity.Signatures
}

func newCrypt(model bool) crypt {
	if model {
		m := modelCrypto()
		return crypt{m, m.Signatures}
	}
	return crypt{nil, identity.Ed25519{}}
}

// person is somebody with a node, and what others remember of them.
type person struct {
	index   int32
	name    string
	key     ed25519.PrivateKey
	session [32]byte
	id      identity.SessionID
	addr    netip.AddrPort
	rows    []kv.Write // in the memory of those who know them
}

// port is the port of every node.
const port = 6789

// The nodes' addresses: on a segment all are in one network, else each is in a network of its
// own.
var segment = netip.MustParsePrefix("10.77.0.0/16")

const firstNetwork = 16 // the first byte of the first address

func addrOf(graph string, i int32) netip.AddrPort {
	if graph == LAN {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte((i + 1) >> 8), byte(i + 1)}), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{firstNetwork + byte(i>>16), byte(i >> 8), byte(i), 7}), port)
}

// indexOf undoes addrOf; false: no node can be there.
func indexOf(graph string, a netip.AddrPort, nodes int) (int32, bool) {
	if !a.Addr().Is4() || a.Port() != port {
		return 0, false
	}
	b := a.Addr().As4()
	i := (int32(b[0])-firstNetwork)<<16 | int32(b[1])<<8 | int32(b[2])
	if graph == LAN {
		i = int32(b[2])<<8 | int32(b[3]) - 1
	}
	return i, i >= 0 && int(i) < nodes && addrOf(graph, i) == a
}

// newPerson makes the keys of a person, and the rows in the memory of a node that met them before
// the run began.
func newPerson(w *world, i int32) (person, error) {
	r := w.cfg.random(fmt.Sprintf("person %d", i))
	p := person{index: i, name: fmt.Sprintf("n%d", i), addr: addrOf(w.cfg.Graph, i)}
	var seed [ed25519.SeedSize]byte
	for k := range seed {
		seed[k], p.session[k] = byte(r.Uint32()), byte(r.Uint32())
	}
	p.key = ed25519.NewKeyFromSeed(seed[:])
	private, err := ecdh.X25519().NewPrivateKey(p.session[:])
	if err != nil {
		return p, err
	}
	static := [32]byte(private.PublicKey().Bytes())
	user := identity.UserKey(p.key.Public().(ed25519.PublicKey))
	p.id = identity.MakeSessionID(user, static)
	signed, err := identity.SignBy(w.crypt.signatures, p.key, identity.Record{
		Name: p.name, User: user, Static: static, Session: p.id, Seq: 1, State: identity.StateOnline,
		Lifetime: time.Hour, Addrs: []identity.Address{{Scope: identity.ScopeHost, Addr: p.addr}},
	})
	if err != nil {
		return p, err
	}
	rec, err := identity.VerifyBy(w.crypt.signatures, signed)
	if err != nil {
		return p, err
	}
	before := epoch.Add(-time.Minute)
	people := book.New(identity.UserKey{}, "nobody", book.Limits{})
	if _, err := people.Learn(before, signed, rec, true, p.addr.Addr()); err != nil {
		return p, err
	}
	if err := people.Pin(user); err != nil {
		return p, err
	}
	people.Tell(user)
	people.Authenticated(before, p.id, p.addr)
	p.rows = people.TakeWrites()
	return p, nil
}
