package darktrace

import "fmt"

// unmarshal decodes data into an empty value.
func unmarshal[T any](data []byte, v *T, read func(*cursor, *T) error) error {
	if err := validate(data); err != nil {
		return fmt.Errorf("decoding %T: %w", *v, err)
	}
	*v = *new(T)
	c := cursor{form: tokenForm}
	c.on(data)
	if c.null() {
		return nil // as encoding/json has it
	}
	if err := read(&c, v); err != nil {
		return fmt.Errorf("decoding %T: %w", *v, err)
	}
	return nil
}

// unmarshalPart decodes data into an empty part of an event or a group, which
// holds whatever comes.
func unmarshalPart[T any](data []byte, v *T, read func(*cursor, *T) outcome) error {
	return unmarshal(data, v, func(c *cursor, v *T) error {
		read(c, v)
		return nil
	})
}

// unmarshalScalar decodes data into a number, which can't hold anything else.
func unmarshalScalar[T any](data []byte, v *T, read func(*cursor, *T) outcome) error {
	return unmarshal(data, v, func(c *cursor, v *T) error {
		if read(c, v) == unfit {
			return fmt.Errorf("expected a number, not %.20s", data)
		}
		return nil
	})
}

func marshal[T any](v *T, write func(*writer, *T)) ([]byte, error) {
	var w writer
	write(&w, v)
	if w.err != nil {
		return nil, fmt.Errorf("encoding %T: %w", *v, w.err)
	}
	return w.buf, nil
}

// UnmarshalJSON decodes the wire form.
func (e *IncidentEvent) UnmarshalJSON(data []byte) error { return unmarshal(data, e, (*cursor).event) }

// MarshalJSON encodes the wire form.
func (e IncidentEvent) MarshalJSON() ([]byte, error) { return marshal(&e, (*writer).event) }

// UnmarshalJSON decodes the wire form.
func (g *IncidentGroup) UnmarshalJSON(data []byte) error { return unmarshal(data, g, (*cursor).group) }

// MarshalJSON encodes the wire form.
func (g IncidentGroup) MarshalJSON() ([]byte, error) { return marshal(&g, (*writer).group) }

// UnmarshalJSON decodes the wire form.
func (i *Investigation) UnmarshalJSON(data []byte) error {
	return unmarshal(data, i, (*cursor).investigation)
}

// MarshalJSON encodes the wire form.
func (i Investigation) MarshalJSON() ([]byte, error) { return marshal(&i, (*writer).investigation) }

// UnmarshalJSON decodes the wire form.
func (s *Stats) UnmarshalJSON(data []byte) error { return unmarshal(data, s, (*cursor).stats) }

// MarshalJSON encodes the wire form.
func (s Stats) MarshalJSON() ([]byte, error) { return marshal(&s, (*writer).stats) }

// UnmarshalJSON decodes the wire form.
func (m *Comment) UnmarshalJSON(data []byte) error { return unmarshalPart(data, m, (*cursor).comment) }

// MarshalJSON encodes the wire form.
func (m Comment) MarshalJSON() ([]byte, error) { return marshal(&m, (*writer).comment) }

// UnmarshalJSON decodes the wire form.
func (d *Device) UnmarshalJSON(data []byte) error { return unmarshalPart(data, d, (*cursor).device) }

// MarshalJSON encodes the wire form.
func (d Device) MarshalJSON() ([]byte, error) { return marshal(&d, (*writer).device) }

// UnmarshalJSON decodes the wire form.
func (h *ExternalHost) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, h, (*cursor).externalHost)
}

// MarshalJSON encodes the wire form.
func (h ExternalHost) MarshalJSON() ([]byte, error) { return marshal(&h, (*writer).externalHost) }

// UnmarshalJSON decodes the wire form.
func (p *Period) UnmarshalJSON(data []byte) error { return unmarshalPart(data, p, (*cursor).period) }

// MarshalJSON encodes the wire form.
func (p Period) MarshalJSON() ([]byte, error) { return marshal(&p, (*writer).period) }

// UnmarshalJSON decodes the wire form.
func (b *RelatedBreach) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, b, (*cursor).relatedBreach)
}

// MarshalJSON encodes the wire form.
func (b RelatedBreach) MarshalJSON() ([]byte, error) { return marshal(&b, (*writer).relatedBreach) }

