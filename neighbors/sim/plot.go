package sim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// The picture: above how soon changes were known, below the network as in figure 3 of the
// paper.
const (
	plotWidth   = 900.0
	chartLeft   = 60.0
	chartTop    = 50.0
	chartHeight = 260.0
	chartWidth  = plotWidth - chartLeft - 150
	netTop      = 380.0
	netRadius   = 400.0
	plotHeight  = netTop + 2*netRadius + 110
	mostLines   = 20000 // edges drawn
)

var (
	whatColors  = [whats]string{"#888888", "#1b7837", "#2166ac", "#b2182b", "#762a83"}
	stateColors = [...]string{"#2166ac", "#f4a31a", "#aaaaaa", "#b2182b"}
	stateNames  = [...]string{"online", "online, but a neighbour thinks it is not", "gone, as all neighbours know", "gone, but a neighbour thinks it is there"}
)

// Plot draws the report as SVG.
func (r *Report) Plot(out io.Writer) error {
	b := bufio.NewWriter(out)
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	n := r.Network
	fmt.Fprintf(b, `<text x="%.0f" y="24" font-size="16">%d nodes, %s, loss %s, churn %s, partition %s, seed %d</text>`+"\n",
		chartLeft, n.Nodes, n.Graph, percent(n.Loss), percent(n.Churn), n.Partition, n.Seed)
	r.chart(b)
	r.network(b)
	fmt.Fprintln(b, "</svg>")
	return b.Flush()
}

// The chart's time runs from a millisecond to 100 s, in powers of ten.
const (
	chartFirst  = float64(time.Millisecond)
	chartPowers = 5
)

func chartX(ns float64) float64 {
	return chartLeft + chartWidth*min(max(math.Log10(max(ns, 1)/chartFirst), 0), chartPowers)/chartPowers
}

func chartY(share float64) float64 { return chartTop + chartHeight*(1-share) }

// chart draws, for each kind of change, the share of nodes within two edges that knew it by when.
func (r *Report) chart(b *bufio.Writer) {
	for p := range chartPowers + 1 {
		ns := chartFirst * math.Pow10(p)
		x := chartX(ns)
		fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1f" stroke="#dddddd"/><text x="%.1f" y="%.1f" text-anchor="middle">%v</text>`+"\n",
			x, chartTop, chartTop+chartHeight, x, chartTop+chartHeight+18, time.Duration(ns))
	}
	for share := 0.0; share <= 1; share += 0.25 {
		fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1f" stroke="#dddddd"/><text x="%.1f" y="%.1f" text-anchor="end">%.0f %%</text>`+"\n",
			chartLeft, chartY(share), chartLeft+chartWidth, chartLeft-6, chartY(share)+4, 100*share)
	}
	row := 0
	for k, color := range whatColors {
		took := slices.Concat(r.tally.took[k][0], r.tally.took[k][1])
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		fmt.Fprintf(b, `<path fill="none" stroke-width="2" stroke="%s" d="M%.1f %.1f`, color, chartLeft, chartY(0))
		last := ""
		for i, ns := range took {
			if ns == never {
				break
			}
			if at := fmt.Sprintf("%.1f", chartX(float64(ns))); at != last || i+1 == len(took) {
				fmt.Fprintf(b, "H%sV%.1f", at, chartY(float64(i+1)/float64(len(took))))
				last = at
			}
		}
		fmt.Fprintf(b, `"/><text x="%.1f" y="%.1f" fill="%s">%s known</text>`+"\n",
			chartLeft+chartWidth+12, chartTop+14+18*float64(row), color, whatNames[k])
		row++
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f">share of all within two edges, by time after the change</text>`+"\n", chartLeft, chartTop+chartHeight+38)
}

// network draws the nodes as they are at the end, and their edges.
func (r *Report) network(b *bufio.Writer) {
	w := r.world
	fmt.Fprint(b, `<path fill="none" stroke="#000000" stroke-opacity="0.08" d="`)
	lines := 0
	for i := range w.graph {
		for _, j := range w.graph[i] {
			if lines == mostLines || j < int32(i) {
				continue
			}
			lines++
			x, y := r.place(int32(i))
			u, v := r.place(j)
			fmt.Fprintf(b, "M%.1f %.1fL%.1f %.1f", x, y, u, v)
		}
	}
	fmt.Fprintln(b, `"/>`)
	var counts [len(stateNames)]int
	size := min(max(netRadius*2/math.Sqrt(float64(len(w.nodes)))/6, 1.5), 8)
	for i, state := range r.states() {
		x, y := r.place(int32(i))
		counts[state]++
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", x, y, size, stateColors[state])
	}
	for k, name := range stateNames {
		y := netTop + 2*netRadius + 30 + 18*float64(k)
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="5" fill="%s"/><text x="%.1f" y="%.1f">%d %s</text>`+"\n",
			chartLeft+5, y-4, stateColors[k], chartLeft+18, y, counts[k], name)
	}
}

// place is where a node is drawn: on a circle, those of a community on a circle of their own.
func (r *Report) place(i int32) (x, y float64) {
	n, radius := len(r.world.nodes), netRadius
	x, y = plotWidth/2, netTop+netRadius
	on := func(k, of int, radius float64) {
		angle := 2 * math.Pi * float64(k) / float64(of)
		x += radius * math.Sin(angle)
		y -= radius * math.Cos(angle)
	}
	if r.world.cfg.Graph != Communities {
		on(int(i), n, radius)
		return x, y
	}
	size := communitySize(r.world.cfg.Degree)
	groups := (n + size - 1) / size
	own := min(radius*math.Pi/float64(groups+1)*0.62, radius/2)
	if groups > 1 {
		on(int(i)/size, groups, radius-own)
	}
	on(int(i)%size, size, own)
	return x, y
}

// states says how each node stands at the end: see stateNames.
func (r *Report) states() []int {
	w := r.world
	states := make([]int, len(w.nodes))
	believed := make([]map[int32]belief, len(w.nodes))
	for i, n := range w.nodes {
		believed[i] = map[int32]belief{}
		if s, up := w.plan.spell(int32(i), w.plan.end); up {
			for _, c := range n.changes {
				if c.at >= s.up {
					believed[i][c.who] = c.state
				}
			}
		}
	}
	for i := range w.nodes {
		up := w.plan.up(int32(i), w.plan.end)
		if !up {
			states[i] = 2
		}
		for _, j := range w.graph[i] {
			if b := believed[j][int32(i)]; up && b.offline() || !up && b.online() {
				states[i] |= 1
			}
		}
	}
	return states
}
