package darktrace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/darktrace-go/darktrace/internal/wire"
)

// ModelBreachService reads, follows, acknowledges and comments on model alerts,
// which the API calls model breaches: the alerts behind an incident event. It
// is the field ModelBreaches of a [Client] and safe for concurrent use. Start
// with [ModelBreachService.All] or [ModelBreachService.Watch]; All has an
// example.
type ModelBreachService service

const breachesPath = "/modelbreaches"

// BreachListOptions selects model alerts. Fields combine as AND; zero fields
// are not sent. The API has no filter for category, priority, folder, tag or
// maximum score.
//
// Threat Visualizer API: GET /modelbreaches.
type BreachListOptions struct {
	// Start and End bound the window, in milliseconds. Neither: everything that
	// the appliance has in memory, at most a year. Only Start: until now.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; it needs Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// CreationTime makes the window select by when alerts were created, not by
	// when their activity began. Set it to learn what is new: otherwise an
	// alert about earlier activity is never seen.
	CreationTime bool `url:"creationtime,omitempty"`
	// DID asks for the alerts of a device.
	DID int64 `url:"did,omitempty"`
	// PID asks for the alerts of a model.
	PID int64 `url:"pid,omitempty"`
	// UUID asks for the alerts of a model by its id on every appliance.
	UUID string `url:"uuid,omitempty"`
	// PBID asks for one alert; see Get.
	PBID int64 `url:"pbid,omitempty"`
	// MinScore is the lowest score, above 0 to 1.
	MinScore float64 `url:"minscore,omitempty"`
	// IncludeAcknowledged asks for acknowledged alerts too, and for
	// ModelBreach.Acknowledged.
	IncludeAcknowledged bool `url:"includeacknowledged,omitempty"`
	// IncludeSuppressed asks for suppressed alerts too.
	IncludeSuppressed bool `url:"includesuppressed,omitempty"`
	// SaaSOnly asks for alerts about accounts of SaaS services only.
	SaaSOnly bool `url:"saasonly,omitempty"`
	// SaaSFilter asks for alerts about SaaS modules, such as "office365*". Each
	// must end in "*".
	SaaSFilter []string `url:"saasfilter,omitempty"`
	// GroupByDevice makes Score the score of the device. The score of the alert
	// is then in PBScore.
	GroupByDevice bool `url:"-"`
	// DeviceInComponents puts the device into the triggered components instead of
	// ModelBreach.Device.
	DeviceInComponents bool `url:"-"`
	// Minimal leaves out the logic of models and what triggered them.
	Minimal bool `url:"minimal,omitempty"`
	// HistoricModelOnly leaves out the current version of the model.
	HistoricModelOnly bool `url:"historicmodelonly,omitempty"`
	// ExpandEnums replaces the numbers in filters by words.
	ExpandEnums bool `url:"expandenums,omitempty"`
	// IncludeBreachURL asks for ModelBreach.BreachURL, without Minimal. Only
	// appliances that know their own name send it.
	IncludeBreachURL bool `url:"includebreachurl,omitempty"`
	// Count is how many alerts to list at most. Experimental: neither Count nor
	// the choice of the alerts is documented.
	Count int `url:"count,omitempty"`
	// Order is "ASC" or "DESC". Experimental: it is not documented.
	Order string `url:"order,omitempty"`
}

func (o *BreachListOptions) check() error {
	switch {
	case math.IsNaN(o.MinScore) || o.MinScore < 0 || o.MinScore > 1:
		return argument("MinScore", "is %v; scores of model alerts go from 0 to 1", o.MinScore)
	case o.Order != "" && o.Order != "ASC" && o.Order != "DESC":
		return argument("Order", "is %q; it must be ASC or DESC", o.Order)
	}
	return firstError(checkPair(o.Start, o.End), checkCount("Count", o.Count), checkSaaSFilter(o.SaaSFilter))
}

// List returns the model alerts that All yields, as a list. For wide windows,
// which need much memory, use All.
//
// Threat Visualizer API: GET /modelbreaches.
func (s *ModelBreachService) List(ctx context.Context, opts *BreachListOptions) ([]*ModelBreach, error) {
	return collect(s.All(ctx, opts))
}

