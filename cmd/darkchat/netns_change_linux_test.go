package main

import "time"

// The network changes in the middle of a conversation. Nobody starts anything anew.

const backLimit = 10 * time.Second

func changeRows() []netnsRow {
	return []netnsRow{
		{name: "change-address", what: "a host of a LAN gets another address", run: changeAddress},
		{name: "change-gap", what: "the same after 3 s without a network, both writing", run: changeGap},
		{name: "change-silent", what: "the same, and only the other one writes", run: func(r *row) { changeSilent(r, byHand...) }},
		{name: "change-silent-lan", what: "the same with announcements", run: func(r *row) { changeSilent(r) }},
		{name: "change-lan", what: "a laptop moves to the LAN behind a router", run: changeLAN},
		{name: "change-flush", what: "to a public host: the NAT forgets its mapping", run: changeFlush},
		{name: "change-flush-cone", what: "direct pair, cone: a NAT forgets its mappings", run: func(r *row) { flushedPair(r, cone) }},
		{name: "change-flush-remap", what: "direct pair, remap: a NAT forgets its mappings", run: func(r *row) { flushedPair(r, remap) }},
		{name: "change-flush-back-remap", what: "remap and remap: forgotten by both, direct again", run: func(r *row) { flushedBoth(r, remap, remap) }},
		{name: "change-flush-back-symmetric", what: "symmetric and restricted: forgotten by both, direct again", run: func(r *row) { flushedBoth(r, symmetric, restricted) }},
		{name: "change-flush-back-double", what: "behind a carrier, and restricted: forgotten by all, direct again", run: func(r *row) { r.behindCarrier("a"); flushedAll(r, "cg", "ra", "rb") }},
		{name: "change-flush-back-restricted", what: "restricted, and behind a carrier: the same, asked for from there", run: func(r *row) { r.behindCarrier("b"); flushedAll(r, "cg", "ra", "rb") }},
		{name: "change-flush-carrier", what: "behind a carrier, and restricted: only the carrier forgets", run: func(r *row) { r.behindCarrier("a"); flushedAll(r, "cg") }},
		{name: "change-move-carrier", what: "behind a carrier that gets another address, and restricted", run: movedCarrier},
		{name: "change-move-remap", what: "remap and remap: a home gets another address, direct again", run: func(r *row) { movedPair(r, remap, remap) }},
		{name: "change-move-symmetric", what: "symmetric and restricted: the same of the symmetric one", run: func(r *row) { movedPair(r, symmetric, restricted) }},
		{name: "change-move-restricted", what: "restricted and symmetric: the same of the restricted one", run: func(r *row) { movedPair(r, restricted, symmetric) }},
		{name: "change-wan", what: "direct pair: a home gets another public address", run: changeWAN},
	}
}

// bothWrite lets both type a line at once and notes when both were printed.
func (r *row) bothWrite(a, b *node) {
	r.Helper()
	began := time.Now()
	a.send(`\chat ` + b.self().User)
	a.send("after it, there")
	b.send(`\chat ` + a.self().User)
	b.send("after it, back")
	r.bothRead(began, a, b)
}

func (r *row) bothRead(began time.Time, a, b *node) {
	r.Helper()
	r.within("texts both ways", latest(
		b.wait("the text", is("message", "after it, there")).at,
		a.wait("the text back", is("message", "after it, back")).at).Sub(began), backLimit)
}

// neighbours are two programs on two hosts of a LAN in the middle of a conversation.
func (r *row) neighbours(args ...string) (home *host, ann, bob *node) {
	r.Helper()
	hosts := r.onLAN(2)
	ann, bob = hosts[0].darkchat("ann", args...), hosts[1].darkchat("bob", args...)
	met(ann, bob, "10.10.0.12")
	talk(ann, bob, "before it")
	return hosts[0], ann, bob
}

// renumber gives the first host of a LAN another address.
func (h *host) renumber() {
	h.lab.t.Helper()
	h.addr("del", "eth0", "10.10.0.11/24")
	h.addr("add", "eth0", "10.10.0.200/24")
}

func changeAddress(r *row) {
	home, ann, bob := r.neighbours(byHand...)
	home.renumber()
	r.bothWrite(ann, bob)
}

func changeGap(r *row) {
	home, ann, bob := r.neighbours(byHand...)
	home.ip("link set eth0 down")
	ann.send("after it, there")
	bob.send("after it, back")
	bob.seenBy(time.Now().Add(3*time.Second), is("message", "after it, there"))
	home.renumber()
	began := time.Now()
	home.ip("link set eth0 up")
	r.bothRead(began, ann, bob)
}

func changeSilent(r *row, args ...string) {
	home, ann, bob := r.neighbours(args...)
	home.renumber()
	r.within("text", bob.tell(ann, "where are you?"), backLimit)
}

