package book

// Trust is what this node's user has decided about a key. Source: spec/theory.md 9.
type Trust uint8

const (
	TrustNew      Trust = iota // heard of; bounded and evictable
	TrustPinned                // by an act of this node's user; never evicted or reassigned
	TrustVerified              // pinned, and the fingerprints were compared
	TrustBlocked               // texts are refused as not trusted
)

// String returns the word that is shown and that -json prints.
func (t Trust) String() string {
	switch t {
	case TrustPinned:
		return "pinned"
	case TrustVerified:
		return "verified"
	case TrustBlocked:
		return "blocked"
	}
	return "new"
}

// Known says that the user is pinned or verified, and so remembered whatever strangers do.
func (t Trust) Known() bool { return t == TrustPinned || t == TrustVerified }
