package darktrace

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// writer builds JSON. A field of value zero is left out, unless said otherwise.
type writer struct {
	buf     []byte
	written []string // names of members so far, of the objects that are open
	err     error
}

// fail keeps the first error.
func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// separate writes what separates it from the value before, if there is one.
func (w *writer) separate() {
	if n := len(w.buf); n > 0 && w.buf[n-1] != '{' && w.buf[n-1] != '[' && w.buf[n-1] != ':' {
		w.buf = append(w.buf, ',')
	}
}

func (w *writer) string(s string) {
	w.separate()
	w.buf, _ = jsontext.AppendQuote(w.buf, s) // an error means invalid UTF-8, replaced
}

func (w *writer) int(i int64) {
	w.separate()
	w.buf = strconv.AppendInt(w.buf, i, 10)
}

func (w *writer) float(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.fail(fmt.Errorf("JSON has no number for %v", f))
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.separate()
	w.buf = strconv.AppendFloat(w.buf, f, format, -1, 64)
}

func (w *writer) bool(b bool) {
	w.separate()
	w.buf = strconv.AppendBool(w.buf, b)
}

func (w *writer) null() {
	w.separate()
	w.buf = append(w.buf, "null"...)
}

// raw writes JSON that came from outside.
func (w *writer) raw(value []byte) {
	if len(value) == 0 {
		w.null()
		return
	}
	if err := validate(value); err != nil {
		w.fail(fmt.Errorf("raw JSON: %w", err))
	}
	w.separate()
	w.buf = append(w.buf, value...)
}

// name begins a member.
func (w *writer) name(name string) {
	w.string(name)
	w.buf = append(w.buf, ':')
	w.written = append(w.written, name)
}

func putText[T ~string](w *writer, name string, v T, zeroToo bool) {
	if v != "" || zeroToo {
		w.name(name)
		w.string(string(v))
	}
}

func putInt[T ~int64](w *writer, name string, v T, zeroToo bool) {
	if v != 0 || zeroToo {
		w.name(name)
		w.int(int64(v))
	}
}

func putFloat[T ~float64](w *writer, name string, v T, zeroToo bool) {
	if v != 0 || zeroToo {
		w.name(name)
		w.float(float64(v))
	}
}

func (w *writer) flag(name string, v, falseToo bool) {
	if v || falseToo {
		w.name(name)
		w.bool(v)
	}
}

func (w *writer) rawMember(name string, v json.RawMessage) {
	if v != nil {
		w.name(name)
		w.raw(v)
	}
}

// putList writes a list; nil is left out.
func putList[T any](w *writer, name string, list []T, one func(*writer, *T)) {
	if list != nil {
		w.name(name)
		writeList(w, list, one)
	}
}

func writeList[T any](w *writer, list []T, one func(*writer, *T)) {
	w.separate()
	w.buf = append(w.buf, '[')
	for i := range list {
		one(w, &list[i])
	}
	w.buf = append(w.buf, ']')
}

func writeText[T ~string](w *writer, v *T)   { w.string(string(*v)) }
func writeInt[T ~int64](w *writer, v *T)     { w.int(int64(*v)) }
func writeFloat[T ~float64](w *writer, v *T) { w.float(float64(*v)) }

// object writes an object: first what members writes, then the members of extra
// that were not among them.
func (w *writer) object(extra RawJSON, members func()) {
	outer := len(w.written)
	w.separate()
	w.buf = append(w.buf, '{')
	members()
	if extra != "" {
		w.members(extra, w.written[outer:])
	}
	w.buf = append(w.buf, '}')
	w.written = w.written[:outer]
}

// members writes the members of an object, except the given ones.
func (w *writer) members(object RawJSON, except []string) {
	if err := validate([]byte(object)); err != nil {
		w.fail(fmt.Errorf("extra JSON: %w", err))
		return
	}
	c := cursor{data: []byte(object)}
	if !c.enter('{') {
		w.fail(errNotObject)
		return
	}
	for c.more('}') {
		start := c.pos
		name := valid(c.name())
		c.skip()
		if !slices.Contains(except, name) {
			w.separate()
			w.buf = append(w.buf, c.data[start:c.pos]...)
		}
	}
}

// has tells whether v is an object with such a member.
func (v RawJSON) has(member string) bool {
	if v == "" || validate([]byte(v)) != nil {
		return false
	}
	c := cursor{data: []byte(v)}
	return c.has(member)
}

// part writes a part of an event or a group, which may be no object at all.
func (w *writer) part(extra RawJSON, members func()) {
	if extra != "" && !strings.HasPrefix(strings.TrimSpace(string(extra)), "{") {
		w.raw([]byte(extra))
		return
	}
	w.object(extra, members)
}

