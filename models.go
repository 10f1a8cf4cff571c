package darktrace

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/darktrace-go/darktrace/internal/wire"
)

// ModelService reads models, the rules behind model alerts: their components,
// and the words for the codes in them. It is the field Models of a [Client] and
// safe for concurrent use. See the example of [ModelService.All].
//
// Its methods need one of the permissions "Visualizer", "Platform Accounts
// Console", "View Models" and "Edit Models".
type ModelService service

// List returns all models. The response is larger than two megabytes; All streams it.
//
// Threat Visualizer API: GET /models.
func (s *ModelService) List(ctx context.Context) ([]*Model, error) {
	return getList[Model](ctx, s.client(), "/models", nil)
}

// All streams all models.
//
// Threat Visualizer API: GET /models.
func (s *ModelService) All(ctx context.Context) iter.Seq2[*Model, error] {
	return getEach[Model](ctx, s.client(), "/models", nil)
}

// Get returns a model by its id on this appliance (pid). If the appliance has no
// such model, Get returns ErrNotFound.
//
// Threat Visualizer API: GET /models/{pid}.
func (s *ModelService) Get(ctx context.Context, modelID int64) (*Model, error) {
	return getByID(ctx, s.client(), pathOf("models", modelID), nil, modelID, func(m *Model) int64 { return m.PID })
}

// GetByUUID returns a model by its id on every appliance. If the appliance has no
// such model, GetByUUID returns ErrNotFound.
//
// Threat Visualizer API: GET /models.
func (s *ModelService) GetByUUID(ctx context.Context, uuid string) (*Model, error) {
	if err := checkID("uuid", uuid); err != nil {
		return nil, err
	}
	return getByID(ctx, s.client(), "/models", &struct {
		UUID string `url:"uuid"`
	}{uuid}, strings.ToLower(uuid), func(m *Model) string { return strings.ToLower(m.UUID) })
}

