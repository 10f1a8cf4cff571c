package darktrace

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ChangeKind says what happened to an event.
type ChangeKind string

// The kinds of changes.
const (
	// EventNew is an event that was not delivered before.
	EventNew ChangeKind = "new"
	// EventUpdated is an event that was delivered before and has changed since;
	// only with PollOptions.Updates or Follow.
	EventUpdated ChangeKind = "updated"
)

// String returns "new" or "updated".
func (k ChangeKind) String() string { return string(k) }

// EventChange is what Poll and Watch deliver: an event, and what happened to
// it.
type EventChange struct {
	// Kind is EventNew or EventUpdated.
	Kind ChangeKind `json:"kind"`
	// Key identifies the change. A change that is delivered again has the same
	// key, and every other change has another one, even if a flag is set and
	// reset. Used as a message id or a unique column, it makes any sink
	// exactly-once.
	Key string `json:"key"`
	// Source is the appliance: the host of the client's base URL, in lower case.
	Source string `json:"source"`
	// Event is the event in its current state.
	Event *IncidentEvent `json:"event"`
	// Fields are the fields that have changed, for EventUpdated; nil for
	// EventNew.
	Fields []FieldChange `json:"fields,omitempty"`
	// PreviousGroups are other ids that the event's incident may be known by:
	// those from before merges and, for EventUpdated, the incident that the
	// event has just left. A ticket for one of them belongs to this incident. Nil
	// means none.
	PreviousGroups []string `json:"previousGroups,omitempty"`
}

// String describes the change on one line: its kind, and the event.
func (c EventChange) String() string {
	if c.Event == nil {
		return string(c.Kind)
	}
	return oneLine(string(c.Kind), c.Event.String())
}

// LogValue returns what log/slog writes about the change: its kind and key, the
// names of the changed fields, and what it writes about the event.
func (c EventChange) LogValue() slog.Value {
	return slog.GroupValue(append(changeAttrs(string(c.Kind), c.Key, c.Source, c.Fields), slog.Any("event", c.Event))...)
}

// changeAttrs are what log/slog writes about each change.
func changeAttrs(kind, key, source string, fields []FieldChange) []slog.Attr {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = field.Field
	}
	return []slog.Attr{
		slog.String("kind", kind), slog.String("key", key), slog.String("source", source), slog.String("fields", strings.Join(names, " ")),
	}
}

// FieldChange is a field that has changed.
type FieldChange struct {
	// Field is the name of the field on the wire. For an event: groupScore,
	// aiaScore, category, groupCategory, acknowledged, pinned or currentGroup.
	Field string `json:"field"`
	// Old is the value at the last delivery: a Score, a Category, a bool or a
	// string, as in IncidentEvent. It survives encoding/json.
	Old any `json:"old"`
	// New is the current value, of the same type.
	New any `json:"new"`
}

