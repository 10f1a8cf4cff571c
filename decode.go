package darktrace

import (
	"bytes"
	"encoding/json"
	"errors"
)

// outcome tells what became of a member of an object.
type outcome uint8

const (
	held  outcome = iota // a field holds it
	zero                 // a field holds it, but doesn't tell it from an absent one
	null                 // there is nothing to hold
	unfit                // no field holds it
)

// set gives a field the value v if it was ok, and zero otherwise.
func set[T comparable](c *cursor, field *T, v T, ok bool) outcome {
	var none T
	if !ok {
		*field = none
		return c.reject()
	}
	*field = v
	if v == none {
		return zero
	}
	return held
}

// reject steps over a value of an unexpected type; null is none.
func (c *cursor) reject() outcome {
	if c.null() {
		return null
	}
	c.misfit()
	return c.unknown()
}

// unknown steps over a value that no field is for.
func (c *cursor) unknown() outcome {
	c.skip()
	return unfit
}

func readText[T ~string](c *cursor, field *T) outcome {
	v, ok := c.string()
	return set(c, field, T(v), ok)
}

func readInt[T ~int64](c *cursor, field *T) outcome {
	v, ok := c.int()
	return set(c, field, T(v), ok)
}

func readFloat[T ~float64](c *cursor, field *T) outcome {
	v, ok := c.float()
	return set(c, field, T(v), ok)
}

func readFlag(c *cursor, field *bool) outcome {
	v, ok := c.bool()
	return set(c, field, v, ok)
}

// readRaw keeps the value as it is.
func readRaw(c *cursor, field *json.RawMessage) outcome {
	if c.null() {
		return null
	}
	*field = bytes.Clone(c.skip())
	return held
}

// always turns zero into held, for fields that are always written.
func always(o outcome) outcome {
	if o == zero {
		return held
	}
	return o
}

// readOptional reads a value into a pointer, which stays nil without one.
func readOptional[T any](c *cursor, field **T, one func(*cursor, *T) outcome) outcome {
	v := new(T)
	o := always(one(c, v))
	if *field = nil; o == held {
		*field = v
	}
	return o
}

// readList reads a list. A single value counts as a list of one, nulls don't count,
// and an element that does not fit costs the list.
func readList[T any](c *cursor, field *[]T, one func(*cursor, *T) outcome) outcome {
	*field = nil
	if c.null() {
		return null
	}
	start, noted := c.pos, len(c.unfit)
	single := !c.enter('[')
	elements := []T{}
	for single || c.more(']') {
		elements = append(elements, *new(T))
		switch one(c, &elements[len(elements)-1]) {
		case null:
			elements = elements[:len(elements)-1]
		case unfit:
			c.pos, c.unfit = start, c.unfit[:noted]
			return c.reject()
		case held, zero:
		}
		if single {
			break
		}
	}
	*field = elements
	return held
}

// object reads a part of an event or a group, member by member. What the fields
// don't hold goes to extra, as does a value that is no object.
func (c *cursor) object(extra *RawJSON, member func(name []byte) outcome) outcome {
	if c.null() {
		return null
	}
	if !c.enter('{') {
		c.misfit()
		*extra = RawJSON(c.skip())
		return held
	}
	first := len(c.kept)
	for c.more('}') {
		start := c.pos
		if o := member(c.name()); o == zero || o == unfit {
			c.kept = append(append(c.kept, ','), c.data[start:c.pos]...)
		}
	}
	if kept := c.kept[first:]; len(kept) > 0 {
		*extra = RawJSON("{" + string(kept[1:]) + "}")
		c.kept = c.kept[:first]
	}
	return held
}

// fieldSet is a set of the plain fields of an event or a group.
type fieldSet uint32

// The fields whose zero doesn't tell whether the API sent it.
const (
	fieldID fieldSet = 1 << iota
	fieldTitle
	fieldSummariser
	fieldCreatedAt
	fieldCategory
	fieldGroupCategory
	fieldCurrentGroup
	fieldGroupScore
	fieldAIAScore
	fieldSender
	fieldActivityID
	fieldURL
	fieldStart
	fieldEnd
	fieldActive
	fieldAcknowledged
	fieldPinned
	fieldUserTriggered
	fieldExternalTriggered
	fieldGroupByActivity

	noField    fieldSet = 0
	eventFlags          = fieldAcknowledged | fieldPinned | fieldUserTriggered | fieldExternalTriggered | fieldGroupByActivity
	groupFlags          = fieldActive | fieldAcknowledged | fieldPinned | fieldUserTriggered | fieldExternalTriggered
)

// errNotObject is the only error of decoding valid JSON.
var errNotObject = errors.New("expected an object")