// All streams model alerts: it yields each one as soon as it has arrived, so
// that memory does not grow with the window. Their order is not documented. Nil
// options mean all alerts that are not acknowledged and that the appliance has
// in memory, at most a year. All needs the permission "Unrestricted Devices",
// without which the appliance anonymises, and one of "Visualizer", "Platform
// Accounts Console", "View Models" and "Edit Models".
//
// An error is yielded last, with a nil alert. Breaking out of the loop closes
// the connection. Ranging again sends the request again.
//
// Threat Visualizer API: GET /modelbreaches.
func (s *ModelBreachService) All(ctx context.Context, opts *BreachListOptions) iter.Seq2[*ModelBreach, error] {
	return func(yield func(*ModelBreach, error) bool) {
		getEach[ModelBreach](ctx, s.client(), breachesPath, s.query(valueOf(opts)))(yield)
	}
}

// query returns options as they are sent.
func (s *ModelBreachService) query(o BreachListOptions) any {
	o.End = s.client().until(o.Start, o.End)
	query := struct {
		BreachListOptions
		DeviceAtTop bool   `url:"deviceattop"` // Guide and appliances differ in its default.
		Group       string `url:"group,omitempty"`
	}{BreachListOptions: o, DeviceAtTop: !o.DeviceInComponents}
	if o.GroupByDevice {
		query.Group = "device"
	}
	return &query
}

// Get returns a model alert, acknowledged or not. If the appliance has no such
// alert, Get returns ErrNotFound. Permissions are as for All.
//
// Threat Visualizer API: GET /modelbreaches/{pbid}, GET /modelbreaches.
func (s *ModelBreachService) Get(ctx context.Context, pbid int64) (*ModelBreach, error) {
	if err := checkPBID(pbid); err != nil {
		return nil, err
	}
	query := struct {
		DeviceAtTop         bool `url:"deviceattop"`
		IncludeAcknowledged bool `url:"includeacknowledged"`
	}{true, true}
	id := func(b *ModelBreach) int64 { return b.PBID }
	breach, err := getByID(ctx, s.client(), pathOf("modelbreaches", pbid), &query, pbid, id)
	if errors.Is(err, ErrEndpoint) || errors.Is(err, ErrNotFound) { // Old versions have only the list.
		breach, err = getByID(ctx, s.client(), breachesPath, s.query(BreachListOptions{PBID: pbid, IncludeAcknowledged: true}), pbid, id)
	}
	if errors.Is(err, ErrRejected) { // Some appliances report it with status 200.
		err = s.client().missing(pathOf("modelbreaches", pbid), "model alert %d", pbid)
	}
	return breach, err
}

// EventLog streams what belongs to a model alert: the alert itself, then its
// connections and notices. Errors and permissions are as in [EventLogService.All].
//
// Threat Visualizer API: GET /details.
func (s *ModelBreachService) EventLog(ctx context.Context, pbid int64) iter.Seq2[*LogEntry, error] {
	return (*EventLogService)(s).All(ctx, &EventLogOptions{PBID: pbid})
}

// ListComments returns the comments on a model alert. If there are none, the
// list is empty. It needs the permission "Visualizer" or "Platform Accounts
// Console".
//
// Threat Visualizer API: GET /modelbreaches/{pbid}/comments.
func (s *ModelBreachService) ListComments(ctx context.Context, pbid int64) ([]*BreachComment, error) {
	if err := checkPBID(pbid); err != nil {
		return nil, err
	}
	return getList[BreachComment](ctx, s.client(), pathOf("modelbreaches", pbid, "comments"), nil)
}

// Acknowledge acknowledges model alerts. The API accepts one alert at a time:
// each id is a request, and a repeated id is sent once. If any id fails, the
// error is a *BatchError with the outcome for each id, in decimal digits. It
// needs the permission "Acknowledge Breaches".
//
// Threat Visualizer API: POST /modelbreaches/{pbid}/acknowledge.
func (s *ModelBreachService) Acknowledge(ctx context.Context, pbids ...int64) error {
	return s.each(ctx, "acknowledge", pbids, func(pbid int64) error { return s.flag(ctx, pbid, "acknowledge") })
}

