package dgram

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"slices"
	"testing"

	"darkchat/sessions/identity"
)

// Domains of what users sign (spec/wire.md 1.4).
const (
	recordDomain  = "darkchat session record v1\x00"
	copyDomain    = "darkchat held copy v1\x00"
	receiptDomain = "darkchat receipt v1\x00"
)

func (p person) user() []byte { return []byte(p.key.Public().(ed25519.PublicKey)) }

// scalar is the private scalar of the person's key, below L.
func (p person) scalar() *big.Int {
	h := sha512.Sum512(p.seed)
	h[0] &= 248
	h[31] = h[31]&127 | 64
	return little(h[:32])
}

// hardVectors are the signatures about which libraries differ (spec/wire.md 3.8). All but
// two of the bad ones are taken by one that follows RFC 8032 and no more, some by any that
// checks with the cofactor.
func hardVectors(t *testing.T, ann person) []vector {
	raw, _ := fieldByField(ann)
	// of is the signed part of a record of any user; the number lets the challenge fall.
	of := func(user []byte, number uint64) []byte {
		sid := identity.MakeSessionID(identity.UserKey(user), [32]byte(ann.static.PublicKey().Bytes()))
		return raw(func(f [][]byte) { f[2], f[4], f[5] = bin(user), bin(sid[:]), num(number) })
	}
	challenge := func(r, user, raw []byte) *big.Int {
		h := sha512.Sum512(slices.Concat(r, user, []byte(recordDomain), raw))
		return little(h[:])
	}
	// even says whether a challenge takes all torsion away, whoever reduces it first or not.
	even := func(c *big.Int) bool {
		mod := func(n *big.Int) uint64 { return new(big.Int).And(n, big.NewInt(7)).Uint64() }
		return mod(c) == 0 && mod(new(big.Int).Mod(c, groupOrder())) == 0
	}
	signed := func(raw, r []byte, s *big.Int) []byte { return arr(bin(raw), bin(slices.Concat(r, toLittle(s)))) }
	anybody := newPerson(t, "any", 91, nil) // R = [s]B, which anybody can make
	free, s := anybody.user(), new(big.Int).Mod(anybody.scalar(), groupOrder())
	// forged is a record of a key whose order divides the challenge.
	forged := func(user []byte) []byte {
		for number := uint64(1); ; number++ {
			if raw := of(user, number); even(challenge(free, user, raw)) {
				if !ed25519.Verify(user, append([]byte(recordDomain), raw...), slices.Concat(free, toLittle(s))) {
					t.Fatalf("%x is refused by a library that has no such rule", user)
				}
				return signed(raw, free, s)
			}
		}
	}
	id, eighth := encodePoint(point{big.NewInt(0), big.NewInt(1)}), torsion(t)
	beyond := toLittle(new(big.Int).Add(prime(), big.NewInt(1))) // 1 again
	minus := append(bytes.Clone(id[:31]), 0x80)                  // 1, and an x of 0 that is negative
	// with is a signature of ann's with a chosen R: r = 0, or that of anybody.
	with := func(raw, r []byte, of *big.Int) []byte {
		c := challenge(r, ann.user(), raw)
		return signed(raw, r, c.Mul(c, ann.scalar()).Add(c, of).Mod(c, groupOrder()))
	}
	plain := raw(nil)
	good := identity.Ed25519{}.Sign(ann.key, append([]byte(recordDomain), plain...))
	tilted := encodePoint(add(decodePoint(t, ann.user()), eighth))
	mixed := func() []byte { // honest but for the key's torsion, which this challenge takes away
		for number := uint64(1); ; number++ {
			raw := of(tilted, number)
			if c := challenge(free, tilted, raw); even(c) {
				return signed(raw, free, c.Mul(c, ann.scalar()).Add(c, s).Mod(c, groupOrder()))
			}
		}
	}
	bad := func(name string, b []byte) vector { return recordVector("bad-record-"+name, b).bad("record") }
	return []vector{
		bad("user-identity", forged(id)),
		bad("user-order-2", forged(toLittle(new(big.Int).Sub(prime(), big.NewInt(1))))),
		bad("user-order-4", forged(make([]byte, 32))),
		bad("user-order-8", forged(encodePoint(eighth))),
		bad("user-not-canonical", forged(beyond)),
		bad("user-minus-zero", forged(minus)),
		bad("signature-r-identity", with(plain, id, new(big.Int))),
		bad("signature-r-not-canonical", with(plain, beyond, new(big.Int))),
		bad("signature-cofactor", with(plain, encodePoint(add(decodePoint(t, free), eighth)), s)),
		bad("signature-s", signed(plain, good[:32], new(big.Int).Add(little(good[32:]), groupOrder()))),
		recordVector("record-mixed-order", mixed()),
	}
}

