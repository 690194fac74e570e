package mail

import (
	"crypto/ed25519"
	"errors"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// Domains of signatures about held copies (spec/wire.md 5.13).
const (
	copyDomain    = "darkchat held copy v1\x00"
	receiptDomain = "darkchat receipt v1\x00"
	copyInfo      = "darkchat held copy v1\x00" // and the recipient's session
)

// MaxCopyText bounds the text of one held copy, so that it fits a datagram even through a relay.
const MaxCopyText = 832

// A Copy is a text of one session for another, which friends keep sealed.
type Copy struct {
	From, To identity.SessionID
	Part
}

// copyWire is the plaintext of a sealed copy: the text, and its sender's signature over all of it.
type copyWire struct {
	_     struct{} `cbor:",toarray"`
	From  []byte
	ID    uint64
	Prev  uint64
	Sent  uint64
	Part  uint64
	Parts uint64
	Text  string
	Sig   []byte
}

// copySigned is what the signature covers, after its domain: among it sender, recipient's session
// and id, so that a copy cannot serve anybody or anything else.
type copySigned struct {
	_     struct{} `cbor:",toarray"`
	From  []byte
	To    []byte
	ID    uint64
	Prev  uint64
	Sent  uint64
	Part  uint64
	Parts uint64
	Text  string
}

func (c Copy) claim() []byte {
	return append([]byte(copyDomain), kv.Marshal(&copySigned{
		From: c.From[:], To: c.To[:], ID: c.ID, Prev: c.Prev, Sent: c.Sent, Part: c.Part.Part, Parts: c.Parts, Text: c.Text,
	})...)
}

// Why a copy is refused.
var (
	ErrCopyForm = errors.New("held copy is malformed")
	ErrCopySig  = errors.New("held copy is not signed by the user it names")
	ErrCopySize = errors.New("text is too long for a held copy")
)

func copyInfoFor(to identity.SessionID) []byte { return append([]byte(copyInfo), to[:]...) }

// Seal signs a text and seals it so that only the recipient's session can read it, for friends to
// keep. The error is ErrCopySize, or that of an invalid key.
func (c Copy) Seal(key ed25519.PrivateKey, hold identity.HoldKey) ([]byte, error) {
	if len(c.Text) > MaxCopyText {
		return nil, ErrCopySize
	}
	return sealTo(hold, copyInfoFor(c.To), kv.Marshal(&copyWire{
		From: c.From[:], ID: c.ID, Prev: c.Prev, Sent: c.Sent, Part: c.Part.Part, Parts: c.Parts, Text: c.Text,
		Sig: ed25519.Sign(key, c.claim()),
	}))
}

// OpenedCopy is a copy whose signature is still to be checked, with the key of the user that its
// sender's session belongs to.
type OpenedCopy struct {
	Copy
	sig []byte
}

// Open opens a copy for the session to. The errors are ErrCopyForm and that of a copy sealed to
// another key.
func (k *HoldKeys) Open(to identity.SessionID, sealed []byte) (OpenedCopy, error) {
	plain, err := k.open(copyInfoFor(to), sealed)
	if err != nil {
		return OpenedCopy{}, err
	}
	var w copyWire
	if kv.Unmarshal(plain, &w) != nil || len(w.From) != len(identity.SessionID{}) || len(w.Text) > MaxCopyText || len(w.Text) == 0 ||
		w.ID > maxTextID || w.Prev >= w.ID || w.Part >= w.ID || w.Parts > MaxParts || w.Part >= w.Parts {
		return OpenedCopy{}, ErrCopyForm
	}
	c := Copy{From: identity.SessionID(w.From), To: to, Part: Part{
		ID: w.ID, Prev: w.Prev, Sent: w.Sent, Late: true, Part: w.Part, Parts: w.Parts, Text: w.Text,
	}}
	return OpenedCopy{Copy: c, sig: w.Sig}, nil
}

// Verify says whether user signed it.
func (c OpenedCopy) Verify(user identity.UserKey) error {
	if !(identity.Ed25519{}).Verify(user[:], c.claim(), c.sig) {
		return ErrCopySig
	}
	return nil
}

// A Receipt is a recipient's statement that their session has a text, or never will.
type Receipt struct {
	From, To identity.SessionID // the recipient's session, the text's sender's
	ID       uint64
	Result   uint64 // as in an ack: delivered, not trusted, too old
}

type receiptSigned struct {
	_      struct{} `cbor:",toarray"`
	From   []byte
	To     []byte
	ID     uint64
	Result uint64
}

func (r Receipt) claim() []byte {
	return append([]byte(receiptDomain), kv.Marshal(&receiptSigned{From: r.From[:], To: r.To[:], ID: r.ID, Result: r.Result})...)
}

// Sign signs it with the recipient's user key.
func (r Receipt) Sign(key ed25519.PrivateKey) []byte { return ed25519.Sign(key, r.claim()) }

// Verify says whether the user of the recipient's session signed it.
func (r Receipt) Verify(user identity.UserKey, sig []byte) bool {
	return identity.Ed25519{}.Verify(user[:], r.claim(), sig)
}