// fields reads an event, a group or the like, member by member. What the fields
// don't hold goes to extra. It returns the unusual ones among them: explicit
// zeros, and flags that are absent.
func (c *cursor) fields(extra *map[string]json.RawMessage, flags fieldSet, member func(name []byte) (fieldSet, outcome)) (fieldSet, error) {
	if !c.enter('{') {
		return 0, errNotObject
	}
	unusual := flags
	for c.more('}') {
		name := c.name()
		start := c.pos
		field, o := member(name)
		switch o {
		case held:
			unusual &^= field
		case zero:
			unusual = unusual&^field | field&^flags
		case unfit:
			unusual = unusual&^field | field&flags
			if *extra == nil {
				*extra = make(map[string]json.RawMessage)
			}
			(*extra)[valid(name)] = bytes.Clone(c.data[start:c.pos])
		case null:
		}
	}
	return unusual, nil
}

// eventID returns the id of an event and reads no further; nil when it has none.
func (c *cursor) eventID() []byte {
	if !c.enter('{') {
		return nil
	}
	for c.more('}') {
		if string(c.name()) != "id" {
			c.skip()
			continue
		}
		if c.peek() != '"' {
			return nil
		}
		id, escaped := c.quoted()
		if escaped {
			id = c.unquoted(id)
		}
		return id
	}
	return nil
}

func (c *cursor) event(e *IncidentEvent) (err error) {
	e.unusual, err = c.fields(&e.Extra, eventFlags, func(name []byte) (fieldSet, outcome) {
		switch string(name) {
		case "id":
			return fieldID, readText(c, &e.ID)
		case "title":
			return fieldTitle, readText(c, &e.Title)
		case "summary":
			return noField, c.summary(&e.Summary)
		case "summariser":
			return fieldSummariser, readText(c, &e.Summariser)
		case "createdAt":
			return fieldCreatedAt, readInt(c, &e.CreatedAt)
		case "periods":
			return noField, readList(c, &e.Periods, (*cursor).period)
		case "category":
			return fieldCategory, readText(c, &e.Category)
		case "groupCategory":
			return fieldGroupCategory, readText(c, &e.GroupCategory)
		case "currentGroup":
			return fieldCurrentGroup, readText(c, &e.CurrentGroup)
		case "groupPreviousGroups":
			return noField, readList(c, &e.PreviousGroups, readText)
		case "groupScore":
			return fieldGroupScore, readFloat(c, &e.GroupScore)
		case "aiaScore":
			return fieldAIAScore, readFloat(c, &e.AIAScore)
		case "attackPhases":
			return noField, readList(c, &e.AttackPhases, readInt)
		case "mitreTactics":
			return noField, readList(c, &e.MITRETactics, readText)
		case "acknowledged":
			return fieldAcknowledged, readFlag(c, &e.Acknowledged)
		case "pinned":
			return fieldPinned, readFlag(c, &e.Pinned)
		case "userTriggered":
			return fieldUserTriggered, readFlag(c, &e.UserTriggered)
		case "externalTriggered":
			return fieldExternalTriggered, readFlag(c, &e.ExternalTriggered)
		case "sender":
			return fieldSender, readText(c, &e.Sender)
		case "breachDevices":
			return noField, readList(c, &e.BreachDevices, (*cursor).device)
		case "relatedBreaches":
			return noField, readList(c, &e.RelatedBreaches, (*cursor).relatedBreach)
		case "details":
			return noField, c.details(&e.Details)
		case "children":
			return noField, readList(c, &e.Children, readText)
		case "activityId":
			return fieldActivityID, readText(c, &e.ActivityID)
		case "groupingIds":
			return noField, readList(c, &e.GroupingIDs, readText)
		case "groupByActivity":
			return fieldGroupByActivity, readFlag(c, &e.GroupByActivity)
		case "incidentEventUrl":
			return fieldURL, readText(c, &e.URL)
		case "explanations":
			return noField, readRaw(c, &e.Explanations)
		case "figures":
			return noField, readRaw(c, &e.Figures)
		default:
			return noField, c.unknown()
		}
	})
	e.Skipped = c.skipped()
	return err
}

