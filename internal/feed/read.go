package feed

import (
	"cmp"
	"context"
	"slices"
)

// allowance is how many windows of a Poll may fail before failed windows are kept
// for later without being halved.
const allowance = 40

// pass reads the newest window and plans the rest. If it returns no error, the
// state has moved on.
func (p *poll[T]) pass(ctx context.Context) error {
	s := p.state
	s.relax(p.now())
	began, own := p.now(), p.own()
	w := s.newest(began, &p.Options)
	parts := s.whole(w)
	first := Stretch{Window: parts[0]}
	first.Open = true
	rest := parts[1:]
	err := p.window(ctx, &first)
	switch {
	case err == nil:
	case p.over(ctx), p.heard() != 0 && isSlow(err):
		if p.heard() == 0 {
			if p.slow { // The caller ended the others.
				s.learn(first.width()/2, began)
			}
			return err
		}
		p.close(&first)
		for _, half := range first.halves() { // The elements that arrived count; the rest is planned.
			rest = append(rest, half.Window)
		}
	case !p.divisible(err):
		return err
	default:
		// Does only this window fail, or everything? A request for the last minute shows
		// it.
		p.failures++
		minute := Stretch{Window: Window{max(first.From, began-shortest), first.To, true}}
		if minute.From > first.From {
			rest = append(rest, Window{From: first.From, To: minute.From + joint})
			if err = p.window(ctx, &minute); err == nil {
				break
			}
			p.failures++
		}
		if past := p.past(ctx, &first, began); past != nil {
			rest = append(rest, *past)
			break
		}
		if p.over(ctx) || p.arrived == 0 || p.heard() == 0 {
			return err
		}
		p.at = p.heard()
		p.close(&minute)
		p.fail(minute, err)
	}
	if p.at = p.heard(); p.at == 0 {
		p.at = began
	}
	p.info.Began = p.at
	s.turn(p.at, own, w, &p.Options)
	for _, part := range rest {
		s.addDue(part, false)
	}
	return nil
}

// past reads the minute before the present and returns what is left up to the present,
// or nil if that fails too. What is dated in the future is in every window without an
// end, and may be what can't be read.
func (p *poll[T]) past(ctx context.Context, first *Stretch, began int64) *Window {
	if p.Ends || p.arrived > 0 || p.over(ctx) {
		return nil
	}
	to := max(first.From, began)
	if p.window(ctx, &Stretch{Window: Window{From: max(first.From, began-shortest), To: to}}) != nil {
		return nil
	}
	return &Window{From: to - joint, To: clampTime(max(to, p.heard()))}
}

// heard returns when this Poll began by the appliance's clock.
func (p *poll[T]) heard() int64 { return p.Heard() }

// whole returns the parts of a window to read one by one, newest first. It leaves
// out failed stretches, and no part is wider than windows that could be read
// lately.
func (s *State) whole(w Window) []Window {
	plan := State{Width: s.Width}
	for _, d := range s.Due {
		if d.Tries > 0 && !d.Base {
			plan.Due = append(plan.Due, d)
		}
	}
	n := len(plan.Due)
	plan.addDue(w, false)
	parts := []Window{}
	for _, d := range plan.Due[n:] {
		parts = append(parts, d.Window)
	}
	slices.SortFunc(parts, func(a, b Window) int { return cmp.Compare(b.To, a.To) })
	if len(parts) == 0 || parts[0].To < w.To {
		parts = slices.Insert(parts, 0, Window{From: w.To - ahead, To: w.To})
	}
	return parts
}

// work reads the planned stretches.
func (p *poll[T]) work(ctx context.Context) error {
	s := p.state
	at := p.present()
	for {
		i := s.next(at)
		if i < 0 {
			return nil
		}
		if p.over(ctx) {
			return late(ctx)
		}
		d := s.Due[i]
		err := p.window(ctx, &s.Due[i])
		if err == nil {
			s.Due = slices.Delete(s.Due, i, i+1)
			p.fits(d, at)
			continue
		}
		switch {
		case p.over(ctx):
			if d.width() > shortest {
				s.Due = slices.Replace(s.Due, i, i+1, d.halves()...)
			}
			return err
		case !p.divisible(err):
			return err
		}
		p.failures++
		if d.width() > shortest && p.failures <= allowance {
			s.Due = slices.Replace(s.Due, i, i+1, d.halves()...)
			continue
		}
		if !p.serves(ctx) {
			return err
		}
		s.Due = slices.Delete(s.Due, i, i+1)
		p.fail(d, err)
	}
}

// fits records that both halves of a window could be read when the window could
// not.
func (p *poll[T]) fits(d Stretch, at int64) {
	if d.parent != (Window{}) && d.parent == p.parent {
		p.state.learn(d.parent.width()/2, at)
	}
	p.parent = d.parent
}

// fail keeps a stretch for another try later.
func (p *poll[T]) fail(d Stretch, cause error) {
	at := p.present()
	if d.From > at+joint { // The future needs no other try: later passes read it.
		return
	}
	d.To, d.Open = min(d.To, at+joint), false
	if d.Tries == 0 {
		found := d
		found.First, found.cause = at, cause
		p.info.Found = append(p.info.Found, found)
	}
	p.state.Due = append(p.state.Due, d.failed(at, cause))
}

// serves reports whether the appliance responds at all. If it does, a failure is
// due to its window.
func (p *poll[T]) serves(ctx context.Context) bool {
	if p.failures-p.proof <= 4 && p.good > 0 {
		return true
	}
	now := p.now()
	return p.window(ctx, &Stretch{Window: Window{clampTime(now - shortest), clampTime(now + ahead), true}}) == nil
}