// point is one of edwards25519, by its affine coordinates. Slow, and good for vectors.
type point struct{ x, y *big.Int }

func prime() *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return p.Sub(p, big.NewInt(19))
}

func groupOrder() *big.Int {
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return l.Add(l, new(big.Int).Lsh(big.NewInt(1), 252))
}

// curveD is -121665/121666.
func curveD() *big.Int {
	d := new(big.Int).ModInverse(big.NewInt(121666), prime())
	return d.Mul(d, big.NewInt(-121665)).Mod(d, prime())
}

func add(a, b point) point {
	p := prime()
	mul := func(list ...*big.Int) *big.Int {
		m := big.NewInt(1)
		for _, n := range list {
			m.Mul(m, n).Mod(m, p)
		}
		return m
	}
	e := mul(curveD(), a.x, b.x, a.y, b.y)
	over := func(top, bottom *big.Int) *big.Int {
		return top.Mul(top, new(big.Int).ModInverse(bottom.Mod(bottom, p), p)).Mod(top, p)
	}
	x := new(big.Int).Add(mul(a.x, b.y), mul(b.x, a.y))
	y := new(big.Int).Add(mul(a.y, b.y), mul(a.x, b.x))
	return point{over(x, new(big.Int).Add(big.NewInt(1), e)), over(y, new(big.Int).Sub(big.NewInt(1), e))}
}

func encodePoint(a point) []byte {
	b := toLittle(a.y)
	b[31] |= byte(a.x.Bit(0)) << 7
	return b
}

func decodePoint(t *testing.T, b []byte) point {
	p, one := prime(), big.NewInt(1)
	c := bytes.Clone(b)
	c[31] &= 0x7f
	y := little(c)
	square := new(big.Int).Mul(y, y)
	bottom := new(big.Int).Mul(square, curveD())
	bottom.Add(bottom, one).ModInverse(bottom, p)
	square.Sub(square, one).Mul(square, bottom).Mod(square, p)
	x := new(big.Int).ModSqrt(square, p)
	if x == nil {
		t.Fatalf("%x is no point", b)
	}
	if x.Bit(0) != uint(b[31]>>7) {
		x.Sub(p, x)
	}
	return point{x, y}
}

// torsion is a point of order 8.
func torsion(t *testing.T) point {
	y, _ := new(big.Int).SetString("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16)
	return decodePoint(t, toLittle(y))
}

func little(b []byte) *big.Int {
	c := bytes.Clone(b)
	slices.Reverse(c)
	return new(big.Int).SetBytes(c)
}

func toLittle(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// The arithmetic above holds: eight times the eighth is nothing, four times is not, and
// the base point comes back.
func TestVectorArithmetic(t *testing.T) {
	two := func(a point) point { return add(a, a) }
	e := torsion(t)
	if got := encodePoint(two(two(two(e)))); !bytes.Equal(got, toLittle(big.NewInt(1))) {
		t.Errorf("8 times the eighth is %x", got)
	}
	if got := encodePoint(two(two(e))); bytes.Equal(got, toLittle(big.NewInt(1))) {
		t.Errorf("4 times the eighth is %x", got)
	}
	key := []byte(ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey))
	if got := encodePoint(decodePoint(t, key)); !bytes.Equal(got, key) {
		t.Errorf("%x comes back as %x", key, got)
	}
}