// UnmarshalJSON decodes a change. Old and New get the types of their field.
func (f *FieldChange) UnmarshalJSON(data []byte) error {
	var w struct {
		Field    string          `json:"field"`
		Old, New json.RawMessage // Names match in any case.
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	decode := decodeValue[any]
	for _, field := range slices.Concat(allStates()...) {
		if field.name == w.Field {
			decode = field.decode
		}
	}
	old, err := decode(w.Old)
	if err != nil {
		return fmt.Errorf("old value of %s: %w", w.Field, err)
	}
	now, err := decode(w.New)
	if err != nil {
		return fmt.Errorf("new value of %s: %w", w.Field, err)
	}
	*f = FieldChange{w.Field, old, now}
	return nil
}

// stateFields are the fields of an element that can change. A state is a text with
// their values, in order. Equal values give equal texts.
type stateFields []stateField

type stateField struct {
	name   string
	value  func(string) any          // decodes a part of a state
	decode func([]byte) (any, error) // decodes the same value from JSON
	number bool                      // MinScoreChange can ignore small differences
}

var eventState = stateFields{
	{"groupScore", scoreValue, decodeValue[Score], true},
	{"aiaScore", scoreValue, decodeValue[Score], true},
	{"category", categoryValue, decodeValue[Category], false},
	{"groupCategory", categoryValue, decodeValue[Category], false},
	{"acknowledged", flagValue, decodeValue[bool], false},
	{"pinned", flagValue, decodeValue[bool], false},
	{"currentGroup", textValue, decodeValue[string], false}, // The value may contain the separator.
}

func decodeValue[T any](data []byte) (any, error) {
	var v T
	if len(data) == 0 {
		return v, nil
	}
	err := json.Unmarshal(data, &v)
	return v, err
}

func scoreValue(s string) any {
	score, _ := strconv.ParseFloat(s, 64)
	return Score(score)
}

func categoryValue(s string) any { return Category(s) }

func flagValue(s string) any { return s != "" }

func textValue(s string) any { return s }

const stateSeparator = "|"

// allStates returns the kinds of states that a checkpoint may hold.
func allStates() []stateFields { return []stateFields{eventState, incidentState, breachState} }

// validState reports whether a text can be a state of any kind.
func validState(s string) bool {
	return slices.ContainsFunc(allStates(), func(f stateFields) bool { return strings.Count(s, stateSeparator) >= len(f)-1 })
}

// eventStateOf returns the state of an event.
func eventStateOf(e *IncidentEvent) string {
	return strings.Join([]string{
		numberText(e.GroupScore), numberText(e.AIAScore), categoryText(e.Category), categoryText(e.GroupCategory),
		flagText(e.Acknowledged), flagText(e.Pinned), e.CurrentGroup,
	}, stateSeparator)
}

func numberText[N Score | Probability](n N) string {
	return strconv.FormatFloat(float64(n), 'g', -1, 64)
}

func categoryText(c Category) string { return strings.ReplaceAll(string(c), stateSeparator, "/") }

func flagText(b bool) string {
	if b {
		return "1"
	}
	return ""
}

// changes returns the fields in which two states differ; nil if one of them is not
// a state of this kind.
func (f stateFields) changes(before, after string) []FieldChange {
	var changes []FieldChange
	olds := strings.SplitN(before, stateSeparator, len(f))
	news := strings.SplitN(after, stateSeparator, len(f))
	if len(olds) != len(news) || len(olds) != len(f) {
		return nil
	}
	for i, field := range f {
		if olds[i] != news[i] {
			changes = append(changes, FieldChange{field.name, field.value(olds[i]), field.value(news[i])})
		}
	}
	return changes
}

// telling selects the changes to report.
type telling struct {
	fields stateFields
	names  []string // nil = all
	least  float64  // the smallest change of a score
}

// changes returns the fields in which two states differ, if one of them is
// selected.
func (t *telling) changes(before, after string) []FieldChange {
	all := t.fields.changes(before, after)
	if t.names != nil {
		all = slices.DeleteFunc(all, func(c FieldChange) bool { return !slices.Contains(t.names, c.Field) })
	}
	if slices.ContainsFunc(all, t.matters) {
		return all
	}
	return nil
}

func (t *telling) matters(c FieldChange) bool {
	number := func(v any) float64 {
		switch v := v.(type) {
		case Score:
			return float64(v)
		case Probability:
			return float64(v)
		}
		return 0
	}
	for _, field := range t.fields {
		if field.name == c.Field && field.number {
			return math.Abs(number(c.New)-number(c.Old)) >= t.least
		}
	}
	return true
}

// state returns the selected part of a state.
func (t *telling) state(s string) string {
	if t.names == nil {
		return s
	}
	values := strings.SplitN(s, stateSeparator, len(t.fields))
	var selected []string
	for i, field := range t.fields {
		if i < len(values) && slices.Contains(t.names, field.name) {
			selected = append(selected, values[i])
		}
	}
	return strings.Join(selected, stateSeparator)
}

// check rejects names that no field has.
func (t *telling) check() error {
	for _, name := range t.names {
		if !slices.ContainsFunc(t.fields, func(f stateField) bool { return f.name == name }) {
			return argument("UpdateFields", "contains %q, which is not a field that changes", name)
		}
	}
	if !(t.least >= 0) {
		return argument("MinScoreChange", "is %v", t.least)
	}
	return nil
}

// source is the Source of changes. The case of a host name has no meaning.
func (c *core) source() string { return strings.ToLower(c.base.Host) }

// changeKey returns the key of a change: a hash of the parts that identify it.
func changeKey(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// previousGroups returns the earlier ids of an event's incident.
func previousGroups(e *IncidentEvent, fields []FieldChange) []string {
	groups := slices.Clone(e.PreviousGroups)
	for _, field := range fields {
		if left, ok := field.Old.(string); ok && left != "" && !slices.Contains(groups, left) {
			groups = append(groups, left)
		}
	}
	return groups
}
