package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/darktrace-go/darktrace"
)

// graph is a layout of an incident's devices and hosts. The incident began with
// those on the left. Each of the others is as far to the right as it is steps away
// from them.
type graph struct {
	Width, Height int
	Nodes         []*graphNode
	Links         []*graphLink
}

type graphNode struct {
	Name, Short, Note string
	Kind              string // a class of the page: device, account, internal, external or more
	X, Y              int    // upper left corner
	depth, degree     int
}

type graphLink struct {
	From, To *graphNode
	Action   bool
	Count    int
	What     []string // descriptions, each once
	Path     string
	X, Y     int // middle
}

const (
	nodeWidth, nodeHeight = 220, 40
	columnStep, rowStep   = 330, 52
	manyLeaves            = 8 // the most neighbours without other links that a node shows
	shownLeaves           = 6
)

// draw lays out edges. It begins with the nodes of the centre, which need not have
// an edge. name returns how to label a node.
func draw(edges []darktrace.Edge, centre []darktrace.Node, name func(darktrace.Node) (name, note, kind string)) *graph {
	nodes := map[string]*graphNode{}
	links := map[[2]*graphNode]*graphLink{}
	g := &graph{}
	node := func(n darktrace.Node) *graphNode {
		text, note, kind := name(n)
		key := kind + " " + text + " " + note
		if nodes[key] == nil {
			nodes[key] = &graphNode{Name: text, Short: short(text, 29), Note: short(note, 36), Kind: kind, depth: -1}
			g.Nodes = append(g.Nodes, nodes[key])
		}
		return nodes[key]
	}
	for _, n := range centre {
		node(n)
	}
	roots := slices.Clone(g.Nodes)
	for _, e := range edges {
		pair := [2]*graphNode{node(e.Source), node(e.Target)}
		l := links[pair]
		if l == nil {
			l = &graphLink{From: pair[0], To: pair[1]}
			links[pair] = l
			g.Links = append(g.Links, l)
			pair[0].degree++
			pair[1].degree++
		}
		l.Count++
		l.Action = l.Action || e.IsAction
		if e.Description != "" && !slices.Contains(l.What, e.Description) {
			l.What = append(l.What, e.Description)
		}
	}
	if len(g.Nodes) > 0 {
		g.gatherLeaves(roots)
		g.layer(roots)
		g.place()
	}
	return g
}

// gatherLeaves merges neighbours without other links into one node if a node has
// too many of them. The table of connections has them all.
func (g *graph) gatherLeaves(roots []*graphNode) {
	leaves := map[*graphNode][]*graphLink{}
	for _, l := range g.Links {
		if l.To.degree == 1 && !slices.Contains(roots, l.To) {
			leaves[l.From] = append(leaves[l.From], l)
		}
	}
	gone := map[*graphNode]bool{}
	for _, from := range slices.Clone(g.Nodes) {
		links := leaves[from]
		if len(links) <= manyLeaves {
			continue
		}
		rest := &graphNode{Short: fmt.Sprintf("and %d more", len(links)-shownLeaves), Note: "see the table", Kind: "more", depth: -1}
		rest.Name = rest.Short
		more := &graphLink{From: from, To: rest}
		for _, l := range links[shownLeaves:] {
			gone[l.To] = true
			more.Action = more.Action || l.Action
			more.Count = 1
		}
		g.Nodes, g.Links = append(g.Nodes, rest), append(g.Links, more)
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graphNode) bool { return gone[n] })
	g.Links = slices.DeleteFunc(g.Links, func(l *graphLink) bool { return gone[l.To] })
}

// layer sets each node's distance from a root. A part that no root leads to begins
// with a node that nothing leads to.
func (g *graph) layer(roots []*graphNode) {
	next := map[*graphNode][]*graphNode{}
	entered := map[*graphNode]bool{}
	for _, l := range g.Links {
		next[l.From], next[l.To] = append(next[l.From], l.To), append(next[l.To], l.From)
		entered[l.To] = true
	}
	spread := func(queue ...*graphNode) {
		for _, n := range queue {
			n.depth = 0
		}
		for len(queue) > 0 {
			n := queue[0]
			queue = queue[1:]
			for _, m := range next[n] {
				if m.depth < 0 {
					m.depth = n.depth + 1
					queue = append(queue, m)
				}
			}
		}
	}
	spread(roots...)
	for _, mustBeFirst := range []bool{true, false} {
		for _, n := range g.Nodes {
			if n.depth < 0 && (!mustBeFirst || !entered[n]) {
				spread(n)
			}
		}
	}
}