// Component is a part of a model: a metric, a threshold and filters.
//
// Threat Visualizer API: GET /components.
type Component struct {
	CID       int64                      `json:"cid,omitzero"`       // Id of the component.
	CHID      int64                      `json:"chid,omitzero"`      // Id of this revision of the component.
	MetricID  int64                      `json:"mlid,omitzero"`      // Id of the metric that it compares, for Metrics.Get.
	Threshold float64                    `json:"threshold,omitzero"` // What the metric must exceed, in the unit of the metric.
	Interval  int64                      `json:"interval,omitzero"`  // Seconds within which it must do so.
	Logic     ComponentLogic             `json:"logic,omitzero"`     // Which filters must match.
	Filters   []ComponentFilter          `json:"filters,omitzero"`   // The filters.
	Active    bool                       `json:"active,omitzero"`    // The component is switched on.
	Extra     map[string]json.RawMessage `json:"-"`                  // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped   []string                   `json:"-"`                  // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// ComponentFilter is a filter of a component.
type ComponentFilter struct {
	ID         string          `json:"id,omitzero"`         // Letter in the component's logic; "d1" and so on are only displayed.
	CFID       int64           `json:"cfid,omitzero"`       // Id of the filter.
	CFHID      int64           `json:"cfhid,omitzero"`      // Id of this revision of the filter.
	FilterType string          `json:"filtertype,omitzero"` // What is compared, see FilterTypes.
	Comparator string          `json:"comparator,omitzero"` // How it is compared.
	Arguments  FilterArguments `json:"arguments,omitzero"`  // What it is compared with.
	Extra      RawJSON         `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ListComponents returns the components of all models. They are more than two
// megabytes; AllComponents streams them.
//
// Threat Visualizer API: GET /components.
func (s *ModelService) ListComponents(ctx context.Context) ([]*Component, error) {
	return getList[Component](ctx, s.client(), "/components", nil)
}

// AllComponents streams the components of all models.
//
// Threat Visualizer API: GET /components.
func (s *ModelService) AllComponents(ctx context.Context) iter.Seq2[*Component, error] {
	return getEach[Component](ctx, s.client(), "/components", nil)
}

// GetComponent returns a component by its id (cid). If the appliance has no such
// component, GetComponent returns ErrNotFound.
//
// Threat Visualizer API: GET /components/{cid}.
func (s *ModelService) GetComponent(ctx context.Context, componentID int64) (*Component, error) {
	return getByID(ctx, s.client(), pathOf("components", componentID), nil, componentID, func(c *Component) int64 { return c.CID })
}

// FilterType is something that a component can filter by.
//
// Threat Visualizer API: GET /filtertypes.
type FilterType struct {
	Name        string                     `json:"filtertype,omitzero"`  // Name, as in ComponentFilter.FilterType.
	ValueType   string                     `json:"valuetype,omitzero"`   // "numeric", "id", "flag", "string" or "ipv4"; an open set.
	Graphable   bool                       `json:"graphable,omitzero"`   // Graphs can use it.
	Comparators []string                   `json:"comparators,omitzero"` // How it can be compared.
	Extra       map[string]json.RawMessage `json:"-"`                    // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped     []string                   `json:"-"`                    // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// FilterTypes returns what components can filter by.
//
// Experimental: 6.3 and 7.0 appliances have it; a 7.1.0 appliance failed with
// ErrEndpoint.
//
// Threat Visualizer API: GET /filtertypes.
func (s *ModelService) FilterTypes(ctx context.Context) ([]*FilterType, error) {
	return getList[FilterType](ctx, s.client(), "/filtertypes", nil)
}

// Enums are the words for codes.
//
// Threat Visualizer API: GET /enums.
type Enums struct {
	Categories map[string][]Enum          `json:"-" wire:"rest"` // By category, such as "Country" or "Internal source device type", which differ from appliance to appliance.
	Extra      map[string]json.RawMessage `json:"-"`             // Fields of an unexpected type; nil = none.
	Skipped    []string                   `json:"-"`             // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// Enum is a code and its word.
type Enum struct {
	Code   string  `json:"code,omitzero"`   // The code, a number as text.
	Name   string  `json:"name,omitzero"`   // The word.
	Hidden bool    `json:"hidden,omitzero"` // It occurs in responses and can't be set.
	Extra  RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Name returns the word for a code, or "" if the category has no such code.
func (e *Enums) Name(category, code string) string {
	for _, enum := range e.Categories[category] {
		if enum.Code == code {
			return enum.Name
		}
	}
	return ""
}

// Enums returns the words for codes. They are more than two megabytes: request
// them once and keep them.
//
// Threat Visualizer API: GET /enums.
func (s *ModelService) Enums(ctx context.Context) (*Enums, error) {
	decode := decoderOf[Enums](ctx)
	return getParts(ctx, s.client(), "/enums", nil, func(element []byte) (*Enums, error) {
		e, err := decode(element)
		if err == nil && !e.known() {
			err = errForeign
		}
		return e, err
	}, nil, nil)
}

// known reports whether the members are categories. In a list of codes they are
// texts.
func (e *Enums) known() bool {
	codes := 0
	for _, list := range e.Categories {
		codes += len(list)
		if slices.ContainsFunc(list, func(enum Enum) bool { return enum.Code != "" || enum.Name != "" }) {
			return true
		}
	}
	return codes == 0 && len(e.Categories) > 0
}

// Model is a rule that raises model alerts. A model alert contains the model at
// the time of the alert and now, see [BreachModel].
//
// Threat Visualizer API: GET /models, GET /modelbreaches.
type Model struct {
	Name            string           `json:"name,omitzero"`            // Name; folders are joined with "::", where AI Analyst writes " / ".
	PID             int64            `json:"pid,omitzero"`             // Id of the model on this appliance.
	PHID            int64            `json:"phid,omitzero"`            // Id of this revision of the model.
	UUID            string           `json:"uuid,omitzero"`            // Id of the model on every appliance.
	Version         int64            `json:"version,omitzero"`         // Number of the revision, counted from 1.
	Logic           ModelLogic       `json:"logic,omitzero"`           // Components that must come together; zero in minimal alerts.
	Throttle        int64            `json:"throttle,omitzero"`        // Seconds that pass before the model alerts again for a device.
	Interval        int64            `json:"interval,omitzero"`        // Seconds within which the components must come together.
	Delay           int64            `json:"delay,omitzero"`           // Seconds by which the alert is delayed.
	SharedEndpoints bool             `json:"sharedEndpoints,omitzero"` // The components must share an endpoint.
	Sequenced       bool             `json:"sequenced,omitzero"`       // The components must come in order.
	Active          bool             `json:"active,omitzero"`          // The model is switched on.
	AutoUpdatable   bool             `json:"autoUpdatable,omitzero"`   // Darktrace may update it.
	AutoUpdate      bool             `json:"autoUpdate,omitzero"`      // Darktrace updates it.
	AutoSuppress    bool             `json:"autoSuppress,omitzero"`    // It is suppressed when it alerts too often.
	ReadOnly        bool             `json:"readOnly,omitzero"`        // It can't be edited; old versions only.
	Actions         ModelActions     `json:"actions,omitzero"`         // What the model does.
	Tags            []string         `json:"tags,omitzero"`            // Tags of the model; an element may be "".
	Modified        string           `json:"modified,omitzero"`        // Time of the last edit, "2006-01-02 15:04:05" in UTC.
	ActiveTimes     ModelActiveTimes `json:"activeTimes,omitzero"`     // Devices and tags that it is restricted to or excludes.
	Priority        int64            `json:"priority,omitzero"`        // 0 to 5: up to 3 informational, 4 suspicious, 5 critical.
	Category        Category         `json:"category,omitzero"`        // "Informational", "Suspicious" or "Critical"; "" before 5.2. See EffectiveCategory.
	Compliance      bool             `json:"compliance,omitzero"`      // It is a compliance model; this overrides Category.
	MITRE           ModelMITRE       `json:"mitre,omitzero"`           // MITRE ATT&CK mapping; zero if there is none, and before 6.0.
	Description     string           `json:"description,omitzero"`     // Description; may hold a backslash and an n for a line break.
	Behaviour       string           `json:"behaviour,omitzero"`       // How repeated alerts change the score, such as "decreasing"; an open set.
	Defeats         [][]Defeat       `json:"defeats,omitzero"`         // Conditions that suppress it; conditions in one list combine as AND.
	Created         ModelEdit        `json:"created,omitzero"`         // Who created it.
	Edited          ModelEdit        `json:"edited,omitzero"`          // Who edited it last.
	Message         string           `json:"message,omitzero"`         // Note of the last edit.
	History         []ModelRevision  `json:"history,omitzero"`         // Earlier revisions; only from Models.
	Extra           RawJSON          `json:"-"`                        // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// EffectiveCategory returns the category in the spelling of the constants, such
// as [CategoryCritical]. For a compliance model that is always
// [CategoryCompliance]. Without a category, before version 5.2, the priority
// decides.
func (m *Model) EffectiveCategory() Category {
	switch {
	case m.Compliance:
		return CategoryCompliance
	case m.Category != "":
		return Category(strings.ToLower(string(m.Category)))
	case m.Priority >= 5:
		return CategoryCritical
	case m.Priority == 4:
		return CategorySuspicious
	}
	return CategoryInformational
}

// ModelLogic says which components make a model alert.
type ModelLogic struct {
	Data        []LogicComponent `json:"data,omitzero" wire:"logicData"` // The components.
	Type        string           `json:"type,omitzero"`                  // "componentList" or "weightedComponentList"; an open set.
	Version     int64            `json:"version,omitzero"`               // Version of the form.
	TargetScore float64          `json:"targetScore,omitzero"`           // Sum of weights at which a weighted list alerts.
	Extra       RawJSON          `json:"-"`                              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// LogicComponent is a component in the logic of a model.
type LogicComponent struct {
	CID    int64   `json:"cid,omitzero"`    // Id of the component.
	Weight float64 `json:"weight,omitzero"` // Weight in a weighted list; may be negative.
	Extra  RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ModelActions says what a model does when it alerts.
type ModelActions struct {
	Alert       bool           `json:"alert,omitzero"`       // The alert is sent to the configured outputs.
	Breach      bool           `json:"breach,omitzero"`      // It raises a model alert.
	Model       bool           `json:"model,omitzero"`       // Other models may use it.
	Antigena    *ModelResponse `json:"antigena,omitzero"`    // RESPOND action; nil and empty mean none.
	SetPriority RawJSON        `json:"setPriority,omitzero"` // Priority that devices get: false, or a number.
	SetTag      RawJSON        `json:"setTag,omitzero"`      // Tags that devices get: false, an id, or a list of ids.
	SetType     RawJSON        `json:"setType,omitzero"`     // Type that devices get: false, or a number.
	TagTTL      int64          `json:"tagTTL,omitzero"`      // Seconds that the tags stay; 0 = permanently.
	Extra       RawJSON        `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ModelResponse is the RESPOND action of a model.
type ModelResponse struct {
	Action           string  `json:"action,omitzero"`            // Kind of action; an open set.
	Confirm          bool    `json:"confirm,omitzero"`           // A person must confirm it.
	Duration         int64   `json:"duration,omitzero"`          // Duration in seconds.
	IgnoreSchedule   bool    `json:"ignoreSchedule,omitzero"`    // It ignores the schedule of RESPOND.
	Threshold        float64 `json:"threshold,omitzero"`         // Minimum score, 0 to 100.
	ConnectorActions RawJSON `json:"connector_actions,omitzero"` // Actions of connectors.
	Extra            RawJSON `json:"-"`                          // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ModelActiveTimes restricts a model to devices and tags, or excludes them.
type ModelActiveTimes struct {
	Devices RawJSON `json:"devices,omitzero"` // Devices, by id.
	Tags    RawJSON `json:"tags,omitzero"`    // Tags, by id.
	Type    string  `json:"type,omitzero"`    // "exclusions" or "restrictions".
	Version int64   `json:"version,omitzero"` // Version of the form.
	Extra   RawJSON `json:"-"`                // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ModelMITRE maps a model to MITRE ATT&CK.
type ModelMITRE struct {
	Tactics    []Tactic `json:"tactics,omitzero"`    // Tactics, such as [TacticLateralMovement].
	Techniques []string `json:"techniques,omitzero"` // Ids of techniques, such as "T1203".
	Extra      RawJSON  `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Defeat is a condition that suppresses a model.
type Defeat struct {
	DefeatID   RawJSON         `json:"defeatID,omitzero"`   // Id: a number, or a text such as "1-1".
	FilterType string          `json:"filtertype,omitzero"` // What is compared.
	Comparator string          `json:"comparator,omitzero"` // How it is compared.
	Arguments  FilterArguments `json:"arguments,omitzero"`  // What it is compared with.
	Extra      RawJSON         `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// FilterArguments holds what a filter or a defeat compares with.
type FilterArguments struct {
	Value RawJSON `json:"value,omitzero"` // A text or a number; "" = none. Text returns it without quotes.
	Extra RawJSON `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ModelEdit says who created or changed a model.
type ModelEdit struct {
	By     string  `json:"by,omitzero"`     // User name, "System", "Nobody" or "Unknown"; "" = not sent.
	UserID int64   `json:"userID,omitzero"` // Id of the user; 0 = unknown.
	Extra  RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ModelRevision is an earlier revision of a model.
type ModelRevision struct {
	PHID        int64   `json:"phid,omitzero"`        // Id of the revision.
	Modified    string  `json:"modified,omitzero"`    // When it was created, "2006-01-02 15:04:05" in UTC.
	By          string  `json:"by,omitzero"`          // Who created it.
	Message     string  `json:"message,omitzero"`     // Note of the edit.
	Active      bool    `json:"active,omitzero"`      // The model was switched on.
	DefeatsOnly bool    `json:"defeatsOnly,omitzero"` // Only defeats changed.
	Accepted    Millis  `json:"accepted,omitzero"`    // When the update by Darktrace was accepted; 0 = unknown.
	AcceptedBy  string  `json:"acceptedBy,omitzero"`  // Who accepted it.
	Extra       RawJSON `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ComponentLogic says which filters of a component must match.
type ComponentLogic struct {
	Data    RawJSON `json:"data,omitzero"`    // The expression as JSON; see Expression.
	Version string  `json:"version,omitzero"` // Version of the form, such as "v0.1".
	Extra   RawJSON `json:"-"`                // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Expression returns the expression as a tree, or nil if there is none.
func (l ComponentLogic) Expression() (*FilterExpression, error) {
	if l.Data == "" || l.Data == "null" {
		return nil, nil //nolint:nilnil // An absent expression is not an error.
	}
	e := new(FilterExpression)
	if err := json.Unmarshal([]byte(l.Data), e); err != nil {
		return nil, within("logic of a component", err)
	}
	return e, nil
}

// FilterExpression is an expression over the filters of a component: a single
// filter, or two expressions and their operator.
type FilterExpression struct {
	Filter   string            // Letter of the filter, such as "A"; "" with an operator.
	Operator string            // "AND" or "OR"; "" for a single filter.
	Left     *FilterExpression // Left operand; nil = none.
	Right    *FilterExpression // Right operand; nil = none.
}

// UnmarshalJSON decodes the letter of a filter, or an object with two operands.
// An object with one operand is that operand.
func (e *FilterExpression) UnmarshalJSON(data []byte) error {
	err := unmarshal(data, e)
	if errors.Is(err, errNotObject) {
		return errors.New("an expression is a letter or an object")
	}
	return err
}

// readJSON reads an expression with all its operands, at any depth, in one go.
func (e *FilterExpression) readJSON(c *wire.Cursor) wire.Outcome {
	*e = FilterExpression{}
	if letter, ok := c.Text(); ok {
		e.Filter = letter
		return wire.Held
	}
	if !c.Enter('{') {
		return c.Reject()
	}
	var left, right *FilterExpression
	operator := ""
	for c.More('}') {
		o := wire.Held
		switch strings.ToLower(string(c.Name())) {
		case "left":
			o = wire.Optional(&left, c, (*FilterExpression).readJSON)
		case "operator":
			if operator, o = "", wire.Null; !c.Null() {
				o = wire.Text(&operator, c)
			}
		case "right":
			o = wire.Optional(&right, c, (*FilterExpression).readJSON)
		default:
			c.Skip()
		}
		if o == wire.Unfit {
			return o
		}
	}
	switch left, right = left.orNil(), right.orNil(); {
	case left != nil && right != nil:
		*e = FilterExpression{Operator: operator, Left: left, Right: right}
	case left != nil:
		*e = *left
	case right != nil:
		*e = *right
	}
	return wire.Held
}

func (e *FilterExpression) orNil() *FilterExpression {
	if e == nil || *e == (FilterExpression{}) {
		return nil
	}
	return e
}

// String returns the expression as text, such as "A AND (B OR C)", or "" for
// nil.
func (e *FilterExpression) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *FilterExpression) write(b *strings.Builder) {
	switch {
	case e == nil:
	case e.Left == nil || e.Right == nil:
		b.WriteString(e.Filter)
	default:
		e.Left.writeIn(e.Operator, b)
		b.WriteString(" " + e.Operator + " ")
		e.Right.writeIn(e.Operator, b)
	}
}

// writeIn writes an operand, in brackets if its operator is another one.
func (e *FilterExpression) writeIn(operator string, b *strings.Builder) {
	if e.Left == nil || e.Operator == operator {
		e.write(b)
		return
	}
	b.WriteByte('(')
	e.write(b)
	b.WriteByte(')')
}