// window reads a window. The elements that arrived count, even if there is an
// error.
func (p *poll[T]) window(ctx context.Context, d *Stretch) error {
	p.info.Requests++
	if p.at != 0 {
		p.info.Swept = max(p.info.Swept, p.at-d.From)
	}
	w := *d
	skip := func(id []byte) bool {
		h := HashOf(id)
		p.close(&w)
		skip := p.passOver(h, w.Window)
		if skip {
			p.arrived++
			p.info.Listed++
		}
		return skip
	}
	err := p.patient(ctx, func(ctx context.Context) error {
		return p.List(ctx, d.Window, skip, func(v *T) {
			p.close(&w)
			p.arrived++
			p.info.Listed++
			p.note(v, &w)
		})
	})
	if err == nil {
		p.good++
		p.proof = p.failures
	}
	return err
}

// close sets the end of an open window: the appliance's time, once it is known.
func (p *poll[T]) close(d *Stretch) {
	if d.Open && p.heard() != 0 {
		d.To = max(d.To, clampTime(p.heard()+ahead))
	}
}

// passOver reports whether an element needs no record.
func (p *poll[T]) passOver(h Hash, w Window) bool {
	if p.pending[h] {
		return true
	}
	known, ok := p.state.seen.get(h)
	if !ok {
		return false
	}
	if known.Until.millis() < w.From { // Its time has moved, or the window lists more than it should.
		known.Until = hourAfter(w.To)
		p.state.seen.set(h, known)
	}
	return !p.Updates || known.State == Silent
}

// note records an element that may be new or changed.
func (p *poll[T]) note(v *T, d *Stretch) {
	id := p.ID(v)
	if id == "" {
		p.info.NoIDs++
		return
	}
	h := HashOf(id)
	known, ok := p.state.seen.get(h)
	switch {
	case p.pending[h] || !ok && p.pool.has(h):
	case ok && p.passOver(h, d.Window):
	case ok:
		p.compare(v, h, known, d.Window)
	case p.Last(v) < p.state.Since && (d.Base || p.state.older(d.Window)):
		p.state.seen.set(h, Entry{p.until(v, d.Window), Silent})
	case !p.Matches(v):
	default:
		p.pool.add(p.item(v, h, d.Window))
	}
}

// compare compares an element with its state when it was handed over. If a list has
// the element twice, and once unchanged, it counts as unchanged.
func (p *poll[T]) compare(v *T, h Hash, known Entry, w Window) {
	now := p.State(v)
	_, before := splitState(known.State)
	switch {
	case known.State == NoState:
		known.State = joinState(0, now)
		p.state.seen.set(h, known)
		p.same.set(h)
	case p.same.has(h):
	case !p.Changed(before, now):
		p.same.set(h)
		p.pool.remove(h)
	case p.pool.has(h):
	default:
		p.pool.add(p.item(v, h, w))
	}
}

func (p *poll[T]) item(v *T, h Hash, w Window) *Item[T] {
	return &Item[T]{Value: v, hash: h, within: w, pending: Pending{p.ID(v), p.Score(v), p.Created(v)}}
}

// until returns until when an element of a window is remembered.
func (p *poll[T]) until(v *T, w Window) Hour {
	return hourAfter(max(w.To, min(p.Last(v), p.now()+ahead)))
}

// follow requests the elements whose changes are reported at any age, as often as
// the widest sweep is made. If time runs out, the next Poll continues.
func (p *poll[T]) follow(ctx context.Context) error {
	s := p.state
	every := max(p.widest().Every, p.Pause)
	since := p.present() - s.Followed
	s.Asking = len(p.Follow) > 0 && (since < 0 || since >= every)
	if !s.Asking {
		s.Asked = ""
		return nil
	}
	ids := slices.Compact(slices.Sorted(slices.Values(p.Follow)))
	ids = slices.DeleteFunc(ids, func(id string) bool { return id <= s.Asked })
	chunk := p.Chunk
	if s.NoLists {
		chunk = 1
	}
	failed := false
	for len(ids) > 0 {
		if p.over(ctx) {
			return late(ctx)
		}
		n := min(chunk, len(ids))
		found, err := p.followed(ctx, ids[:n])
		switch {
		case err == nil && found == 0 && n > 1, err != nil && n > 1 && p.Unknown(err): // The appliance takes no lists, or an id is invalid.
			chunk = 1
			continue
		case err == nil, p.Unknown(err):
		case !p.divisible(err), p.over(ctx):
			return err
		default:
			failed = true
		}
		s.Asked, ids = ids[n-1], ids[n:]
	}
	s.Followed, s.Asking, s.Asked = p.present(), false, ""
	if failed {
		s.Followed -= every * 3 / 4
	}
	return nil
}

// followed requests elements, compares them with their states, and returns how many
// there are.
func (p *poll[T]) followed(ctx context.Context, ids []string) (found int, err error) {
	s := p.state
	p.info.Requests++
	err = p.patient(ctx, func(ctx context.Context) error {
		return p.Lookup(ctx, ids, func(v *T) {
			id := p.ID(v)
			if !slices.Contains(ids, id) {
				return
			}
			found++
			h := HashOf(id)
			known, ok := s.seen.get(h)
			if p.pending[h] || p.pool.has(h) || !ok && p.Last(v) >= s.Floor { // The feed delivers it as new.
				return
			}
			known.Until = max(known.Until, hourAfter(s.Through+2*p.furthest()))
			if known.State == Silent {
				known.State = NoState
			}
			s.seen.set(h, known)
			p.compare(v, h, known, Window{From: s.Through, To: s.Through})
		})
	})
	if err == nil {
		p.good++
	}
	return found, err
}