func changeLAN(r *row) {
	r.twoLANs(1)
	a := r.hosts["a1"]
	ann, bob := a.darkchat("ann", byHand...), r.hosts["b1"].darkchat("bob", byHand...)
	met(ann, bob, "10.2.0.11")
	talk(ann, bob, "before it")
	a.addr("del", "eth0", "10.1.0.11/24")
	a.rewire("eth0", "lanb")
	a.addr("add", "eth0", "10.2.0.200/24")
	a.gateway("10.2.0.1")
	r.bothWrite(ann, bob)
}

func changeFlush(r *row) {
	r.internet()
	r.home("a", remap, "203.0.113.101", "192.168.1")
	ann, pub := r.hosts["a1"].darkchat("ann", byHand...), r.hosts["pub"].darkchat("pub", byHand...)
	met(ann, pub, seedAddr)
	talk(ann, pub, "before it")
	r.forgets("ra")
	r.bothWrite(ann, pub)
}

// forgets makes a NAT forget, and checks that it had something to forget.
func (r *row) forgets(router string) {
	r.Helper()
	h := r.hosts[router]
	before := h.mappings()
	h.forget()
	if after := h.mappings(); before == 0 || after >= before {
		r.Errorf("%s had %d mappings and has %d", router, before, after)
	}
}

// directPair is two people behind two homes who talk directly.
func (r *row) directPair(kind string) trio {
	r.Helper()
	r.homes(kind, cone)
	return r.talkDirectly()
}

// talkDirectly has the people of two homes that are there talk directly.
func (r *row) talkDirectly() trio {
	r.Helper()
	t := r.join()
	began, _ := t.add()
	t.ann.direct(r, t.bob, began, directLimit)
	talk(t.ann, t.bob, "before it")
	return t
}

func flushedPair(r *row, kind string) {
	t := r.directPair(kind)
	r.forgets("ra")
	r.bothWrite(t.ann, t.bob)
}

func changeWAN(r *row) {
	t := r.directPair(cone)
	r.hosts["ra"].movesTo("203.0.113.101", "203.0.113.201")
	r.bothWrite(t.ann, t.bob)
}

// directAgain waits until both have a direct path to each other again. What \net says
// of one that has not is part of the failure: a person must be told why.
func (r *row) directAgain(t trio, began time.Time) {
	r.Helper()
	for _, pair := range [2][2]*node{{t.ann, t.bob}, {t.bob, t.ann}} {
		path := ""
		for path != "direct" && time.Since(began) < backLimit {
			if path = pair[0].pathTo(pair[1]); path != "direct" {
				pair[0].seenBy(time.Now().Add(200*time.Millisecond), func(e event) bool { return false })
			}
		}
		if path != "direct" {
			from := pair[0].mark()
			pair[0].send(`\net`)
			r.Errorf("%s to %s: %q after %s; %s", pair[0].name, pair[1].name, path, short(time.Since(began)),
				pair[0].waitAfter(from, "net", func(e event) bool { return e.Event == "net" }))
		}
	}
	r.within("direct again", time.Since(began), backLimit)
}

func flushedBoth(r *row, a, b string) {
	r.homes(a, b)
	flushedAll(r, "ra", "rb")
}

// behindCarrier makes the home of that letter a carrier's customer, and the other one
// restricted.
func (l *lab) behindCarrier(letter string) {
	l.t.Helper()
	l.internet()
	l.carrier(cone)
	for _, home := range []string{"a", "b"} {
		number := map[string]string{"a": "1", "b": "2"}[home]
		if home == letter {
			l.customer(home, cone, "2", "192.168."+number)
		} else {
			l.home(home, restricted, "203.0.113.10"+number, "192.168."+number)
		}
	}
}

// flushedAll has routers forget at once.
func flushedAll(r *row, routers ...string) {
	t := r.talkDirectly()
	began := time.Now()
	for _, router := range routers {
		r.forgets(router)
	}
	r.bothWrite(t.ann, t.bob)
	r.directAgain(t, began)
}

func movedCarrier(r *row) {
	r.behindCarrier("a")
	t := r.talkDirectly()
	began := time.Now()
	r.hosts["cg"].movesTo(carrierAddr, "203.0.113.151")
	r.bothWrite(t.ann, t.bob)
	r.directAgain(t, began)
}

// movesTo gives a router another public address.
func (h *host) movesTo(old, other string) {
	h.lab.t.Helper()
	h.addr("del", "wan", old+"/24")
	h.addr("add", "wan", other+"/24")
	h.gateway("")
	h.forget()
}

func movedPair(r *row, a, b string) {
	r.homes(a, b)
	t := r.talkDirectly()
	began := time.Now()
	r.hosts["ra"].movesTo("203.0.113.101", "203.0.113.201")
	r.bothWrite(t.ann, t.bob)
	r.directAgain(t, began)
}
