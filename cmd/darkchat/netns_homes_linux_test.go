package main

// The public network and the homes that hang on it.

const (
	seedAddr    = "203.0.113.10"
	carrierAddr = "203.0.113.150"
)

// internet makes the public network with one host on it: pub.
func (l *lab) internet() {
	l.t.Helper()
	l.segment("public")
	l.host("pub").plug("eth0", "public", seedAddr+"/24")
}

// home hangs a home on the public network: its router, r and the letter, and one
// host, the letter and 1. net is the first three numbers of its private network.
func (l *lab) home(letter, kind, outside, net string) {
	l.t.Helper()
	l.homeOn("public", "", letter, kind, outside, net)
}

// homeOn is home on any segment, with a way on from there.
func (l *lab) homeOn(segment, gateway, letter, kind, outside, net string) {
	l.t.Helper()
	l.segment("lan" + letter)
	router := l.router("r"+letter).plug("wan", segment, outside+"/24").plug("lan", "lan"+letter, net+".1/24").gateway(gateway)
	router.nat(kind, net+".0/24", outside)
	l.host(letter+"1").plug("eth0", "lan"+letter, net+".11/24").gateway(net + ".1")
}

// carrier hangs a provider on the public network that translates once more. Its
// customers are on the segment "isp" with addresses 100.64.0.x.
func (l *lab) carrier(kind string) {
	l.t.Helper()
	l.segment("isp")
	cg := l.router("cg").plug("wan", "public", carrierAddr+"/24").plug("lan", "isp", "100.64.0.1/24").gateway("")
	cg.nat(kind, "100.64.0.0/24", carrierAddr)
}

// customer hangs a home on the carrier.
func (l *lab) customer(letter, kind, number, net string) {
	l.t.Helper()
	l.homeOn("isp", "100.64.0.1", letter, kind, "100.64.0."+number, net)
}

// homes makes the two homes of a pair.
func (l *lab) homes(a, b string) {
	l.t.Helper()
	l.internet()
	l.home("a", a, "203.0.113.101", "192.168.1")
	l.home("b", b, "203.0.113.102", "192.168.2")
}
