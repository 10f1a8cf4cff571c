package feed

import (
	"cmp"
	"container/heap"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// pool holds the elements that a Poll found. It holds in full the first ones, as
// many as the limit allows, and of the others only what pending elements need.
type pool[T any] struct {
	limit int
	items map[Hash]*Item[T]
	worst []*Item[T] // a heap with the last element on top
	rest  map[Hash]*Item[T]
	taken []Item[T]
}

func (q *pool[T]) Len() int           { return len(q.worst) }
func (q *pool[T]) Less(i, j int) bool { return q.worst[i].pending.before(q.worst[j].pending) > 0 }
func (q *pool[T]) Swap(i, j int)      { q.worst[i], q.worst[j] = q.worst[j], q.worst[i] }
func (q *pool[T]) Push(x any)         { q.worst = append(q.worst, x.(*Item[T])) } //nolint:forcetypeassert // Only add pushes.
func (q *pool[T]) Pop() any {
	last := q.worst[len(q.worst)-1]
	q.worst = q.worst[:len(q.worst)-1]
	return last
}

func (q *pool[T]) has(h Hash) bool { return q.items[h] != nil || q.rest[h] != nil }

func (q *pool[T]) add(item *Item[T]) {
	if q.items == nil {
		q.items, q.rest = map[Hash]*Item[T]{}, map[Hash]*Item[T]{}
	}
	q.items[item.hash] = item
	if q.limit == 0 {
		return
	}
	heap.Push(q, item)
	if len(q.worst) > q.limit {
		last := heap.Pop(q).(*Item[T]) //nolint:forcetypeassert // Only add pushes.
		last.Value = nil
		delete(q.items, last.hash)
		q.rest[last.hash] = last
	}
}

func (q *pool[T]) remove(h Hash) {
	if item := q.items[h]; item != nil && q.limit > 0 {
		heap.Remove(q, slices.Index(q.worst, item))
	}
	delete(q.items, h)
	delete(q.rest, h)
}

// handOver chooses the elements to hand over: the first of those that were found or
// pending, as many as the limit allows.
func (p *poll[T]) handOver(ctx context.Context) error {
	s := p.state
	found := slices.SortedFunc(maps.Values(p.pool.items), func(a, b *Item[T]) int { return a.pending.before(b.pending) })
	for _, item := range p.pool.rest {
		s.keepBack(item.pending, item.within)
	}
	slices.SortFunc(s.Pending, Pending.before)
	room := p.Limit
	if room == 0 {
		room = len(found) + len(s.Pending)
	}
	var ask []Pending
	waiting := s.Pending
	for ; room > 0 && len(found)+len(waiting) > 0; room-- {
		if len(found) > 0 && (len(waiting) == 0 || found[0].pending.before(waiting[0]) < 0) {
			p.take(found[0])
			found = found[1:]
		} else {
			ask, waiting = append(ask, waiting[0]), waiting[1:]
		}
	}
	err := p.ask(ctx, ask)
	for _, item := range found { // Other elements come before them.
		s.keepBack(item.pending, item.within)
	}
	slices.SortFunc(s.Pending, Pending.before)
	slices.SortStableFunc(p.pool.taken, func(a, b Item[T]) int {
		return cmp.Or(cmp.Compare(a.pending.Created, b.pending.Created), cmp.Compare(a.pending.ID, b.pending.ID))
	})
	return err
}

// ask requests pending elements by their ids. If that is not possible, the window
// that listed them is read again.
func (p *poll[T]) ask(ctx context.Context, all []Pending) error {
	s := p.state
	got := map[string]bool{}
	missing := map[string]bool{}
	var failure error
	for chunk := range slices.Chunk(all, p.Chunk) {
		var ids []string
		for _, element := range chunk {
			if missing[element.ID] = true; p.Askable(element.ID) && (!s.NoLists || len(all) == 1) {
				ids = append(ids, element.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		heard := false
		if p.over(ctx) {
			failure = late(ctx)
		} else {
			heard, failure = p.lookUp(ctx, ids, got, missing)
		}
		if failure != nil {
			for _, id := range ids {
				delete(missing, id) // They stay pending.
			}
			break
		}
		if heard && len(ids) > 1 && !slices.ContainsFunc(ids, func(id string) bool { return got[id] }) {
			s.NoLists = true
		}
	}
	s.Pending = slices.DeleteFunc(s.Pending, func(element Pending) bool { return got[element.ID] })
	if len(missing) > 0 {
		s.relist(func(element Pending) bool { return s.NoLists || missing[element.ID] })
	} else if len(s.Pending) == 0 {
		s.Within = Window{}
	}
	return failure
}

// lookUp requests elements in one request and takes those that the appliance
// returns. heard reports whether the response shows which of them the appliance
// has.
func (p *poll[T]) lookUp(ctx context.Context, ids []string, got, missing map[string]bool) (heard bool, err error) {
	p.info.Requests++
	err = p.patient(ctx, func(ctx context.Context) error {
		return p.Lookup(ctx, ids, func(v *T) {
			// An appliance that does not know the parameter lists other elements.
			id := p.ID(v)
			if !missing[id] || got[id] || !slices.Contains(ids, id) {
				return
			}
			got[id] = true
			delete(missing, id)
			p.take(p.item(v, HashOf(id), p.state.Within))
		})
	})
	switch {
	case err == nil:
		p.good++
	case p.Unknown(err): // The appliance does not have them, or does not find elements by id.
	case p.over(ctx):
		return false, err
	default: // Even if it is not allowed to ask: the list has them too.
		if p.failures++; !p.serves(ctx) {
			return false, err
		}
		return false, nil
	}
	return true, nil
}

// take hands an element over, unless it is unchanged.
func (p *poll[T]) take(item *Item[T]) {
	item.entry, item.known = p.state.seen.get(item.hash)
	next := Entry{Until: max(item.entry.Until, p.until(item.Value, item.within))}
	if p.Updates || slices.Contains(p.Follow, item.pending.ID) {
		item.After = p.State(item.Value)
	}
	if item.known {
		item.Updates, item.Before = splitState(item.entry.State)
		item.Updates++
		if item.After == NoState || item.entry.State == NoState || item.entry.State == Silent || !p.Changed(item.Before, item.After) {
			return // It changed back while it was pending, or updates were turned off.
		}
	}
	item.New = !item.known
	if item.After != NoState {
		next.State = joinState(item.Updates, item.After)
	}
	p.state.seen.set(item.hash, next)
	p.pool.taken = append(p.pool.taken, *item)
}

// Taken returns the state of a result after only its first n items: the others
// are pending.
func (r *Result[T]) Taken(keep func(i int) bool) *State {
	s := r.State.Clone()
	for i := range r.Items {
		if keep(i) {
			continue
		}
		item := &r.Items[i]
		if item.known {
			s.seen.set(item.hash, item.entry)
		} else {
			s.seen.drop(item.hash)
		}
		s.keepBack(item.pending, item.within)
	}
	slices.SortFunc(s.Pending, Pending.before)
	return s
}

// joinState joins how often an element was handed over again, and its state at the
// last time.
func joinState(updates int, state string) string { return strconv.Itoa(updates) + ":" + state }

func splitState(s string) (updates int, state string) {
	number, state, ok := strings.Cut(s, ":")
	if !ok {
		return 0, s
	}
	updates, _ = strconv.Atoi(number)
	return updates, state
}