// fields writes an event, a group or the like.
func (w *writer) fields(extra map[string]json.RawMessage, members func()) {
	w.object("", func() {
		members()
		for _, name := range slices.Sorted(maps.Keys(extra)) {
			if !slices.Contains(w.written, name) {
				w.name(name)
				w.raw(extra[name])
			}
		}
	})
}

func (w *writer) event(e *IncidentEvent) {
	zero := func(f fieldSet) bool { return (e.unusual^eventFlags)&f != 0 }
	w.fields(e.Extra, func() {
		putText(w, "summariser", e.Summariser, zero(fieldSummariser))
		w.flag("acknowledged", e.Acknowledged, zero(fieldAcknowledged))
		w.flag("pinned", e.Pinned, zero(fieldPinned))
		putInt(w, "createdAt", e.CreatedAt, zero(fieldCreatedAt))
		putList(w, "attackPhases", e.AttackPhases, writeInt)
		putList(w, "mitreTactics", e.MITRETactics, writeText)
		putText(w, "title", e.Title, zero(fieldTitle))
		putText(w, "id", e.ID, zero(fieldID))
		putText(w, "incidentEventUrl", e.URL, zero(fieldURL))
		putList(w, "children", e.Children, writeText)
		putText(w, "category", e.Category, zero(fieldCategory))
		putText(w, "currentGroup", e.CurrentGroup, zero(fieldCurrentGroup))
		putText(w, "groupCategory", e.GroupCategory, zero(fieldGroupCategory))
		putFloat(w, "groupScore", e.GroupScore, zero(fieldGroupScore))
		putList(w, "groupPreviousGroups", e.PreviousGroups, writeText)
		putText(w, "activityId", e.ActivityID, zero(fieldActivityID))
		putList(w, "groupingIds", e.GroupingIDs, writeText)
		w.flag("groupByActivity", e.GroupByActivity, zero(fieldGroupByActivity))
		w.flag("userTriggered", e.UserTriggered, zero(fieldUserTriggered))
		w.flag("externalTriggered", e.ExternalTriggered, zero(fieldExternalTriggered))
		putFloat(w, "aiaScore", e.AIAScore, zero(fieldAIAScore))
		if e.Summary.Value != nil || e.Summary.isTemplate() {
			w.name("summary")
			w.text(&e.Summary)
		}
		putList(w, "periods", e.Periods, (*writer).period)
		putText(w, "sender", e.Sender, zero(fieldSender))
		putList(w, "breachDevices", e.BreachDevices, (*writer).device)
		putList(w, "relatedBreaches", e.RelatedBreaches, (*writer).relatedBreach)
		putList(w, "details", e.Details, (*writer).section)
		w.rawMember("explanations", e.Explanations)
		w.rawMember("figures", e.Figures)
	})
}

func (w *writer) period(p *Period) {
	w.part(p.Extra, func() {
		putInt(w, "start", p.Start, false)
		putInt(w, "end", p.End, false)
	})
}

func (w *writer) device(d *Device) {
	w.part(d.Extra, func() {
		putText(w, "identifier", d.Identifier, false)
		putText(w, "hostname", d.Hostname, false)
		putText(w, "ip", d.IP, false)
		putText(w, "mac", d.MAC, false)
		putText(w, "subnet", d.Subnet, false)
		putInt(w, "did", d.DID, false)
		putInt(w, "sid", d.SID, false)
	})
}

func (w *writer) externalHost(h *ExternalHost) {
	w.part(h.Extra, func() {
		putText(w, "hostname", h.Hostname, false)
		putText(w, "identifier", h.Identifier, false)
		putText(w, "ip", h.IP, false)
	})
}

func (w *writer) relatedBreach(b *RelatedBreach) {
	w.part(b.Extra, func() {
		putText(w, "modelName", b.ModelName, false)
		putInt(w, "pbid", b.PBID, false)
		putFloat(w, "threatScore", b.ThreatScore, false)
		putInt(w, "timestamp", b.Timestamp, false)
	})
}

