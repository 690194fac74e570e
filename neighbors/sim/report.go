package sim

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a run. Its printed forms are the same for the same Config. Times are
// milliseconds of virtual time; one that is left out was never reached.
type Report struct {
	Network     Network    `json:"network"`
	Convergence []Learning `json:"convergence"`
	False       False      `json:"false_offline"`
	Cost        Cost       `json:"cost"`
	Texts       Texts      `json:"texts"`

	world *world
	tally *tally
}

// Network is what was simulated.
type Network struct {
	Nodes     int     `json:"nodes"`
	Edges     int     `json:"edges"`
	Graph     string  `json:"graph"`
	Degree    int     `json:"degree"`
	Loss      float64 `json:"loss"`
	Delay     string  `json:"delay"`
	Jitter    string  `json:"jitter"`
	Churn     float64 `json:"churn"`
	Partition string  `json:"partition"`
	For       string  `json:"for"`
	Profile   string  `json:"profile"`
	Seed      uint64  `json:"seed"`
	Crypto    string  `json:"crypto"`
}

// Learning is how soon a kind of change was known: by nodes with an edge to the one that changed
// (edges 1), or by all within two.
type Learning struct {
	What   string   `json:"what"`
	Edges  int      `json:"edges"`
	Pairs  int      `json:"pairs"` // pairs of a node that changed and one that was there to learn it
	Knew   int      `json:"knew"`
	Within float64  `json:"within_ms"`
	InTime int      `json:"in_time"`
	P50    *float64 `json:"p50_ms,omitempty"`
	P90    *float64 `json:"p90_ms,omitempty"`
	P99    *float64 `json:"p99_ms,omitempty"`
	Worst  *float64 `json:"worst_ms,omitempty"`
}

// False counts nodes called offline, by a neighbour or by hearsay, though they were there.
type False struct {
	Pairs      int `json:"neighbor_pairs"` // ordered
	FalsePairs int `json:"false_pairs"`
	Lost       int `json:"lost"`
	HeardOf    int `json:"heard_offline"`
}

// Cost is what a node sent, headers of 42 bytes counted.
type Cost struct {
	Datagrams int     `json:"datagrams"`
	Bytes     float64 `json:"bytes_per_node_second"`
	Forming   float64 `json:"forming_bytes_per_node_second"`
	After     float64 `json:"after_bytes_per_node_second"`
	Most      float64 `json:"busiest_node_bytes_per_second"`
	Said      float64 `json:"said_again"` // share of what was told of others that was nothing new
}

// Texts is what became of the texts.
type Texts struct {
	Sent      int      `json:"sent"`
	Reachable int      `json:"reachable"` // both ends were there from the sending to the end, and not parted at the end
	Delivered int      `json:"delivered"` // of those
	Shown     int      `json:"shown"`     // of all
	Twice     int      `json:"shown_twice"`
	Told      int      `json:"acknowledged"`
	P50       *float64 `json:"p50_ms,omitempty"` // of the reachable ones
	P90       *float64 `json:"p90_ms,omitempty"`
	P99       *float64 `json:"p99_ms,omitempty"`
	Worst     *float64 `json:"worst_ms,omitempty"`
}

func (w *world) report() *Report {
	c, t := w.cfg, w.measure()
	crypto := "real"
	if c.Model {
		crypto = "model: a keyed hash for Noise, AEAD and signatures; sizes, states and errors are kept"
	}
	r := &Report{world: w, tally: t, Network: Network{
		Nodes: c.Nodes, Edges: w.graph.edges(), Graph: c.Graph, Degree: c.Degree, Loss: c.Loss,
		Delay: c.Delay.String(), Jitter: c.Jitter.String(), Churn: c.Churn, Partition: c.Partition.String(),
		For: c.For.String(), Profile: c.Profile.Name, Seed: c.Seed, Crypto: crypto,
	}}
	for k := range t.took {
		direct, all := t.took[k][0], slices.Concat(t.took[k][0], t.took[k][1])
		slices.Sort(all)
		if len(all) > 0 {
			r.Convergence = append(r.Convergence, learning(what(k), 1, direct), learning(what(k), 2, all))
		}
	}
	r.False = False{Pairs: 2 * w.graph.edges(), FalsePairs: t.falsePairs, Lost: t.falsely[0], HeardOf: t.falsely[1]}
	r.Cost = w.cost()
	r.Texts = w.textsTold()
	return r
}

func learning(k what, edges int, took []int64) Learning {
	l := Learning{What: whatNames[k], Edges: edges, Pairs: len(took), Within: millis(int64(within[k]))}
	l.Knew, _ = slices.BinarySearch(took, never)
	l.InTime, _ = slices.BinarySearch(took, int64(within[k])+1)
	l.P50, l.P90, l.P99, l.Worst = percentile(took, 50), percentile(took, 90), percentile(took, 99), percentile(took, 100)
	return l
}

// percentile is the nearest rank of a sorted list; nil: never, or there is nothing.
func percentile(sorted []int64, p int) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	v := sorted[max((len(sorted)*p+99)/100-1, 0)]
	if v == never {
		return nil
	}
	ms := millis(v)
	return &ms
}

func millis(ns int64) float64 { return float64(ns/int64(100*time.Microsecond)) / 10 }