// place turns layers into coordinates: it puts a node as near as possible to the
// middle of its neighbours.
func (g *graph) place() {
	columns := map[int][]*graphNode{}
	for _, n := range g.Nodes {
		n.X, n.Y = 8+n.depth*columnStep, len(columns[n.depth])*rowStep
		columns[n.depth] = append(columns[n.depth], n)
	}
	near := map[*graphNode][]*graphNode{}
	for _, l := range g.Links {
		if l.From.depth != l.To.depth {
			near[l.From], near[l.To] = append(near[l.From], l.To), append(near[l.To], l.From)
		}
	}
	depths := slices.Sorted(maps.Keys(columns))
	const rounds = 8
	for range rounds {
		for _, depth := range depths {
			settle(columns[depth], near)
		}
		slices.Reverse(depths)
	}
	// Nodes without a connection drift apart, so limit gaps to the height of a row.
	byHeight := slices.SortedStableFunc(slices.Values(g.Nodes), func(a, b *graphNode) int { return cmp.Compare(a.Y, b.Y) })
	shift, last := 8-byHeight[0].Y, byHeight[0].Y
	for _, n := range byHeight {
		if gap := n.Y - last; gap > rowStep {
			shift -= gap - rowStep
		}
		last = n.Y
		n.Y += shift
	}
	for _, n := range g.Nodes {
		g.Width, g.Height = max(g.Width, n.X+nodeWidth+8), max(g.Height, n.Y+nodeHeight+8)
	}
	for _, l := range g.Links {
		l.route()
		if l.From.depth == l.To.depth { // Its curve swings out to the right.
			g.Width = max(g.Width, l.From.X+nodeWidth+sideways+20)
		}
	}
}

// settle moves the nodes of a column towards their neighbours, without letting
// them overlap.
func settle(column []*graphNode, near map[*graphNode][]*graphNode) {
	wish := map[*graphNode]int{}
	for _, n := range column {
		wish[n] = n.Y
		if len(near[n]) > 0 {
			sum := 0
			for _, m := range near[n] {
				sum += m.Y
			}
			wish[n] = sum / len(near[n])
		}
	}
	slices.SortStableFunc(column, func(a, b *graphNode) int { return cmp.Compare(wish[a], wish[b]) })
	drift := 0
	for i, n := range column {
		n.Y = wish[n]
		if i > 0 {
			n.Y = max(n.Y, column[i-1].Y+rowStep)
		}
		drift += n.Y - wish[n]
	}
	for _, n := range column { // Nodes were pushed downwards, so move all of them up by the average.
		n.Y -= drift / len(column)
	}
}

const sideways = 56

// route draws a link as a curve between the sides of its nodes.
func (l *graphLink) route() {
	y1, y2 := l.From.Y+nodeHeight/2, l.To.Y+nodeHeight/2
	x1, x2, bend1, bend2 := l.From.X+nodeWidth, l.To.X-3, 0, 0
	switch {
	case l.From.depth < l.To.depth:
		bend1, bend2 = x1+(x2-x1)/2, x1+(x2-x1)/2
	case l.From.depth > l.To.depth: // A link back runs below the others.
		x1, x2 = l.From.X, l.To.X+nodeWidth+3
		y1, y2 = y1+8, y2+8
		bend1, bend2 = x1+(x2-x1)/2, x1+(x2-x1)/2
	default:
		x2 = l.To.X + nodeWidth + 3
		bend1, bend2 = x1+sideways, x2+sideways
		if l.From == l.To {
			y1, y2 = y1-8, y2+8
		}
	}
	l.Path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, bend1, y1, bend2, y2, x2, y2)
	l.X, l.Y = (x1+3*bend1+3*bend2+x2)/8, (y1+y2)/2
}