// UnmarshalJSON decodes the wire form.
func (e *GroupEvent) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, e, (*cursor).groupEvent)
}

// MarshalJSON encodes the wire form.
func (e GroupEvent) MarshalJSON() ([]byte, error) { return marshal(&e, (*writer).groupEvent) }

// UnmarshalJSON decodes the wire form.
func (e *Edge) UnmarshalJSON(data []byte) error { return unmarshalPart(data, e, (*cursor).edge) }

// MarshalJSON encodes the wire form.
func (e Edge) MarshalJSON() ([]byte, error) { return marshal(&e, (*writer).edge) }

// UnmarshalJSON decodes the wire form.
func (i *InvestigationIncident) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, i, (*cursor).investigationIncident)
}

// MarshalJSON encodes the wire form.
func (i InvestigationIncident) MarshalJSON() ([]byte, error) {
	return marshal(&i, (*writer).investigationIncident)
}

// UnmarshalJSON decodes the wire form.
func (n *Node) UnmarshalJSON(data []byte) error { return unmarshalPart(data, n, (*cursor).node) }

// MarshalJSON encodes the wire form.
func (n Node) MarshalJSON() ([]byte, error) { return marshal(&n, (*writer).node) }

// UnmarshalJSON decodes the wire form.
func (t *Text) UnmarshalJSON(data []byte) error { return unmarshalPart(data, t, (*cursor).text) }

// MarshalJSON encodes the wire form.
func (t Text) MarshalJSON() ([]byte, error) { return marshal(&t, (*writer).text) }

// UnmarshalJSON decodes the wire form.
func (g *StatsGraph) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, g, (*cursor).statsGraph)
}

// MarshalJSON encodes the wire form.
func (g StatsGraph) MarshalJSON() ([]byte, error) { return marshal(&g, (*writer).statsGraph) }

// UnmarshalJSON decodes the wire form.
func (p *StatsPhases) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, p, (*cursor).statsPhases)
}

// MarshalJSON encodes the wire form.
func (p StatsPhases) MarshalJSON() ([]byte, error) { return marshal(&p, (*writer).statsPhases) }

// UnmarshalJSON decodes the wire form.
func (g *StatsGroups) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, g, (*cursor).statsGroups)
}

// MarshalJSON encodes the wire form.
func (g StatsGroups) MarshalJSON() ([]byte, error) { return marshal(&g, (*writer).statsGroups) }

// UnmarshalJSON decodes a section of either form.
func (s *DetailSection) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, s, (*cursor).section)
}

// MarshalJSON encodes the form that the section has.
func (s DetailSection) MarshalJSON() ([]byte, error) { return marshal(&s, (*writer).section) }

// UnmarshalJSON decodes the token form; the block form is decoded by its section.
func (b *DetailBlock) UnmarshalJSON(data []byte) error {
	return unmarshalPart(data, b, (*cursor).block)
}

// MarshalJSON encodes the token form; the block form is encoded by its section.
func (b DetailBlock) MarshalJSON() ([]byte, error) { return marshal(&b, tokenForm.writeBlock) }

// UnmarshalJSON decodes the token form; the block form is decoded by its section.
func (d *Detail) UnmarshalJSON(data []byte) error { return unmarshalPart(data, d, (*cursor).detail) }

// MarshalJSON encodes the token form; the block form is encoded by its section.
func (d Detail) MarshalJSON() ([]byte, error) { return marshal(&d, tokenForm.writeDetail) }

// UnmarshalJSON decodes a number, also one in a string.
func (m *Millis) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, m, readInt) }

// UnmarshalJSON decodes a number, also one in a string.
func (s *Seconds) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, s, readInt) }

// UnmarshalJSON decodes a number, also one in a string.
func (s *Score) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, s, readFloat) }

// UnmarshalJSON keeps the JSON.
func (v *RawJSON) UnmarshalJSON(data []byte) error {
	*v = RawJSON(data)
	return nil
}

// MarshalJSON gives the JSON back; empty gives null.
func (v RawJSON) MarshalJSON() ([]byte, error) {
	return marshal(&v, func(w *writer, v *RawJSON) { w.raw([]byte(*v)) })
}
