package darktrace

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-querystring/query"
)

// EventListOptions selects incident events. Fields combine as AND; zero fields
// are not sent, so a zero score or id can't be asked for. EventIDs override all
// other fields, and GroupIDs all but EventIDs.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
type EventListOptions struct {
	// Start and End bound the window, sent in milliseconds. Neither: the last 7
	// days. Only End: 7 days before it. Only Start: until now. Which time of an
	// event the appliance compares is not documented.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// IncludeAcknowledged asks for acknowledged events too.
	IncludeAcknowledged bool `url:"includeacknowledged,omitempty"`
	// ExcludePinned leaves out pinned events from outside the window, which the
	// appliance adds by default.
	ExcludePinned bool `url:"-"`
	// OnlyPinned asks for pinned events only.
	OnlyPinned bool `url:"includeonlypinned,omitempty"`
	// IncludeURL asks for IncidentEvent.URL, which an appliance gives that has
	// its own name configured.
	IncludeURL bool `url:"includeincidenteventurl,omitempty"`
	// SaaSOnly asks for SaaS events only.
	SaaSOnly bool `url:"saasonly,omitempty"`
	// KeepRaw keeps each event's JSON in IncidentEvent.Raw. It is not sent.
	KeepRaw bool `url:"-"`
	// Locale is the language of texts; empty means the client's.
	Locale Locale `url:"locale,omitempty"`
	// Categories are those of the event's incident, combined as OR: compliance,
	// suspicious and critical. The appliance has no filter for informational.
	Categories []Category `url:"-"`
	// MinScore is the lowest score of the event itself, above 0 to 100.
	MinScore float64 `url:"minscore,omitempty"`
	// MaxScore is the highest score of the event itself.
	MaxScore float64 `url:"maxscore,omitempty"`
	// MinGroupScore is the lowest score of the event's incident, above 0 to 100.
	MinGroupScore float64 `url:"mingroupscore,omitempty"`
	// MaxGroupScore is the highest score of the event's incident.
	MaxGroupScore float64 `url:"maxgroupscore,omitempty"`
	// DeviceID (did) asks for the events of a device.
	DeviceID int64 `url:"did,omitempty"`
	// ExcludeDeviceID leaves out the events of a device.
	ExcludeDeviceID int64 `url:"excludedid,omitempty"`
	// SubnetID (sid) asks for the events of a subnet.
	SubnetID int64 `url:"sid,omitempty"`
	// ExcludeSubnetID leaves out the events of a subnet.
	ExcludeSubnetID int64 `url:"excludesid,omitempty"`
	// Master asks for the events of one master of a Unified View.
	Master int64 `url:"master,omitempty"`
	// GroupIDs asks for the events of these incidents, acknowledged or not.
	GroupIDs []string `url:"groupid,omitempty,comma"`
	// EventIDs asks for these events, acknowledged or not, in as many requests
	// as it takes. Ids that the appliance does not have are left out.
	EventIDs []string `url:"uuid,omitempty,comma"`
}

// GroupListOptions selects incidents. Fields combine as AND; zero fields are not
// sent. GroupIDs override all other fields, and EventIDs all but GroupIDs.
//
// Threat Visualizer API: GET /aianalyst/groups.
type GroupListOptions struct {
	// Start and End bound the window as in EventListOptions; what they compare
	// is the start of an incident's activity.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// IncludeAcknowledged asks for acknowledged incidents too.
	IncludeAcknowledged bool `url:"includeacknowledged,omitempty"`
	// ExcludePinned leaves out pinned incidents from outside the window.
	ExcludePinned bool `url:"-"`
	// OnlyPinned asks for pinned incidents only.
	OnlyPinned bool `url:"includeonlypinned,omitempty"`
	// IncludeURL asks for IncidentGroup.URL.
	IncludeURL bool `url:"includegroupurl,omitempty"`
	// SaaSOnly asks for SaaS incidents only.
	SaaSOnly bool `url:"saasonly,omitempty"`
	// KeepRaw keeps each incident's JSON in IncidentGroup.Raw. It is not sent.
	KeepRaw bool `url:"-"`
	// Locale is the language of texts; empty means the client's.
	Locale Locale `url:"locale,omitempty"`
	// Categories are those of the incident, combined as OR: compliance,
	// suspicious and critical.
	Categories []Category `url:"-"`
	// MinScore is the lowest score of the incident, above 0 to 100.
	MinScore float64 `url:"minscore,omitempty"`
	// MaxScore is the highest score of the incident.
	MaxScore float64 `url:"maxscore,omitempty"`
	// DeviceID (did) asks for incidents with an event of a device.
	DeviceID int64 `url:"did,omitempty"`
	// ExcludeDeviceID leaves out incidents with an event of a device.
	ExcludeDeviceID int64 `url:"excludedid,omitempty"`
	// SubnetID (sid) asks for incidents with an event of a subnet.
	SubnetID int64 `url:"sid,omitempty"`
	// ExcludeSubnetID leaves out incidents with an event of a subnet.
	ExcludeSubnetID int64 `url:"excludesid,omitempty"`
	// Master asks for the incidents of one master of a Unified View.
	Master int64 `url:"master,omitempty"`
	// GroupIDs asks for these incidents, acknowledged or not. Unlike GetGroup it
	// does not follow merges.
	GroupIDs []string `url:"groupid,omitempty,comma"`
	// EventIDs asks for the incidents that hold these events.
	EventIDs []string `url:"uuid,omitempty,comma"`
}