func (c *cursor) period(p *Period) outcome {
	return c.object(&p.Extra, func(name []byte) outcome {
		switch string(name) {
		case "start":
			return readInt(c, &p.Start)
		case "end":
			return readInt(c, &p.End)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) device(d *Device) outcome {
	return c.object(&d.Extra, func(name []byte) outcome {
		switch string(name) {
		case "identifier":
			return readText(c, &d.Identifier)
		case "hostname":
			return readText(c, &d.Hostname)
		case "ip":
			return readText(c, &d.IP)
		case "mac":
			return readText(c, &d.MAC)
		case "subnet":
			return readText(c, &d.Subnet)
		case "did":
			return readInt(c, &d.DID)
		case "sid":
			return readInt(c, &d.SID)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) externalHost(h *ExternalHost) outcome {
	return c.object(&h.Extra, func(name []byte) outcome {
		switch string(name) {
		case "hostname":
			return readText(c, &h.Hostname)
		case "identifier":
			return readText(c, &h.Identifier)
		case "ip":
			return readText(c, &h.IP)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) relatedBreach(b *RelatedBreach) outcome {
	return c.object(&b.Extra, func(name []byte) outcome {
		switch string(name) {
		case "modelName":
			return readText(c, &b.ModelName)
		case "pbid":
			return readInt(c, &b.PBID)
		case "threatScore":
			return readFloat(c, &b.ThreatScore)
		case "timestamp":
			return readInt(c, &b.Timestamp)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) group(g *IncidentGroup) (err error) {
	g.unusual, err = c.fields(&g.Extra, groupFlags, func(name []byte) (fieldSet, outcome) {
		switch string(name) {
		case "id":
			return fieldID, readText(c, &g.ID)
		case "active":
			return fieldActive, readFlag(c, &g.Active)
		case "acknowledged":
			return fieldAcknowledged, readFlag(c, &g.Acknowledged)
		case "pinned":
			return fieldPinned, readFlag(c, &g.Pinned)
		case "userTriggered":
			return fieldUserTriggered, readFlag(c, &g.UserTriggered)
		case "externalTriggered":
			return fieldExternalTriggered, readFlag(c, &g.ExternalTriggered)
		case "previousIds":
			return noField, readList(c, &g.PreviousIDs, readText)
		case "groupUrl":
			return fieldURL, readText(c, &g.URL)
		case "incidentEvents":
			return noField, readList(c, &g.Events, (*cursor).groupEvent)
		case "mitreTactics":
			return noField, readList(c, &g.MITRETactics, readText)
		case "devices":
			return noField, readList(c, &g.Devices, readInt)
		case "initialDevices":
			return noField, readList(c, &g.InitialDevices, readInt)
		case "category":
			return fieldCategory, readText(c, &g.Category)
		case "groupScore":
			return fieldGroupScore, readFloat(c, &g.GroupScore)
		case "start":
			return fieldStart, readInt(c, &g.Start)
		case "end":
			return fieldEnd, readInt(c, &g.End)
		case "edges":
			return noField, readList(c, &g.Edges, (*cursor).edge)
		default:
			return noField, c.unknown()
		}
	})
	g.Skipped = c.skipped()
	return err
}

func (c *cursor) groupEvent(e *GroupEvent) outcome {
	return c.object(&e.Extra, func(name []byte) outcome {
		switch string(name) {
		case "uuid":
			return readText(c, &e.ID)
		case "title":
			return readText(c, &e.Title)
		case "start":
			return readInt(c, &e.Start)
		case "triggerDid":
			return readInt(c, &e.TriggerDID)
		case "sender":
			return readText(c, &e.Sender)
		case "visible":
			return always(readFlag(c, &e.Visible))
		case "acknowledged":
			return readOptional(c, &e.Acknowledged, readFlag)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) edge(e *Edge) outcome {
	return c.object(&e.Extra, func(name []byte) outcome {
		switch string(name) {
		case "isAction":
			return always(readFlag(c, &e.IsAction))
		case "source":
			return c.node(&e.Source)
		case "target":
			return c.node(&e.Target)
		case "start":
			return readInt(c, &e.Start)
		case "incidentEvent":
			return readText(c, &e.EventID)
		case "description":
			return readText(c, &e.Description)
		case "details":
			return c.edgeDetails(&e.Details)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) node(n *Node) outcome {
	o := c.object(&n.Extra, func(name []byte) outcome {
		switch string(name) {
		case "nodeType":
			return readText(c, &n.Type)
		case "value":
			return c.nodeValue(&n.Value)
		default:
			return c.unknown()
		}
	})
	if o == held && *n == (Node{}) {
		n.Extra = "{}" // or it would be taken for an absent one
	}
	return o
}

func (c *cursor) nodeValue(v *DetailValue) outcome {
	if s, ok := c.string(); ok {
		*v = String(s)
		return held
	}
	if i, ok := c.int(); ok {
		*v = Integer(i)
		return held
	}
	*v = nil
	return c.reject()
}

func (c *cursor) comment(m *Comment) outcome {
	return c.object(&m.Extra, func(name []byte) outcome {
		switch string(name) {
		case "username":
			return readText(c, &m.Username)
		case "message":
			return readText(c, &m.Message)
		case "incident_id":
			return readText(c, &m.EventID)
		case "time":
			return readInt(c, &m.Time)
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) stats(s *Stats) error {
	_, err := c.fields(&s.Extra, 0, func(name []byte) (fieldSet, outcome) {
		switch string(name) {
		case "equivalentHumanTime":
			return noField, readInt(c, &s.EquivalentHumanTime)
		case "positiveInvestigations":
			return noField, readInt(c, &s.PositiveInvestigations)
		case "negativeInvestigations":
			return noField, readInt(c, &s.NegativeInvestigations)
		case "graphData":
			return noField, c.statsGraph(&s.Graph)
		case "attackPhases":
			return noField, readList(c, &s.AttackPhases, (*cursor).statsPhases)
		case "groupStats":
			return noField, c.statsGroups(&s.Groups)
		case "metadata":
			return noField, readRaw(c, &s.Metadata)
		default:
			return noField, c.unknown()
		}
	})
	return err
}

func (c *cursor) statsGraph(g *StatsGraph) outcome {
	return c.object(&g.Extra, func(name []byte) outcome {
		switch string(name) {
		case "breachTime":
			return readList(c, &g.BreachTime, readInPlace(readInt[Millis]))
		case "endTime":
			return readList(c, &g.EndTime, readInPlace(readInt[Millis]))
		case "equivalentHumanTime":
			return readList(c, &g.EquivalentHumanTime, readInPlace(readInt[int64]))
		case "isPositive":
			return readList(c, &g.IsPositive, readInPlace(readFlag))
		case "aiaScore":
			return readList(c, &g.AIAScore, readInPlace(func(c *cursor, s **Score) outcome { return readOptional(c, s, readFloat) }))
		default:
			return c.unknown()
		}
	})
}

// readInPlace makes a null count as zero, for lists whose places count.
func readInPlace[T any](one func(*cursor, *T) outcome) func(*cursor, *T) outcome {
	return func(c *cursor, field *T) outcome {
		o := one(c, field)
		if o == null {
			return zero
		}
		return o
	}
}

func (c *cursor) statsPhases(p *StatsPhases) outcome {
	return c.object(&p.Extra, func(name []byte) outcome {
		switch string(name) {
		case "phases":
			return readList(c, &p.Phases, readInt)
		case "count":
			return always(readInt(c, &p.Count))
		default:
			return c.unknown()
		}
	})
}

func (c *cursor) statsGroups(g *StatsGroups) outcome {
	return c.object(&g.Extra, func(name []byte) outcome {
		switch string(name) {
		case "total":
			return always(readInt(c, &g.Total))
		case "compliance":
			return always(readInt(c, &g.Compliance))
		case "suspicious":
			return always(readInt(c, &g.Suspicious))
		case "critical":
			return always(readInt(c, &g.Critical))
		case "mitreTactics":
			return readDict(c, &g.MITRETactics, func(c *cursor, counts *map[string]int64) outcome {
				return readDict(c, counts, readInt)
			})
		default:
			return c.unknown()
		}
	})
}

// readDict reads an object whose names are data. A value that does not fit costs
// the object.
func readDict[T any](c *cursor, field *map[string]T, one func(*cursor, *T) outcome) outcome {
	*field = nil
	c.peek()
	start := c.pos
	if !c.enter('{') {
		return c.reject()
	}
	values := make(map[string]T)
	for c.more('}') {
		name := valid(c.name())
		v := new(T)
		switch one(c, v) {
		case held, zero:
			values[name] = *v
		case unfit:
			c.pos = start
			return c.reject()
		case null:
		}
	}
	*field = values
	return held
}

func (c *cursor) investigation(i *Investigation) error {
	_, err := c.fields(&i.Extra, 0, func(name []byte) (fieldSet, outcome) {
		switch string(name) {
		case "investigationId":
			return noField, readText(c, &i.ID)
		case "time":
			return noField, readInt(c, &i.Time)
		case "investigationTime":
			return noField, readInt(c, &i.InvestigationTime)
		case "did":
			return noField, readInt(c, &i.DID)
		case "version":
			return noField, readFloat(c, &i.Version)
		case "status":
			return noField, readText(c, &i.Status)
		case "createdBy":
			return noField, readText(c, &i.CreatedBy)
		case "noticeUid":
			return noField, readText(c, &i.NoticeUID)
		case "pbid":
			return noField, readInt(c, &i.PBID)
		case "incidentId":
			return noField, readText(c, &i.IncidentID)
		case "summarizer":
			return noField, readText(c, &i.Summariser)
		case "incidents":
			return noField, readList(c, &i.Incidents, (*cursor).investigationIncident)
		default:
			return noField, c.unknown()
		}
	})
	return err
}

func (c *cursor) investigationIncident(i *InvestigationIncident) outcome {
	return c.object(&i.Extra, func(name []byte) outcome {
		switch string(name) {
		case "uuid":
			return readText(c, &i.EventID)
		case "related":
			return readList(c, &i.Related, readInt)
		case "summariser":
			return readText(c, &i.Summariser)
		default:
			return c.unknown()
		}
	})
}
