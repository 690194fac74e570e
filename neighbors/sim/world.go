package sim

import (
	"cmp"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// world is all nodes and the time.
type world struct {
	cfg   Config
	graph graph
	plan  *plan
	crypt crypt
	who   map[string]int32 // by session, as events name it
	nodes []*node
	due   []int64 // when something happens at each node next; never
	tap   tap     // nil: nobody listens
}

// never is later than any run.
const never = int64(math.MaxInt64)

var errLoop = errors.New("BUG: a node does not let the time pass")

func newWorld(c Config, g graph) (*world, error) {
	w := &world{cfg: c, graph: g, plan: newPlan(c, g), crypt: newCrypt(c.Model), who: map[string]int32{}}
	w.nodes, w.due = make([]*node, c.Nodes), make([]int64, c.Nodes)
	people := make([]person, c.Nodes)
	errs := make([]error, c.Nodes)
	w.all(func(i int32) { people[i], errs[i] = newPerson(w, i) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	texts := make([][]deed, c.Nodes)
	for i, t := range w.plan.texts {
		texts[t.from] = append(texts[t.from], deed{t.at, say, int32(i)})
	}
	for i := range people {
		p := &people[i]
		w.who[p.id.String()] = int32(i)
		w.nodes[i] = newNode(w, p, people, texts[i])
		w.due[i] = w.nodes[i].soonest()
	}
	return w, nil
}

// run lets time pass, a window at a time. Within a window the nodes are independent of each other:
// nothing sent in it arrives in it.
func (w *world) run(tick func(time.Duration)) error {
	var busy []int32
	ticked := int64(0)
	for {
		at := never
		for _, due := range w.due {
			at = min(at, due)
		}
		if at > w.plan.end {
			return nil
		}
		until := min(at+int64(w.cfg.Delay), w.plan.end+1)
		busy = busy[:0]
		for i, due := range w.due {
			if due < until {
				busy = append(busy, int32(i))
			}
		}
		w.share(busy, func(i int32) { w.nodes[i].run(until) })
		for _, i := range busy {
			if err := w.nodes[i].err; err != nil {
				return err
			}
			w.due[i] = w.nodes[i].soonest()
		}
		for _, i := range busy {
			w.post(w.nodes[i])
		}
		if tick != nil && at-ticked >= int64(time.Second) {
			ticked = at
			tick(time.Duration(at))
		}
	}
}

// post hands over what a node sent.
func (w *world) post(n *node) {
	for _, a := range n.out {
		w.nodes[a.to].inbox.push(a.arrival)
		w.due[a.to] = min(w.due[a.to], a.at)
	}
	clear(n.out)
	n.out = n.out[:0]
}

// fewest nodes are worth waking another thread for.
const fewest = 4

// share calls f for each of list, on all threads.
func (w *world) share(list []int32, f func(int32)) {
	if w.cfg.Threads < 2 || len(list) < fewest {
		for _, i := range list {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(w.cfg.Threads, len(list)) {
		wg.Go(func() {
			for k := next.Add(1) - 1; k < int64(len(list)); k = next.Add(1) - 1 {
				f(list[k])
			}
		})
	}
	wg.Wait()
}

// all calls f for every node, on all threads.
func (w *world) all(f func(int32)) {
	list := make([]int32, w.cfg.Nodes)
	for i := range list {
		list[i] = int32(i)
	}
	w.share(list, f)
}

// arrival is a datagram on its way to a node.
type arrival struct {
	at    int64
	from  int32
	order uint32 // of what the sender sent
	call  bool   // said to everybody on the segment
	bytes []byte
}

// sent is an arrival and the node it arrives at.
type sent struct {
	to int32
	arrival
}

// inbox is a heap of arrivals, soonest first. Equal times are ordered by sender and by what each
// sent, so the order does not depend on which thread put them in first.
type inbox []arrival

func (a *arrival) before(b *arrival) bool {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.from, b.from), cmp.Compare(a.order, b.order)) < 0
}

func (q *inbox) push(a arrival) {
	*q = append(*q, a)
	h := *q
	for i := len(h) - 1; i > 0 && h[i].before(&h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (q *inbox) pop() arrival {
	h := *q
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], arrival{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