func (o *EventListOptions) encode(locale Locale) (url.Values, error) {
	err := firstError(
		checkWindow(o.Start, o.End),
		checkScores("MinScore", o.MinScore, "MaxScore", o.MaxScore),
		checkScores("MinGroupScore", o.MinGroupScore, "MaxGroupScore", o.MaxGroupScore),
		checkLocale("Locale", o.Locale),
		checkIDs("GroupIDs", o.GroupIDs),
		checkIDs("EventIDs", o.EventIDs),
	)
	if err != nil {
		return nil, err
	}
	values, _ := query.Values(o) // It fails only for what is no struct.
	return complete(values, "group", o.Categories, o.ExcludePinned, locale)
}

func (o *GroupListOptions) encode(locale Locale) (url.Values, error) {
	err := firstError(
		checkWindow(o.Start, o.End),
		checkScores("MinScore", o.MinScore, "MaxScore", o.MaxScore),
		checkLocale("Locale", o.Locale),
		checkIDs("GroupIDs", o.GroupIDs),
		checkIDs("EventIDs", o.EventIDs),
	)
	if err != nil {
		return nil, err
	}
	values, _ := query.Values(o) // It fails only for what is no struct.
	return complete(values, "", o.Categories, o.ExcludePinned, locale)
}

// complete adds what tags can't say. The endpoints name the categories
// differently, and ignore each other's names.
func complete(values url.Values, prefix string, categories []Category, excludePinned bool, locale Locale) (url.Values, error) {
	for _, category := range categories {
		switch category {
		case CategoryCompliance, CategorySuspicious, CategoryCritical:
			values.Set(prefix+string(category), "true")
		case CategoryInformational:
			return nil, argument("Categories", "holds informational, for which the appliance has no filter")
		default:
			return nil, argument("Categories", "holds %q; compliance, suspicious and critical can be asked for", category)
		}
	}
	if excludePinned {
		values.Set("includeallpinned", "false")
	}
	if locale != "" && !values.Has("locale") {
		values.Set("locale", string(locale))
	}
	if values.Has("uuid") || values.Has("groupid") {
		values.Set("includeacknowledged", "true")
	}
	return values, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkWindow(start, end time.Time) error {
	const last = 2261 // Later times are beyond what go-querystring can encode.
	switch {
	case !start.IsZero() && (start.UnixMilli() <= 0 || start.Year() > last):
		return argument("Start", "is not between 1970 and %d: %v", last, start)
	case !end.IsZero() && (end.UnixMilli() <= 0 || end.Year() > last):
		return argument("End", "is not between 1970 and %d: %v", last, end)
	case !start.IsZero() && !end.IsZero() && start.After(end):
		return argument("Start", "(%v) is after End (%v)", start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	}
	return nil
}

func checkScores(minName string, minimum float64, maxName string, maximum float64) error {
	switch {
	case math.IsNaN(minimum) || minimum < 0 || minimum > 100:
		return argument(minName, "is %v; scores go from 0 to 100", minimum)
	case math.IsNaN(maximum) || maximum < 0 || maximum > 100:
		return argument(maxName, "is %v; scores go from 0 to 100", maximum)
	case maximum > 0 && minimum > maximum:
		return argument(minName, "(%v) is above %s (%v)", minimum, maxName, maximum)
	}
	return nil
}

func checkLocale(name string, locale Locale) error {
	if strings.ContainsFunc(string(locale), func(r rune) bool {
		return !alphanumeric(r) && r != '_' && r != '-'
	}) {
		return argument(name, "is %q, which is no locale", string(locale))
	}
	return nil
}

// checkID refuses what can't be an id, whatever its form: ids are opaque, but
// they never hold what means something in a URL, a list or a form.
func checkID(name, id string) error {
	switch {
	case strings.TrimSpace(id) == "":
		return argument(name, "is empty")
	case strings.Contains(id, ","):
		return argument(name, "holds a comma: %q; give each id as an argument of its own", id)
	case strings.Contains(id, ".."), strings.ContainsFunc(id, func(r rune) bool {
		return !alphanumeric(r) && !strings.ContainsRune("-_.:~", r)
	}):
		return argument(name, "is %q, which is no id", id)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func checkIDs(name string, ids []string) error {
	for _, id := range ids {
		if err := checkID(name, id); err != nil {
			return err
		}
	}
	return nil
}

// unique returns the ids without repetitions, in order.
func unique(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
}
