package neighbors

import "fmt"

// DoorPolicy says which users, of those the person does not know, may leave lines.
type DoorPolicy uint8

// The policies. People whom the person knows, and the person's own sessions, never meet the door.
const (
	DoorAsk  DoorPolicy = iota // everybody, a few lines each
	DoorLink                   // those on our own link
	DoorNone                   // nobody
)

// DoorPolicyNamed returns a policy: ask, link or none.
func DoorPolicyNamed(name string) (DoorPolicy, error) {
	for i, p := range [...]string{"ask", "link", "none"} {
		if p == name {
			return DoorPolicy(i), nil
		}
	}
	return DoorAsk, fmt.Errorf("%q is unknown: ask, link or none", name)
}
