package store

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"darkchat/sessions/identity"
)

// An identity is who a user is: an Ed25519 key and the name that goes with it. It is one file of
// four lines that a user can copy to another machine. The public key in it is a check: a seed with
// one wrong letter would make a different user.
type identityFile struct {
	name string
	key  ed25519.PrivateKey
}

const identityNote = "Keep this file to yourself: whoever has it is you."

func newIdentity(name string, random io.Reader) (identityFile, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return identityFile{}, fmt.Errorf("no randomness for a key: %w", err)
	}
	return identityFile{name, ed25519.NewKeyFromSeed(seed)}, nil
}

// public returns the user key.
func (id identityFile) public() identity.UserKey { return identity.UserKey(id.key[ed25519.SeedSize:]) }

func (id identityFile) format() []byte {
	user := id.public()
	return formatTextFile("identity", identityNote,
		[2]string{"name", id.name},
		[2]string{"user", encodeKey(user[:])},
		[2]string{"seed", encodeKey(id.key.Seed())})
}

func readIdentity(path string) (identityFile, error) {
	fields, err := readTextFile(path, "identity")
	if err != nil {
		return identityFile{}, err
	}
	return parseIdentity(fields)
}

// readNamedIdentity is readIdentity of the file that the person names with -identity.
func readNamedIdentity(path string) (identityFile, error) {
	f, err := OpenNamed(path)
	if err != nil {
		return identityFile{}, err
	}
	defer f.Close()
	fields, err := parseTextOf(f, "identity")
	if err != nil {
		return identityFile{}, err
	}
	return parseIdentity(fields)
}

func parseIdentity(fields textFile) (identityFile, error) {
	if err := identity.CheckName(fields["name"]); err != nil {
		return identityFile{}, fmt.Errorf("%w: its name is wrong", ErrDamaged)
	}
	seed, err := decodeKey(fields["seed"])
	if err != nil {
		return identityFile{}, fmt.Errorf("%w: its seed is wrong", ErrDamaged)
	}
	id := identityFile{fields["name"], ed25519.NewKeyFromSeed(seed[:])}
	user, err := decodeKey(fields["user"])
	if err != nil || id.public() != identity.UserKey(user) {
		return identityFile{}, fmt.Errorf("%w: its seed does not fit its user key", ErrDamaged)
	}
	return id, nil
}

func encodeKey(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decodeKey(s string) ([32]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 32 {
		return [32]byte{}, ErrDamaged
	}
	return [32]byte(b), nil
}

// openIdentity returns the user's identity at path. from is a copy to adopt, or empty; without either
// a new one is made. others says that the folder already has sessions, whose user cannot be a new one.
// If it fails nothing has been touched.
func openIdentity(path, from, name string, others bool, random io.Reader) (id identityFile, made bool, err error) {
	var adopted identityFile
	if from != "" {
		if adopted, err = readNamedIdentity(from); err != nil {
			return identityFile{}, false, fault(from, err, "give the file that -identity should adopt, whole")
		}
	}
	id, err = readIdentity(path)
	switch {
	case err == nil && from != "" && id.public() != adopted.public():
		return identityFile{}, false, fault(path, errors.New("holds another key than "+from),
			"choose another folder with -state, or another name with -u")
	case err == nil:
		return id, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return identityFile{}, false, fault(path, err, "put back a copy of it, or move it away to be somebody new")
	case from != "":
		adopted.name = name
		return adopted, true, nil
	case others:
		return identityFile{}, false, fault(path, errors.New("is missing, but its sessions are there"),
			"adopt a copy of it with -identity, or move the folder away to be somebody new")
	}
	id, err = newIdentity(name, random)
	return id, true, err
}

// readableByOthers says that others than the owner may read the file at path.
func readableByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// guardIdentity closes the identity at path to others. It returns what to tell the user, or nothing.
func guardIdentity(path string) string {
	if !readableByOthers(path) {
		return ""
	}
	if err := os.Chmod(path, fileMode); err != nil {
		return fmt.Sprintf("%s can be read by others: run chmod 600 on it", path)
	}
	return fmt.Sprintf("%s could be read by others and is closed to them now; if somebody has read it, become somebody new: move %s away", path, path)
}