func (w *world) cost() (c Cost) {
	var all, forming, told, again float64
	seconds := float64(w.plan.end) / float64(time.Second)
	formed := w.plan.formed / int64(time.Second)
	for _, n := range w.nodes {
		own := 0.0
		for s, bytes := range n.spent {
			own += float64(bytes)
			if int64(s) < formed {
				forming += float64(bytes)
			}
		}
		c.Datagrams += n.sends
		c.Most = max(c.Most, own/seconds)
		all += own
		last := map[int32]belief{}
		for _, ch := range n.changes {
			told++
			if b, ok := last[ch.who]; ok && b.online() == ch.state.online() && b.offline() == ch.state.offline() {
				again++
			}
			last[ch.who] = ch.state
		}
	}
	nodes := float64(len(w.nodes))
	c.Bytes, c.Forming = round(all/nodes/seconds), round(forming/nodes/float64(formed))
	c.After = round((all - forming) / nodes / (seconds - float64(formed)))
	c.Most, c.Said = round(c.Most), round(1000*again/max(told, 1))/1000
	return c
}

func round(f float64) float64 { return float64(int64(10*f+0.5)) / 10 }

// textsTold joins what senders and receivers saw of each text.
func (w *world) textsTold() (t Texts) {
	p := w.plan
	shown := make([]int64, len(p.texts))
	for i := range shown {
		shown[i] = never
	}
	for _, n := range w.nodes {
		lives := map[got]bool{}
		for _, g := range n.got {
			once := got{text: g.text, life: g.life}
			if lives[once] {
				t.Twice++
			}
			lives[once] = true
			shown[g.text] = min(shown[g.text], g.at)
		}
		t.Told += len(n.told)
	}
	var took []int64
	for i, x := range p.texts {
		t.Sent++
		if shown[i] < never {
			t.Shown++
		}
		if !p.upFor(x.from, x.at, p.end) || !p.upFor(x.to, x.at, p.end) || p.cut(x.from, x.to, p.end, p.end) {
			continue
		}
		t.Reachable++
		if shown[i] < never {
			t.Delivered++
			if !p.cut(x.from, x.to, x.at, x.at) {
				took = append(took, shown[i]-x.at)
			}
		} else {
			took = append(took, never)
		}
	}
	slices.Sort(took)
	t.P50, t.P90, t.P99, t.Worst = percentile(took, 50), percentile(took, 90), percentile(took, 99), percentile(took, 100)
	return t
}

// Table prints the report for people.
func (r *Report) Table(out io.Writer) error {
	n := r.Network
	var b strings.Builder
	fmt.Fprintf(&b, "%d nodes, %d edges, graph %s", n.Nodes, n.Edges, n.Graph)
	if n.Graph != LAN {
		fmt.Fprintf(&b, " of degree %d", n.Degree)
	}
	fmt.Fprintf(&b, ", %s of virtual time, seed %d\n", n.For, n.Seed)
	fmt.Fprintf(&b, "loss %s, delay %s and up to %s more, churn %s a minute, partition %s, profile %s\ncrypto %s\n\n",
		percent(n.Loss), n.Delay, n.Jitter, percent(n.Churn), n.Partition, n.Profile, n.Crypto)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "change\twithin\tpairs\tknow it\tin time\tp50\tp90\tp99\tworst\t\n")
	for _, l := range r.Convergence {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s in %s\t%s\t%s\t%s\t%s\t\n", l.What, [...]string{"", "1 edge", "2 edges"}[l.Edges], l.Pairs, share(l.Knew, l.Pairs),
			share(l.InTime, l.Pairs), time.Duration(l.Within*float64(time.Millisecond)), ms(l.P50), ms(l.P90), ms(l.P99), ms(l.Worst))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	f, c, x := r.False, r.Cost, r.Texts
	fmt.Fprintf(&b, "\nfalsely offline   %d of %d ordered pairs of neighbours (%s), %d times; by hearsay %d times\n",
		f.FalsePairs, f.Pairs, share(f.FalsePairs, f.Pairs), f.Lost, f.HeardOf)
	fmt.Fprintf(&b, "bytes a second    %.1f a node, %.1f forming, %.1f after; the busiest %.1f; %d datagrams\n",
		c.Bytes, c.Forming, c.After, c.Most, c.Datagrams)
	fmt.Fprintf(&b, "told again        %s of what was said of somebody's presence was said before\n", percent(c.Said))
	fmt.Fprintf(&b, "texts             %d sent, %d shown, %d twice, %d known to be delivered\n", x.Sent, x.Shown, x.Twice, x.Told)
	fmt.Fprintf(&b, "delivery          %d of %d whose both ends stayed (%s): p50 %s, p90 %s, p99 %s, worst %s\n",
		x.Delivered, x.Reachable, share(x.Delivered, x.Reachable), ms(x.P50), ms(x.P90), ms(x.P99), ms(x.Worst))
	_, err := io.WriteString(out, b.String())
	return err
}

func ms(v *float64) string {
	if v == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f ms", *v)
}

func percent(f float64) string { return fmt.Sprintf("%.4g %%", 100*f) }

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	hundredths := n * 10000 / of // rounded down: 100.00 % is all of them
	return fmt.Sprintf("%d.%02d %%", hundredths/100, hundredths%100)
}