// Unacknowledge undoes an acknowledgement. Errors are as in Acknowledge.
//
// Threat Visualizer API: POST /modelbreaches/{pbid}/unacknowledge.
func (s *ModelBreachService) Unacknowledge(ctx context.Context, pbids ...int64) error {
	return s.each(ctx, "unacknowledge", pbids, func(pbid int64) error { return s.flag(ctx, pbid, "unacknowledge") })
}

// each sends one write for each alert.
func (s *ModelBreachService) each(ctx context.Context, action string, pbids []int64, write func(pbid int64) error) error {
	if len(pbids) == 0 {
		return argument("pbids", "contains no id")
	}
	ids, numbers := make([]string, len(pbids)), make(map[string]int64, len(pbids))
	for i, pbid := range pbids {
		if err := checkPBID(pbid); err != nil {
			return err
		}
		ids[i] = strconv.FormatInt(pbid, 10)
		numbers[ids[i]] = pbid
	}
	one := func([]string) int { return 1 }
	return inBatches(ctx, action, ids, one, func(ids []string) error { return write(numbers[ids[0]]) })
}

// flag sends a form with one flag, named like the action. Every version accepts
// the form; JSON came with 6.0.
func (s *ModelBreachService) flag(ctx context.Context, pbid int64, action string) error {
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: pathOf("modelbreaches", pbid, action), Form: url.Values{action: {"true"}}}, nil)
}

// AcknowledgeVerified acknowledges model alerts and reads each back. Errors are
// as in Acknowledge, but what was read back decides: an alert that is
// acknowledged is done, even if it was acknowledged before. ErrNotStored means
// that the alert is not acknowledged, ErrNotFound that the appliance does not
// have it, and ErrOutcomeUnknown that it can't be read back.
//
// Threat Visualizer API: POST /modelbreaches/{pbid}/acknowledge, GET
// /modelbreaches/{pbid}.
func (s *ModelBreachService) AcknowledgeVerified(ctx context.Context, pbids ...int64) error {
	return s.each(ctx, "acknowledge and verify", pbids, func(pbid int64) error {
		path := pathOf("modelbreaches", pbid, "acknowledge")
		writeErr := s.flag(ctx, pbid, "acknowledge")
		if !settleable(writeErr) {
			return writeErr
		}
		breach, err := s.Get(ctx, pbid)
		switch {
		case errors.Is(err, ErrNotFound):
			return err
		case err == nil && breach.Acknowledged == nil:
			err = errors.New("the response does not say whether it is acknowledged")
			fallthrough
		case err != nil:
			return s.client().unverified(ctx, path, err, writeErr)
		case !*breach.Acknowledged:
			return s.client().notStored(path, fmt.Sprintf("model alert %d", pbid), writeErr)
		}
		return nil
	})
}

// PostComment posts a comment on a model alert. A nil error means that the
// appliance confirmed it, with a status or with the stored comment. If the
// response has neither, PostComment returns ErrOutcomeUnknown. It needs the
// permission "Discuss Breaches".
//
// Threat Visualizer API: POST /modelbreaches/{pbid}/comments.
func (s *ModelBreachService) PostComment(ctx context.Context, pbid int64, message string) error {
	if err := firstError(checkPBID(pbid), checkMessage(message)); err != nil {
		return err
	}
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: pathOf("modelbreaches", pbid, "comments"), JSON: struct {
		Message string `json:"message"`
	}{message}}, new(breachCommentPosted))
}

// breachCommentPosted is the response to a comment: a status or the stored comment,
// or a list with one of them for each master.
type breachCommentPosted struct{}

