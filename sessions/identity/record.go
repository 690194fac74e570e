package identity

import (
	"crypto/ed25519"
	"errors"
	"net/netip"
	"time"

	"darkchat/sessions/kv"
)

// Limits of a record. Source: spec/wire.md 7.
const (
	MaxRecord = 384     // bytes, signature and framing included
	MaxAddrs  = 6       // in a record
	MaxSeq    = 1 << 53 // sequence numbers are below it, so that a float64 can hold them

	maxLifetime   = 1 << 31 // seconds; a time.Duration can hold it
	recordVersion = 1
	recordDomain  = "darkchat session record v1\x00"
)

// Why Sign and Verify refuse a record.
var (
	ErrRecordSize      = errors.New("record is longer than 384 bytes")
	ErrRecordForm      = errors.New("record is malformed")
	ErrRecordVersion   = errors.New("record has an unknown version")
	ErrRecordSignature = errors.New("record's signature is wrong")
	ErrRecordSession   = errors.New("record's session id does not fit its keys")
)

// State is what a session says of itself.
type State uint8

// The states. Source: spec/wire.md 4.1.
const (
	StateOnline State = 0
	StateAway   State = 1
	StateGone   State = 2 // a tombstone: no older record undoes it
)

// String gives the word for s.
func (s State) String() string {
	switch s {
	case StateOnline:
		return "online"
	case StateAway:
		return "away"
	}
	return "gone"
}

// Scopes of an Address.
const (
	ScopeHost     = 0
	ScopeLAN      = 1
	ScopeObserved = 2
)

// Flags of a record. Unknown ones are kept. If none of the three about introductions is set, this
// session decides each time; if several are, the strictest counts: NoIntro, then IntroLink.
const (
	FlagSeed      = 1
	FlagRelay     = 2
	FlagHardNAT   = 4
	FlagNoIntro   = 8
	FlagIntroLink = 16
	FlagIntroAll  = 32
)

// An Address is where a session says it can be reached. It is a hint: the signature does not prove
// it.
type Address struct {
	Scope uint8
	Addr  netip.AddrPort
}

// A Record is what a user signed about one session. Source: spec/wire.md 4.
type Record struct {
	Name     string
	User     UserKey
	Static   [32]byte // the session's X25519 public key
	Session  SessionID
	Seq      uint64 // of this session alone, raised by its owner
	State    State
	Addrs    []Address
	Lifetime time.Duration // whole seconds, counted by the receiver from receipt
	Flags    uint64
	Hold     HoldKey // the key to which copies that friends keep are sealed; zero: none
}

// recordWire is the signed part.
type recordWire struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Name     string
	User     []byte
	Static   []byte
	Session  []byte
	Seq      uint64
	State    uint64
	Addrs    []addressWire
	Lifetime uint64
	Flags    uint64
	Hold     []byte
	Ext      []byte
}

type addressWire struct {
	_     struct{} `cbor:",toarray"`
	Scope uint64
	Addr  []byte // IP (4 or 16 bytes) || port (big endian)
}

type signedWire struct {
	_   struct{} `cbor:",toarray"`
	Raw []byte
	Sig []byte
}

// Sign encodes r and signs it. User and Session are computed from key and
// Static, whatever r has there. The errors are those of Verify.
func Sign(key ed25519.PrivateKey, r Record) ([]byte, error) { return SignBy(Ed25519{}, key, r) }

// SignBy is Sign with the Signatures of a simulation.
func SignBy(by Signatures, key ed25519.PrivateKey, r Record) ([]byte, error) {
	user, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(user) != len(r.User) {
		return nil, errors.New("not an Ed25519 private key")
	}
	r.User = UserKey(user)
	r.Session = MakeSessionID(r.User, r.Static)
	w := recordWire{
		Version: recordVersion, Name: r.Name, User: r.User[:], Static: r.Static[:], Session: r.Session[:],
		Seq: r.Seq, State: uint64(r.State), Lifetime: uint64(r.Lifetime / time.Second), Flags: r.Flags,
	}
	if r.Hold != (HoldKey{}) {
		w.Hold = r.Hold[:]
	}
	for _, a := range r.Addrs {
		w.Addrs = append(w.Addrs, addressWire{Scope: uint64(a.Scope), Addr: AppendAddr(nil, a.Addr)})
	}
	raw := kv.Marshal(&w)
	if _, err := decodeRecord(raw); err != nil {
		return nil, err
	}
	signed := kv.Marshal(&signedWire{Raw: raw, Sig: by.Sign(key, domain(raw))})
	if len(signed) > MaxRecord {
		return nil, ErrRecordSize
	}
	return signed, nil
}

