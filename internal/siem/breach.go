package siem

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// Model returns the model of an alert as it was, or else as it is now; an empty
// one when the alert has none.
func Model(b *darktrace.ModelBreach) *darktrace.Model {
	return cmp.Or(b.Model.Then, b.Model.Now, &darktrace.Model{})
}

// Category returns the category of a model; "" when the model is not known.
func Category(m *darktrace.Model) darktrace.Category {
	if m.Name == "" && m.Category == "" && m.Priority == 0 && !m.Compliance {
		return ""
	}
	return m.EffectiveCategory()
}

// Folders returns the folders that a model is in, outermost first, without those that
// have no name.
func Folders(m *darktrace.Model) []string {
	parts := strings.Split(m.Name, "::")
	return slices.DeleteFunc(parts[:len(parts)-1], func(folder string) bool { return folder == "" })
}

// Description returns the description of a model with its line breaks.
func Description(m *darktrace.Model) string { return strings.ReplaceAll(m.Description, `\n`, "\n") }

// BreachScore returns the score of an alert, 0 to 100.
func BreachScore(b *darktrace.ModelBreach) float64 {
	if b.PercentScore != 0 {
		return Score(b.PercentScore)
	}
	return Score(cmp.Or(b.PBScore, b.Score).Percent())
}

// Number returns a number that JSON can write; 0 for what is none.
func Number(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// BreachURL returns the link to a model alert in the Threat Visualizer: the alert's
// own link, or else one to the given appliance; "" without an appliance or an id.
func BreachURL(baseURL string, b *darktrace.ModelBreach) string {
	if URL(b.BreachURL) {
		return b.BreachURL
	}
	if b.PBID == 0 {
		return ""
	}
	return Link(baseURL, "/#modelbreach/", strconv.FormatInt(b.PBID, 10))
}

// Tactics returns the tactics of a model.
func Tactics(m *darktrace.Model) []darktrace.Tactic {
	var tactics []darktrace.Tactic
	for _, tactic := range m.MITRE.Tactics {
		tactics = append(tactics, darktrace.Tactic(tactic))
	}
	return tactics
}

// Technique is a technique of MITRE ATT&CK.
type Technique struct {
	ID   string // Id, such as "T1071"; of a sub-technique "T1071.001".
	Name string // Name; "" = unknown.
}

// TechniqueURL returns the link to a technique or a sub-technique.
func TechniqueURL(id string) string {
	return "https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/") + "/"
}

// Techniques returns the techniques of an alert, each once.
func Techniques(b *darktrace.ModelBreach) []Technique {
	var all []Technique
	seen := map[string]bool{}
	add := func(id, name string) {
		if seen[id] || !techniqueID.MatchString(id) {
			return
		}
		seen[id] = true
		all = append(all, Technique{id, name})
	}
	for _, t := range b.MITRETechniques {
		add(t.TechniqueID, t.Technique)
	}
	for _, id := range Model(b).MITRE.Techniques {
		add(id, "")
	}
	return all
}

var techniqueID = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

// Devices returns the devices of an alert: its own, and those of its components,
// except the system itself. Ranges and accounts may have negative ids too.
func Devices(b *darktrace.ModelBreach) []*darktrace.Device {
	const system = -1
	var all []*darktrace.Device
	add := func(d *darktrace.Device) {
		if d == nil {
			return
		}
		known := func(other *darktrace.Device) bool { return other.DID == d.DID }
		if d.DID != system && !slices.ContainsFunc(all, known) {
			all = append(all, d)
		}
	}
	add(b.Device)
	for i := range b.TriggeredComponents {
		add(b.TriggeredComponents[i].Device)
	}
	return all
}

// EventDevice converts a device of the inventory to a device of an event.
func EventDevice(d *darktrace.Device) *darktrace.EventDevice {
	name := d.Label
	if strings.HasPrefix(d.Hostname, "SaaS::") {
		name = d.Hostname
	}
	return &darktrace.EventDevice{Identifier: name, Hostname: d.Hostname, IP: d.IP, MAC: d.MAC, DID: d.DID, SID: d.SID}
}

// Triggers returns the addresses and host names in the components of an alert and
// their filters.
func Triggers(b *darktrace.ModelBreach) []string {
	var names []string
	for i := range b.TriggeredComponents {
		component := &b.TriggeredComponents[i]
		names = append(names, strings.TrimSuffix(component.IP, "/32"))
		for _, filter := range component.TriggeredFilters {
			if NamesHost(filter.FilterType, filter.Trigger.Value) {
				names = append(names, filter.Trigger.Value)
			}
		}
	}
	return names
}

// NamesHost reports whether the value that a filter saw is an address or the name
// of a host.
func NamesHost(filterType, value string) bool {
	_, isAddress := Address(value)
	return isAddress || strings.Contains(strings.ToLower(filterType), "hostname") && Hostname(value)
}