func (*breachCommentPosted) UnmarshalJSON(data []byte) error {
	confirmed := false
	master := func(_ string, object []byte) bool {
		confirmed = false
		wire.Parts(object, func(name string, value []byte) bool {
			text, _ := wire.Unquote(value)
			confirmed = name == "message" || name == "commentid" || name == "replicate" || strings.HasPrefix(text, "SUCCESS")
			return !confirmed
		})
		return confirmed
	}
	if firstByte(data) == '[' {
		wire.Parts(data, master)
	} else {
		master("", data)
	}
	if !confirmed {
		return errors.New("it has neither SUCCESS nor the comment")
	}
	return nil
}

// PostCommentVerified posts a comment and reads it back, with two more
// requests. It compares texts and returns errors as
// [AIAnalystService.PostCommentVerified] does.
//
// Threat Visualizer API: GET and POST /modelbreaches/{pbid}/comments.
func (s *ModelBreachService) PostCommentVerified(ctx context.Context, pbid int64, message string) (*BreachComment, error) {
	if err := firstError(checkPBID(pbid), checkMessage(message)); err != nil {
		return nil, err
	}
	return s.postVerified(ctx, pbid, message, false)
}

// PostCommentOnce posts a comment on a model alert unless the alert has one with
// the same text, and returns the comment. It compares texts and returns errors as
// [AIAnalystService.PostCommentOnce] does.
//
// Threat Visualizer API: GET and POST /modelbreaches/{pbid}/comments.
func (s *ModelBreachService) PostCommentOnce(ctx context.Context, pbid int64, message string) (*BreachComment, error) {
	if err := firstError(checkPBID(pbid), checkMessage(message)); err != nil {
		return nil, err
	}
	return s.postVerified(ctx, pbid, message, true)
}

func (s *ModelBreachService) postVerified(ctx context.Context, pbid int64, message string, once bool) (*BreachComment, error) {
	return postVerified(ctx, s.client(), pathOf("modelbreaches", pbid, "comments"), "the alert's list of comments", message, once,
		func() error { return s.PostComment(ctx, pbid, message) },
		func() ([]*BreachComment, error) { return s.ListComments(ctx, pbid) })
}

func (c *BreachComment) said() (string, Millis) { return c.Username + "\x00" + c.Message, c.Time }
func (c *BreachComment) message() string        { return c.Message }

func checkPBID(pbid int64) error {
	if pbid <= 0 {
		return argument("pbid", "is %d; ids of model alerts are positive", pbid)
	}
	return nil
}

func checkMessage(message string) error {
	switch {
	case strings.TrimSpace(message) == "":
		return argument("message", "is empty")
	case !utf8.ValidString(message):
		return argument("message", "is not valid UTF-8")
	}
	return nil
}

// RecentCommentsOptions selects comments.
//
// Threat Visualizer API: GET /mbcomments.
type RecentCommentsOptions struct {
	// Start and End bound the window, in milliseconds. Only Start: until now.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; it needs Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// PBID asks for the comments on one alert.
	PBID int64 `url:"pbid,omitempty"`
	// Count is how many comments of the window to list at most; 0 means 100.
	Count int `url:"count,omitempty"`
}

func (o *RecentCommentsOptions) check() error {
	return firstError(checkPair(o.Start, o.End), checkCount("Count", o.Count))
}

// RecentComments returns the latest comments on model alerts, newest first. Nil
// options mean the last 100. It needs the permission "Visualizer".
//
// Threat Visualizer API: GET /mbcomments.
func (s *ModelBreachService) RecentComments(ctx context.Context, opts *RecentCommentsOptions) ([]*BreachComment, error) {
	o := valueOf(opts)
	o.End = s.client().until(o.Start, o.End)
	return getList[BreachComment](ctx, s.client(), "/mbcomments", &o)
}