// Verify checks a signed record of a stranger and decodes it. The signature is checked over the bytes
// as they came, before anything in them is believed; only the user key is read first. The checks are
// those of spec/wire.md 4.2, and the errors are the ErrRecord ones and ErrName. It is pure and safe
// for many goroutines.
func Verify(signed []byte) (Record, error) { return VerifyBy(Ed25519{}, signed) }

// VerifyBy is Verify with the Signatures of a simulation.
func VerifyBy(by Signatures, signed []byte) (Record, error) {
	w, err := splitRecord(signed)
	if err != nil {
		return Record{}, err
	}
	user, err := peekUser(w.Raw)
	if err != nil {
		return Record{}, err
	}
	if !by.Verify(user[:], domain(w.Raw), w.Sig) {
		return Record{}, ErrRecordSignature
	}
	return decodeRecord(w.Raw)
}

// Decode decodes a record that Verify has accepted before: one from our own store, or one that dgram
// has checked. It does not check the signature.
func Decode(signed []byte) (Record, error) {
	w, err := splitRecord(signed)
	if err != nil {
		return Record{}, err
	}
	return decodeRecord(w.Raw)
}

func splitRecord(signed []byte) (signedWire, error) {
	if len(signed) > MaxRecord {
		return signedWire{}, ErrRecordSize
	}
	w, ok := readSigned(signed)
	if !ok || len(w.Sig) != ed25519.SignatureSize {
		return signedWire{}, ErrRecordForm
	}
	return w, nil
}

// peekUser finds the user key before the signature check, by position: the array of 12, the version
// (below 24: one byte), the name (at most 32 bytes: one or two bytes of header) and a byte string of
// 32.
func peekUser(raw []byte) (UserKey, error) {
	if len(raw) < 3 || raw[0] != 0x8c {
		return UserKey{}, ErrRecordForm
	}
	if raw[1] != recordVersion {
		return UserKey{}, ErrRecordVersion
	}
	at, n := 3, int(raw[2]&0x1f)
	if n == 24 && len(raw) > 3 {
		at, n = 4, int(raw[3])
	}
	if raw[2]>>5 != 3 || raw[2]&0x1f > 24 || n > MaxName {
		return UserKey{}, ErrRecordForm
	}
	rest := raw[min(at+n, len(raw)):]
	if len(rest) < 34 || rest[0] != 0x58 || rest[1] != 32 {
		return UserKey{}, ErrRecordForm
	}
	return UserKey(rest[2:34]), nil
}

func domain(raw []byte) []byte {
	return append([]byte(recordDomain), raw...)
}

// decodeRecord reads the signed part and checks every rule but the signature.
func decodeRecord(raw []byte) (Record, error) {
	w, ok := readRecord(raw)
	if !ok {
		return Record{}, ErrRecordForm
	}
	if w.Version != recordVersion {
		return Record{}, ErrRecordVersion
	}
	if len(w.User) != 32 || len(w.Static) != 32 || len(w.Session) != 8 ||
		w.Seq >= MaxSeq || w.State > uint64(StateGone) || len(w.Addrs) > MaxAddrs || w.Lifetime > maxLifetime ||
		len(w.Hold) != 0 && len(w.Hold) != len(HoldKey{}) {
		return Record{}, ErrRecordForm
	}
	if err := CheckName(w.Name); err != nil {
		return Record{}, err
	}
	r := Record{
		Name: w.Name, User: UserKey(w.User), Static: [32]byte(w.Static), Session: SessionID(w.Session),
		Seq: w.Seq, State: State(w.State), Lifetime: time.Duration(w.Lifetime) * time.Second, Flags: w.Flags,
	}
	if r.Session != MakeSessionID(r.User, r.Static) {
		return Record{}, ErrRecordSession
	}
	copy(r.Hold[:], w.Hold)
	for _, a := range w.Addrs {
		addr, ok := ParseAddr(a.Addr)
		if !ok || a.Scope > 255 {
			return Record{}, ErrRecordForm
		}
		r.Addrs = append(r.Addrs, Address{Scope: uint8(a.Scope), Addr: addr})
	}
	return r, nil
}