func (w *writer) group(g *IncidentGroup) {
	zero := func(f fieldSet) bool { return (g.unusual^groupFlags)&f != 0 }
	w.fields(g.Extra, func() {
		putText(w, "id", g.ID, zero(fieldID))
		w.flag("active", g.Active, zero(fieldActive))
		w.flag("acknowledged", g.Acknowledged, zero(fieldAcknowledged))
		w.flag("pinned", g.Pinned, zero(fieldPinned))
		w.flag("userTriggered", g.UserTriggered, zero(fieldUserTriggered))
		w.flag("externalTriggered", g.ExternalTriggered, zero(fieldExternalTriggered))
		putList(w, "previousIds", g.PreviousIDs, writeText)
		putText(w, "groupUrl", g.URL, zero(fieldURL))
		putList(w, "incidentEvents", g.Events, (*writer).groupEvent)
		putList(w, "mitreTactics", g.MITRETactics, writeText)
		putList(w, "devices", g.Devices, writeInt)
		putList(w, "initialDevices", g.InitialDevices, writeInt)
		putText(w, "category", g.Category, zero(fieldCategory))
		putFloat(w, "groupScore", g.GroupScore, zero(fieldGroupScore))
		putInt(w, "start", g.Start, zero(fieldStart))
		putInt(w, "end", g.End, zero(fieldEnd))
		putList(w, "edges", g.Edges, (*writer).edge)
	})
}

func (w *writer) groupEvent(e *GroupEvent) {
	w.part(e.Extra, func() {
		putText(w, "uuid", e.ID, false)
		putInt(w, "start", e.Start, false)
		putText(w, "title", e.Title, false)
		putInt(w, "triggerDid", e.TriggerDID, false)
		putText(w, "sender", e.Sender, false)
		w.flag("visible", e.Visible, !e.Extra.has("visible"))
		if e.Acknowledged != nil {
			w.flag("acknowledged", *e.Acknowledged, true)
		}
	})
}

func (w *writer) edge(e *Edge) {
	w.part(e.Extra, func() {
		w.flag("isAction", e.IsAction, !e.Extra.has("isAction"))
		w.end("source", &e.Source)
		w.end("target", &e.Target)
		putInt(w, "start", e.Start, false)
		putText(w, "incidentEvent", e.EventID, false)
		putText(w, "description", e.Description, false)
		putList(w, "details", e.Details, tokenForm.writeDetail)
	})
}

// end writes an end of an edge.
func (w *writer) end(name string, n *Node) {
	if *n != (Node{}) {
		w.name(name)
		w.node(n)
	}
}

func (w *writer) node(n *Node) {
	w.part(n.Extra, func() {
		putText(w, "nodeType", n.Type, false)
		if n.Value != nil {
			w.name("value")
			w.value(n.Value)
		}
	})
}

func (w *writer) comment(m *Comment) {
	w.part(m.Extra, func() {
		putText(w, "username", m.Username, false)
		putInt(w, "time", m.Time, false)
		putText(w, "incident_id", m.EventID, false)
		putText(w, "message", m.Message, false)
	})
}

func (w *writer) section(s *DetailSection) {
	if s.BlockType == "" && s.Extra == "" {
		writeList(w, s.Blocks, tokenForm.writeBlock)
		return
	}
	w.part(s.Extra, func() {
		putText(w, "blockType", s.BlockType, false)
		putList(w, "blocks", s.Blocks, blockForm.writeBlock)
	})
}

func (f *detailForm) writeBlock(w *writer, b *DetailBlock) {
	w.part(b.Extra, func() {
		putText(w, f.header, b.Header, false)
		if f == blockForm {
			putList(w, f.contents, b.Groups, f.writeGroup)
		} else if b.Groups != nil {
			w.name(f.contents)
			writeList(w, slices.Concat(b.Groups...), f.writeDetail)
		}
	})
}

func (f *detailForm) writeGroup(w *writer, g *[]Detail) { writeList(w, *g, f.writeDetail) }

func (f *detailForm) writeDetail(w *writer, d *Detail) {
	w.part(d.Extra, func() {
		putText(w, f.key, d.Key, false)
		putText(w, f.kind, d.Type, false)
		putList(w, f.values, d.Values, func(w *writer, v *DetailValue) { w.value(*v) })
	})
}

func (w *writer) value(v DetailValue) {
	switch v := v.(type) {
	case nil:
		w.null()
	case String:
		w.string(string(v))
	case Integer:
		w.int(int64(v))
	case Float:
		w.float(float64(v))
	case Percentage:
		w.float(float64(v))
	case DataVolume:
		w.int(int64(v))
	case Duration:
		w.int(int64(v))
	case Millis:
		w.int(int64(v))
	case Ratio:
		w.object("", func() {
			putText(w, "value", v.Value, true)
			putFloat(w, "percentage", v.Percentage, true)
		})
	case Period:
		w.period(&v)
	case Device:
		w.device(&v)
	case ExternalHost:
		w.externalHost(&v)
	case IntegerRange:
		writeSpan(w, &v.Start, &v.End, writeInt)
	case PercentageRange:
		writeSpan(w, &v.Start, &v.End, writeFloat)
	case DurationRange:
		writeSpan(w, &v.Start, &v.End, writeInt)
	case DataVolumeRange:
		writeSpan(w, &v.Start, &v.End, writeInt)
	case StringRange:
		writeSpan(w, &v.Start, &v.End, writeText)
	case RawJSON:
		w.raw([]byte(v))
	default:
		w.fail(fmt.Errorf("no JSON for a detail value of type %T", v))
	}
}