// ModelBreach is a model alert, which the API calls a model breach: a model
// matched the behaviour of a device.
//
// Decoding and encoding are as for [IncidentEvent]. Without the permission
// "Unrestricted Devices" the appliance anonymises addresses and names.
//
// Threat Visualizer API: GET /modelbreaches.
type ModelBreach struct {
	PBID                int64                      `json:"pbid,omitzero"`                     // Id of the alert on the appliance; beyond 32 bits under Unified View.
	Time                Millis                     `json:"time,omitzero"`                     // First activity that belongs to it.
	CreationTime        Millis                     `json:"creationTime,omitzero"`             // When the alert was created, usually 6 to 40 seconds after Time.
	CommentCount        int64                      `json:"commentCount,omitzero"`             // Number of comments.
	Score               Probability                `json:"score,omitzero"`                    // Score of the alert, 0 to 1; of the device with GroupByDevice.
	PercentScore        Score                      `json:"percentscore,omitzero"`             // Score of the alert, 0 to 100; 0 before 6.1.
	PBScore             Probability                `json:"pbscore,omitzero"`                  // Score of the alert, 0 to 1; only with GroupByDevice.
	DeviceScore         Probability                `json:"devicescore,omitzero"`              // Score of the device, 0 to 1; only with GroupByDevice.
	Acknowledged        *bool                      `json:"acknowledged,omitzero"`             // Somebody acknowledged it; nil = unknown, see IncludeAcknowledged. If the appliance sends more, it is in Extra.
	BreachURL           string                     `json:"breachUrl,omitzero"`                // Link into the Threat Visualizer; only with IncludeBreachURL.
	Model               BreachModel                `json:"model,omitzero" wire:"breachModel"` // Model that alerted.
	TriggeredComponents []TriggeredComponent       `json:"triggeredComponents,omitzero"`      // What matched; empty components in minimal alerts.
	Device              *Device                    `json:"device,omitzero"`                   // Device that the alert is about; id -1 is the system itself; nil = none, or with DeviceInComponents.
	MITRETechniques     []BreachTechnique          `json:"mitreTechniques,omitzero"`          // MITRE ATT&CK techniques; pushed alerts only.
	AIAnalystData       []BreachEvent              `json:"aianalystData,omitzero"`            // AI Analyst events that it belongs to; pushed alerts only.
	Extra               map[string]json.RawMessage `json:"-"`                                 // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped             []string                   `json:"-"`                                 // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// String describes the alert on one line: when it was created, its score, the
// name of its model, its device, and its id.
func (b *ModelBreach) String() string {
	device := ""
	if b.Device != nil {
		device = b.Device.Name()
	}
	return oneLine(b.CreationTime.String(), scoreText(b.percent()), strconv.Quote(b.Model.Name()), device, strconv.FormatInt(b.PBID, 10))
}

// LogValue returns what log/slog writes about the alert: its id, when it was
// created, its score, the name of its model, and whether it is acknowledged, if
// known. Devices and components are left out.
func (b *ModelBreach) LogValue() slog.Value {
	if b == nil {
		return slog.AnyValue(nil)
	}
	attrs := []slog.Attr{
		slog.Int64("pbid", b.PBID), slog.String("created", b.CreationTime.String()),
		slog.Float64("score", float64(b.percent())), slog.String("model", b.Model.Name()),
	}
	if b.Acknowledged != nil {
		attrs = append(attrs, slog.Bool("acknowledged", *b.Acknowledged))
	}
	return slog.GroupValue(attrs...)
}

// percent returns the score of the alert, which old versions send in another
// unit only.
func (b *ModelBreach) percent() Score {
	return cmp.Or(b.PercentScore, cmp.Or(b.PBScore, b.Score).Percent())
}

// BreachModel is the model of an alert. With HistoricModelOnly only Then is
// set.
type BreachModel struct {
	Then  *Model  `json:"then,omitzero"` // The model at the time of the alert; nil = not sent.
	Now   *Model  `json:"now,omitzero"`  // The current model; nil = not sent.
	Extra RawJSON `json:"-"`             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Name returns the name of the model at the time of the alert, or its current
// name, or "".
func (m BreachModel) Name() string {
	var name string
	if m.Then != nil {
		name = m.Then.Name
	}
	if m.Now != nil {
		name = cmp.Or(name, m.Now.Name)
	}
	return name
}

// TriggeredComponent is a component of a model with what matched it.
type TriggeredComponent struct {
	Time             Millis            `json:"time,omitzero"`             // When it matched.
	CBID             int64             `json:"cbid,omitzero"`             // Id of the match.
	CID              int64             `json:"cid,omitzero"`              // Id of the component.
	CHID             int64             `json:"chid,omitzero"`             // Id of the component's revision.
	Size             float64           `json:"size,omitzero"`             // Measured value, in the unit of the metric.
	Threshold        float64           `json:"threshold,omitzero"`        // What Size had to exceed.
	Interval         int64             `json:"interval,omitzero"`         // Seconds over which it was measured.
	Logic            ComponentLogic    `json:"logic,omitzero"`            // Which filters must match.
	Metric           BreachMetric      `json:"metric,omitzero"`           // What is measured.
	IP               string            `json:"ip,omitzero"`               // Address as a prefix, "192.0.2.1/32"; connection metrics only.
	Port             int64             `json:"port,omitzero"`             // Port; connection metrics only.
	TriggeredFilters []TriggeredFilter `json:"triggeredFilters,omitzero"` // Filters with the values that they matched; an id may occur several times.
	Device           *Device           `json:"device,omitzero"`           // Device; only with DeviceInComponents.
	Extra            RawJSON           `json:"-"`                         // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// BreachMetric names what a component measures.
type BreachMetric struct {
	MLID  int64   `json:"mlid,omitzero"`  // Id of the metric.
	Name  string  `json:"name,omitzero"`  // Name, as requests spell it.
	Label string  `json:"label,omitzero"` // Name for people.
	Extra RawJSON `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// TriggeredFilter is a filter of a component with the value that it matched.
type TriggeredFilter struct {
	CFID           int64           `json:"cfid,omitzero"`           // Id of the filter.
	ID             string          `json:"id,omitzero"`             // Letter in the component's logic, "A" to "AA"; "d1" and so on are only displayed.
	FilterType     string          `json:"filterType,omitzero"`     // What is compared, such as "Destination port".
	Arguments      FilterArguments `json:"arguments,omitzero"`      // What it is compared with.
	ComparatorType string          `json:"comparatorType,omitzero"` // How it is compared; "display" = not at all.
	Trigger        FilterTrigger   `json:"trigger,omitzero"`        // Value that it matched.
	Extra          RawJSON         `json:"-"`                       // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// FilterTrigger is the value that a filter matched.
type FilterTrigger struct {
	Value string  `json:"value,omitzero"` // The value as text.
	Tag   *Tag    `json:"tag,omitzero"`   // The tag, when the filter tests one; nil otherwise.
	Extra RawJSON `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// BreachTechnique is a MITRE ATT&CK technique of a pushed alert.
type BreachTechnique struct {
	Technique   string  `json:"technique,omitzero"`   // Name.
	TechniqueID string  `json:"techniqueID,omitzero"` // Id, such as "T1203".
	Extra       RawJSON `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// BreachEvent is an AI Analyst event that a pushed alert belongs to.
type BreachEvent struct {
	EventID    string  `json:"uuid,omitzero"`       // Id of the event, for AIAnalyst.GetEvent.
	Related    []int64 `json:"related,omitzero"`    // Ids of the event's model alerts.
	Summariser string  `json:"summariser,omitzero"` // System name of the component that wrote the event.
	Extra      RawJSON `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// BreachComment is a comment on a model alert. Comments can't be changed or
// deleted through the API.
//
// Threat Visualizer API: GET /modelbreaches/{pbid}/comments, GET /mbcomments.
type BreachComment struct {
	Message   string  `json:"message,omitzero"`   // Text.
	Username  string  `json:"username,omitzero"`  // Author.
	Time      Millis  `json:"time,omitzero"`      // When it was written.
	PBID      int64   `json:"pbid,omitzero"`      // Alert that it belongs to; only from RecentComments.
	PID       int64   `json:"pid,omitzero"`       // Model of the alert.
	Name      string  `json:"name,omitzero"`      // Name of the model; only from RecentComments.
	CommentID int64   `json:"commentid,omitzero"` // Id; 0 = not sent.
	Extra     RawJSON `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}
