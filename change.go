package darktrace

import (
	"slices"
	"strconv"
	"strings"
)

// ChangeKind tells what happened to an event.
type ChangeKind string

// The kinds of changes.
const (
	// EventNew is an event that was not delivered before.
	EventNew ChangeKind = "new"
	// EventUpdated is an event that was delivered before and has changed since;
	// only with PollOptions.Updates.
	EventUpdated ChangeKind = "updated"
)

// String returns "new" or "updated".
func (k ChangeKind) String() string { return string(k) }

// EventChange is what Poll and Watch deliver: an event, and why.
type EventChange struct {
	// Kind is EventNew or EventUpdated.
	Kind ChangeKind `json:"kind"`
	// Event is the event as it is now.
	Event *IncidentEvent `json:"event"`
	// Fields names what has changed, for EventUpdated; nil for EventNew.
	Fields []FieldChange `json:"fields,omitempty"`
	// PreviousGroups are other ids that the event's incident may be known by:
	// those from before merges and, for EventUpdated, the one that the event
	// has just left. A ticket that was opened under one of them is this
	// incident's. nil means none.
	PreviousGroups []string `json:"previousGroups,omitempty"`
}

// FieldChange is a field of an event that has changed.
type FieldChange struct {
	// Field is its name on the wire: groupScore, aiaScore, category,
	// groupCategory, acknowledged, pinned or currentGroup.
	Field string `json:"field"`
	// Old is the value when the event was last delivered: a Score, a Category, a
	// bool or a string, as the field of IncidentEvent.
	Old any `json:"old"`
	// New is the value now, of the same type.
	New any `json:"new"`
}

// stateFields are the fields of an event that can change, in the order of a
// state.
var stateFields = []struct {
	name  string
	value func(string) any
}{
	{"groupScore", scoreValue},
	{"aiaScore", scoreValue},
	{"category", categoryValue},
	{"groupCategory", categoryValue},
	{"acknowledged", flagValue},
	{"pinned", flagValue},
	{"currentGroup", func(s string) any { return s }},
}

func scoreValue(s string) any {
	score, _ := strconv.ParseFloat(s, 64)
	return Score(score)
}

func categoryValue(s string) any { return Category(s) }

func flagValue(s string) any { return s != "" }

const (
	stateSeparator = "|"
	noState        = ""  // not known, since Updates was off
	silentState    = "-" // of an event that was never delivered, so that no update is either
)

// appendState appends what can change of an event as a text, which is equal for
// events that are equal in that.
func appendState(dst []byte, e *IncidentEvent) []byte {
	dst = strconv.AppendFloat(dst, float64(e.GroupScore), 'g', -1, 64)
	dst = append(dst, stateSeparator...)
	dst = strconv.AppendFloat(dst, float64(e.AIAScore), 'g', -1, 64)
	for _, category := range []Category{e.Category, e.GroupCategory} {
		dst = append(dst, stateSeparator...)
		dst = append(dst, strings.ReplaceAll(string(category), stateSeparator, "/")...)
	}
	for _, flag := range []bool{e.Acknowledged, e.Pinned} {
		dst = append(dst, stateSeparator...)
		if flag {
			dst = append(dst, '1')
		}
	}
	dst = append(dst, stateSeparator...)
	return append(dst, e.CurrentGroup...)
}

// validState reports whether s can be the state of an event.
func validState(s string) bool {
	return s == noState || s == silentState || strings.Count(s, stateSeparator) >= len(stateFields)-1
}

// stateChanges returns the fields in which two states of an event differ; nil
// when one of them tells nothing.
func stateChanges(before, after string) []FieldChange {
	var changes []FieldChange
	olds := strings.SplitN(before, stateSeparator, len(stateFields))
	news := strings.SplitN(after, stateSeparator, len(stateFields))
	if len(olds) != len(news) {
		return nil
	}
	for i, field := range stateFields {
		if olds[i] != news[i] {
			changes = append(changes, FieldChange{field.name, field.value(olds[i]), field.value(news[i])})
		}
	}
	return changes
}

// previousGroups returns the ids that an event's incident had before.
func previousGroups(e *IncidentEvent, fields []FieldChange) []string {
	groups := slices.Clone(e.PreviousGroups)
	for _, field := range fields {
		if left, ok := field.Old.(string); ok && left != "" && !slices.Contains(groups, left) {
			groups = append(groups, left)
		}
	}
	return groups
}