func writeSpan[T any](w *writer, start, end *T, one func(*writer, *T)) {
	w.object("", func() {
		w.name("start")
		one(w, start)
		w.name("end")
		one(w, end)
	})
}

// isTemplate tells whether the text is an object on the wire.
func (t *Text) isTemplate() bool {
	return t.Type != "" || t.Replacements != nil || t.Extra != ""
}

func (w *writer) text(t *Text) {
	if !t.isTemplate() {
		w.value(t.Value)
		return
	}
	w.object(t.Extra, func() {
		putText(w, "valueType", t.Type, false)
		if t.Value != nil {
			w.name("value")
			w.value(t.Value)
		}
		putList(w, "replacements", t.Replacements, (*writer).text)
	})
}

func (w *writer) stats(s *Stats) {
	w.fields(s.Extra, func() {
		putInt(w, "equivalentHumanTime", s.EquivalentHumanTime, true)
		putInt(w, "positiveInvestigations", s.PositiveInvestigations, true)
		putInt(w, "negativeInvestigations", s.NegativeInvestigations, true)
		w.name("graphData")
		w.statsGraph(&s.Graph)
		putList(w, "attackPhases", s.AttackPhases, (*writer).statsPhases)
		w.name("groupStats")
		w.statsGroups(&s.Groups)
		w.rawMember("metadata", s.Metadata)
	})
}

func (w *writer) statsGraph(g *StatsGraph) {
	w.part(g.Extra, func() {
		putList(w, "breachTime", g.BreachTime, writeTime)
		putList(w, "endTime", g.EndTime, writeTime)
		putList(w, "equivalentHumanTime", g.EquivalentHumanTime, writeInt)
		putList(w, "isPositive", g.IsPositive, func(w *writer, v *bool) { w.bool(*v) })
		putList(w, "aiaScore", g.AIAScore, func(w *writer, v **Score) {
			if *v == nil {
				w.null()
			} else {
				writeFloat(w, *v)
			}
		})
	})
}

// writeTime writes a time whose place in a list counts.
func writeTime(w *writer, v *Millis) {
	if *v == 0 {
		w.null()
	} else {
		writeInt(w, v)
	}
}

func (w *writer) statsPhases(p *StatsPhases) {
	w.part(p.Extra, func() {
		putList(w, "phases", p.Phases, writeInt)
		putInt(w, "count", p.Count, true)
	})
}

func (w *writer) statsGroups(g *StatsGroups) {
	w.part(g.Extra, func() {
		putInt(w, "total", g.Total, true)
		putInt(w, "compliance", g.Compliance, true)
		putInt(w, "suspicious", g.Suspicious, true)
		putInt(w, "critical", g.Critical, true)
		if g.MITRETactics != nil {
			w.name("mitreTactics")
			w.counts(g.MITRETactics)
		}
	})
}

func (w *writer) counts(byCategory map[string]map[string]int64) {
	w.object("", func() {
		for _, category := range slices.Sorted(maps.Keys(byCategory)) {
			w.name(category)
			w.object("", func() {
				for _, tactic := range slices.Sorted(maps.Keys(byCategory[category])) {
					putInt(w, tactic, byCategory[category][tactic], true)
				}
			})
		}
	})
}

func (w *writer) investigation(i *Investigation) {
	w.fields(i.Extra, func() {
		putText(w, "investigationId", i.ID, false)
		putInt(w, "time", i.Time, false)
		putInt(w, "investigationTime", i.InvestigationTime, false)
		putInt(w, "did", i.DID, false)
		putFloat(w, "version", i.Version, false)
		putText(w, "status", i.Status, false)
		putText(w, "createdBy", i.CreatedBy, false)
		putText(w, "noticeUid", i.NoticeUID, false)
		putInt(w, "pbid", i.PBID, false)
		putText(w, "incidentId", i.IncidentID, false)
		putText(w, "summarizer", i.Summariser, false)
		putList(w, "incidents", i.Incidents, (*writer).investigationIncident)
	})
}

func (w *writer) investigationIncident(i *InvestigationIncident) {
	w.part(i.Extra, func() {
		putText(w, "uuid", i.EventID, false)
		putList(w, "related", i.Related, writeInt)
		putText(w, "summariser", i.Summariser, false)
	})
}
