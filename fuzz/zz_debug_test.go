package fuzz_test

import (
	"fmt"
	"os"
	"testing"

	"darkchat/neighbors"
)

func TestZZ(t *testing.T) {
	b, _ := os.ReadFile(os.Getenv("ZZ"))
	r := newPair(t)
	for i := range r.people {
		old := r.people[i].show
		p := r.people[i]
		p.show = nil
		_ = old
		f := old
		p.show = func(e neighbors.Event) { fmt.Printf("%v %s sees %T%.200v\n", r.now.Sub(epoch), p.name, e, fmt.Sprintf("%+v", e)); f(e) }
	}
	r.trace = true
	var in []byte
	fmt.Sscanf(string(b), "%x", &in)
	p := program(in)
	for !p.done() {
		fmt.Printf("%v op %d %v alive %v %v\n", r.now.Sub(epoch), p[0]%8, p[1:min(3, len(p))], r.people[0].node != nil, r.people[1].node != nil)
		r.do(&p)
	}
	r.finish()
}
