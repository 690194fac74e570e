package neighbors

import "time"

// What a NAT lets pass without being reminded. RFC 4787 (REQ-5) asks for two minutes, many
// home routers give 30 s, and RFC 8085 (3.5) asks for no more than a datagram in 15 s.
const (
	keepMapping = 25 * time.Second // silence on a way through a NAT, at most
	keepLonger  = 50 * time.Second // the same once nothing spoke against it for keepGrow
	keepGrow    = 10 * time.Minute
)

// throughNAT says whether a NAT may have to be reminded of us on the way to e: not on our
// own link, and not when others see us at an address of our own.
func (n *Node) throughNAT(e *edge) bool {
	at, _, ok := n.direct(e.id)
	return ok && !n.links.near(at.Addr()) && n.nat() != NATNone
}

// mappingLife is how long a NAT is trusted to keep our mapping towards e. Towards seeds
// and who introduced us to others it is never the longer time: as long as these reach
// us, a mapping lost elsewhere is made again within a second.
func (n *Node) mappingLife(now time.Time, e *edge) time.Duration {
	if now.Sub(n.keepSign) < keepGrow || e.seed || n.introducer(e) {
		return keepMapping
	}
	return keepLonger
}

// introducer says whether a common neighbour's help may come from e.
func (n *Node) introducer(e *edge) bool {
	for _, w := range n.relays.ways { // the order does not matter
		if w.by == e.id {
			return true
		}
	}
	return false
}

// mappingLost: something says that a NAT has forgotten us, though our network is the same.
func (n *Node) mappingLost(now time.Time) { n.keepSign = now }
