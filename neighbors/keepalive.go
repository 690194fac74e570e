package neighbors

import "time"

// How long a NAT mapping is trusted without a datagram (keep-alive). RFC 4787 (REQ-5) asks NATs
// for two minutes, many home routers give 30 s, and RFC 8085 (3.5) allows a datagram every 15 s.
const (
	keepMapping = 25 * time.Second // longest silence on a path through a NAT
	keepLonger  = 50 * time.Second // the same once no mapping was lost for keepGrow
	keepGrow    = 10 * time.Minute
)

// throughNAT says whether the path to e may need keep-alives for a NAT: not on our own link, and
// not if others see us at an address of our own.
func (rx *reflexive) throughNAT(e *edge) bool {
	at, _, ok := rx.direct(e.id)
	return ok && !rx.links.near(at.Addr()) && rx.nat() != NATNone
}

// mappingLife is how long a NAT is trusted to keep our mapping towards e. Towards seeds and
// introducers it is never the longer time: as long as these reach us, a mapping lost elsewhere
// is made again within a second.
func (rx *reflexive) mappingLife(now time.Time, e *edge) time.Duration {
	if now.Sub(rx.keepSign) < keepGrow || e.seed || rx.introducer(e) {
		return keepMapping
	}
	return keepLonger
}

// introducer says whether e introduced us to somebody.
func (rx *reflexive) introducer(e *edge) bool {
	for _, w := range rx.ways.byID { // the order does not matter
		if w.by == e.id {
			return true
		}
	}
	return false
}

// mappingLost: something shows that a NAT has forgotten us, though our network is the same.
func (rx *reflexive) mappingLost(now time.Time) { rx.keepSign = now }
