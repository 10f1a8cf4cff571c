package darktrace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// AntigenaService lists the actions of RESPOND, activates, extends and clears
// them, and creates new ones, such as a quarantine. Darktrace now calls RESPOND
// Autonomous Response; the API calls it Antigena. It is the field Antigena of a
// [Client] and safe for concurrent use. See the example of
// [AntigenaService.ActivateVerified].
type AntigenaService service

// AntigenaKind says what an action does. The set is open.
type AntigenaKind string

// Kinds of actions.
const (
	AntigenaConnection         AntigenaKind = "connection"         // Block certain connections.
	AntigenaPatternOfLife      AntigenaKind = "pol"                // Allow only what the device usually does.
	AntigenaGroupPatternOfLife AntigenaKind = "gpol"               // Allow only what similar devices usually do.
	AntigenaQuarantine         AntigenaKind = "quarantine"         // Block all traffic.
	AntigenaQuarantineOutgoing AntigenaKind = "quarantineOutgoing" // Block all outgoing traffic.
	AntigenaQuarantineIncoming AntigenaKind = "quarantineIncoming" // Block all incoming traffic.
)

// AntigenaState is the state of an action.
type AntigenaState string

// States of actions.
const (
	AntigenaPending AntigenaState = "pending" // It waits for a person to confirm it.
	AntigenaActive  AntigenaState = "active"  // It is in force.
	AntigenaExpired AntigenaState = "expired" // Its time is over.
	AntigenaCleared AntigenaState = "cleared" // A person ended it.
)

// AntigenaAction is an action of RESPOND.
//
// Threat Visualizer API: GET /antigena.
type AntigenaAction struct {
	CodeID    int64                      `json:"codeid,omitzero"`                     // Id.
	DID       int64                      `json:"did,omitzero"`                        // Device that it acts on.
	IP        string                     `json:"ip,omitzero"`                         // Address of the device; may be anonymised.
	Action    AntigenaKind               `json:"action,omitzero"`                     // What it does.
	Label     string                     `json:"label,omitzero"`                      // What it does, in words.
	Detail    string                     `json:"detail,omitzero"`                     // Details; often "".
	Manual    bool                       `json:"manual,omitzero"`                     // A person created it; since 6.0.
	Triggerer *AntigenaTriggerer         `json:"triggerer,omitzero" wire:"triggerer"` // Who created it and why; nil if a model did, and before 6.0.
	PBID      int64                      `json:"pbid,omitzero"`                       // Model alert that it responds to; 0 = none.
	Score     Probability                `json:"score,omitzero"`                      // Score of the alert, 0 to 1; 0 if a person created it.
	Model     string                     `json:"model,omitzero"`                      // Name of the model, its folders joined with " / " or "::"; "" if a person created it.
	ModelUUID string                     `json:"modeluuid,omitzero"`                  // Id of the model; "" if a person created it.
	Start     Millis                     `json:"start,omitzero"`                      // Start.
	Expires   Millis                     `json:"expires,omitzero"`                    // End.
	Updated   Millis                     `json:"updated,omitzero"`                    // Last change; 0 = unknown.
	Blocked   bool                       `json:"blocked,omitzero"`                    // It blocked some connection.
	AgEmail   bool                       `json:"agemail,omitzero"`                    // It came from Darktrace/EMAIL.
	AgHost    bool                       `json:"aghost,omitzero"`                     // It is for endpoint agents.
	Active    bool                       `json:"active,omitzero"`                     // It was activated; stays true when it expires. See State.
	Cleared   bool                       `json:"cleared,omitzero"`                    // A person ended it.
	History   []AntigenaChange           `json:"history,omitzero"`                    // Its history; only with IncludeHistory.
	Extra     map[string]json.RawMessage `json:"-"`                                   // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped   []string                   `json:"-"`                                   // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// State returns the state of the action at a time of the appliance's clock.
func (a *AntigenaAction) State(now time.Time) AntigenaState {
	switch {
	case a.Cleared:
		return AntigenaCleared
	case !a.Expires.Time().After(now):
		return AntigenaExpired
	case a.Active:
		return AntigenaActive
	}
	return AntigenaPending
}

// AntigenaTriggerer is the person who created an action.
type AntigenaTriggerer struct {
	Username string  `json:"username,omitzero"` // User name.
	Reason   string  `json:"reason,omitzero"`   // Reason.
	Extra    RawJSON `json:"-"`                 // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AntigenaChange is an entry in the history of an action.
type AntigenaChange struct {
	Family   string  `json:"family,omitzero"`   // Family of actions, such as "NETWORK".
	Username string  `json:"username,omitzero"` // Who did it.
	Action   string  `json:"action,omitzero"`   // What: "created", "created (requires confirmation)", "extended", "cleared", "reactivated (expired)", in upper or lower case; an open set.
	Reason   string  `json:"reason,omitzero"`   // Reason.
	Time     Millis  `json:"time,omitzero"`     // When.
	Extra    RawJSON `json:"-"`                 // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AntigenaActions are actions with their devices and blocked connections.
type AntigenaActions struct {
	Actions     []*AntigenaAction          `json:"actions,omitzero"`     // The actions.
	Devices     []Device                   `json:"devices,omitzero"`     // The devices that they act on.
	Connections []AntigenaBlocked          `json:"connections,omitzero"` // Connections that they blocked.
	Extra       map[string]json.RawMessage `json:"-"`                    // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet
}

// AntigenaBlocked is a connection that an action blocked.
type AntigenaBlocked struct {
	Action    AntigenaKind `json:"action,omitzero"`    // Kind of the action.
	Label     string       `json:"label,omitzero"`     // The action in words.
	DID       int64        `json:"did,omitzero"`       // Device.
	Direction string       `json:"direction,omitzero"` // "outgoing" or "incoming".
	IP        string       `json:"ip,omitzero"`        // Address; may be anonymised.
	Port      int64        `json:"port,omitzero"`      // Port.
	Time      Millis       `json:"timems,omitzero"`    // When.
	TimeText  string       `json:"time,omitzero"`      // The same as text, "2006-01-02 15:04:05" in UTC.
	Extra     RawJSON      `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AntigenaSummary counts actions.
//
// Threat Visualizer API: GET /antigena/summary.
type AntigenaSummary struct {
	PendingCount         int64                      `json:"pendingCount"`                  // Pending actions; always 0 with a window.
	ActiveCount          int64                      `json:"activeCount"`                   // Active actions.
	PendingActionDevices []int64                    `json:"pendingActionDevices,omitzero"` // Devices with pending actions; always empty with a window.
	ActiveActionDevices  []int64                    `json:"activeActionDevices,omitzero"`  // Devices with active actions.
	Extra                map[string]json.RawMessage `json:"-"`                             // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet
}

const (
	antigenaPath        = "/antigena"
	antigenaSummaryPath = "/antigena/summary"
)

// AntigenaListOptions selects actions. Fields combine as AND; zero fields are not
// sent.
//
// Threat Visualizer API: GET /antigena.
type AntigenaListOptions struct {
	// Start and End bound the window, in milliseconds. Neither: every current
	// action, and those that expired in the last 14 days. Only Start: until
	// now.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; it needs Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// DID asks for the actions on a device.
	DID int64 `url:"did,omitempty"`
	// PBID asks for the actions that respond to a model alert.
	PBID int64 `url:"pbid,omitempty"`
	// NeedConfirming asks only for actions that wait for a person if it is
	// true, and only for other actions if it is false. Nil means all.
	NeedConfirming *bool `url:"needconfirming,omitempty"`
	// IncludeCleared asks for cleared actions too.
	IncludeCleared bool `url:"includecleared,omitempty"`
	// IncludeHistory asks for AntigenaAction.History.
	IncludeHistory bool `url:"includehistory,omitempty"`
}

func (o *AntigenaListOptions) check() error { return checkPair(o.Start, o.End) }

// ListActions returns the actions of RESPOND. Nil options mean every current
// action, and those that expired in the last 14 days. It needs the permissions
// "Unrestricted Devices", without which the appliance anonymises, and
// "Visualizer".
//
// Threat Visualizer API: GET /antigena.
func (s *AntigenaService) ListActions(ctx context.Context, opts *AntigenaListOptions) ([]*AntigenaAction, error) {
	o := valueOf(opts)
	o.End = s.client().until(o.Start, o.End)
	return getList[AntigenaAction](ctx, s.client(), antigenaPath, &o)
}

// ListActionsWithDevices returns actions as ListActions does, with their devices
// and the connections that they blocked.
//
// Threat Visualizer API: GET /antigena.
func (s *AntigenaService) ListActionsWithDevices(ctx context.Context, opts *AntigenaListOptions) (*AntigenaActions, error) {
	o := valueOf(opts)
	o.End = s.client().until(o.Start, o.End)
	decode := orBare(decoderOf[AntigenaActions](ctx), decoderOf[AntigenaAction](ctx), func(a *AntigenaAction) *AntigenaActions {
		return &AntigenaActions{Actions: []*AntigenaAction{a}}
	})
	return getParts(ctx, s.client(), antigenaPath, &struct {
		AntigenaListOptions
		FullDeviceDetails  bool `url:"fulldevicedetails"`
		IncludeConnections bool `url:"includeconnections"`
	}{o, true, true}, decode, new(AntigenaActions), (*AntigenaActions).join)
}

// join adds the actions of another master.
func (a *AntigenaActions) join(part *AntigenaActions) {
	a.Actions = append(a.Actions, part.Actions...)
	a.Devices = append(a.Devices, part.Devices...)
	a.Connections = append(a.Connections, part.Connections...)
	addExtra(&a.Extra, part.Extra)
}

// AntigenaSummaryOptions bounds the time that Summary counts.
//
// Threat Visualizer API: GET /antigena/summary.
type AntigenaSummaryOptions struct {
	// Start and End bound the window, in milliseconds. Neither: current
	// actions. Only Start: until now.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; it needs Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
}

func (o *AntigenaSummaryOptions) check() error { return checkPair(o.Start, o.End) }

// Summary counts the actions of RESPOND and names their devices. Nil options
// mean current actions. Permissions are as for ListActions.
//
// Threat Visualizer API: GET /antigena/summary.
func (s *AntigenaService) Summary(ctx context.Context, opts *AntigenaSummaryOptions) (*AntigenaSummary, error) {
	o := valueOf(opts)
	o.End = s.client().until(o.Start, o.End)
	return getParts(ctx, s.client(), antigenaSummaryPath, &o, decoderOf[AntigenaSummary](ctx), nil, (*AntigenaSummary).join)
}

// join adds the actions of another master.
func (a *AntigenaSummary) join(part *AntigenaSummary) {
	a.PendingCount += part.PendingCount
	a.ActiveCount += part.ActiveCount
	a.PendingActionDevices = append(a.PendingActionDevices, part.PendingActionDevices...)
	a.ActiveActionDevices = append(a.ActiveActionDevices, part.ActiveActionDevices...)
	addExtra(&a.Extra, part.Extra)
}

// Activate confirms a pending action, which then lasts for duration, in whole
// seconds; 0 means the duration that its model sets. A reason is required,
// because appliances can demand one. Activate needs the permissions "Darktrace
// RESPOND", "Unrestricted Devices" and "Visualizer".
//
// Threat Visualizer API: POST /antigena, since 6.0.16.
func (s *AntigenaService) Activate(ctx context.Context, codeID int64, duration time.Duration, reason string) error {
	return s.change(ctx, antigenaChange{CodeID: codeID, Activate: true, Reason: reason}, duration, false)
}

// ActivateVerified activates an action and reads it before and after: only a
// difference proves that the end was set. If the first read fails, it returns
// that error and writes nothing. Otherwise the error is
//
//   - ErrNotStored if the action is not in force afterwards, or its end did not
//     change;
//   - ErrNotFound if the appliance rejected the write and lists no such action;
//   - ErrOutcomeUnknown if the action can't be read back, or its end differs
//     from the expected one by so little that the clocks may explain it. Actions
//     that expired more than 14 days ago are not listed.
//
// The action is returned as it was read, even with an error.
//
// Threat Visualizer API: POST /antigena, since 6.0.16, GET /antigena.
func (s *AntigenaService) ActivateVerified(ctx context.Context, codeID int64, duration time.Duration, reason string) (*AntigenaAction, error) {
	return s.changeVerified(ctx, antigenaChange{CodeID: codeID, Activate: true, Reason: reason}, duration, false)
}

// Extend makes an active action last for total from now on, in whole seconds.
// It does not add: with 100 seconds left, a total of 110 adds 10 seconds, and a
// total of 10 removes 90. Reason and permissions are as for Activate.
//
// Threat Visualizer API: POST /antigena, since 6.0.16.
func (s *AntigenaService) Extend(ctx context.Context, codeID int64, total time.Duration, reason string) error {
	return s.change(ctx, antigenaChange{CodeID: codeID, Reason: reason}, total, true)
}

// ExtendVerified extends an action and reads it back. Errors are as in
// ActivateVerified.
//
// Threat Visualizer API: POST /antigena, since 6.0.16, GET /antigena.
func (s *AntigenaService) ExtendVerified(ctx context.Context, codeID int64, total time.Duration, reason string) (*AntigenaAction, error) {
	return s.changeVerified(ctx, antigenaChange{CodeID: codeID, Reason: reason}, total, true)
}

// Clear ends a pending, active or expired action. For the rest of the action's
// time, the appliance does not repeat it for the same alert. Reason and
// permissions are as for Activate.
//
// Threat Visualizer API: POST /antigena, since 6.0.16.
func (s *AntigenaService) Clear(ctx context.Context, codeID int64, reason string) error {
	return s.change(ctx, antigenaChange{CodeID: codeID, Clear: true, Reason: reason}, 0, false)
}

// ClearVerified clears an action and reads it back. Errors are as in
// ActivateVerified.
//
// Threat Visualizer API: POST /antigena, since 6.0.16, GET /antigena.
func (s *AntigenaService) ClearVerified(ctx context.Context, codeID int64, reason string) (*AntigenaAction, error) {
	return s.changeVerified(ctx, antigenaChange{CodeID: codeID, Clear: true, Reason: reason}, 0, false)
}

// Reactivate puts a cleared or expired action back into force for duration, in
// whole seconds. Reason and permissions are as for Activate.
//
// Threat Visualizer API: POST /antigena, since 6.0.16.
func (s *AntigenaService) Reactivate(ctx context.Context, codeID int64, duration time.Duration, reason string) error {
	return s.change(ctx, antigenaChange{CodeID: codeID, Activate: true, Reason: reason}, duration, true)
}

// ReactivateVerified reactivates an action and reads it back. Errors are as in
// ActivateVerified.
//
// Threat Visualizer API: POST /antigena, since 6.0.16, GET /antigena.
func (s *AntigenaService) ReactivateVerified(ctx context.Context, codeID int64, duration time.Duration, reason string) (*AntigenaAction, error) {
	return s.changeVerified(ctx, antigenaChange{CodeID: codeID, Activate: true, Reason: reason}, duration, true)
}

// antigenaChange is the body of a request that changes an action.
type antigenaChange struct {
	CodeID   int64  `json:"codeid"`
	Activate bool   `json:"activate,omitzero"`
	Clear    bool   `json:"clear,omitzero"`
	Duration int64  `json:"duration,omitzero"` // seconds
	Reason   string `json:"reason"`
}

func (b antigenaChange) check(duration time.Duration, needed bool) error {
	if b.CodeID <= 0 {
		return argument("codeID", "is %d; ids of actions are positive", b.CodeID)
	}
	return checkAntigena(duration, needed, b.Reason)
}

func (s *AntigenaService) change(ctx context.Context, body antigenaChange, duration time.Duration, needed bool) error {
	if err := body.check(duration, needed); err != nil {
		return err
	}
	body.Duration = int64(duration / time.Second)
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: antigenaPath, JSON: body}, nil)
}

func checkAntigena(duration time.Duration, needed bool, reason string) error {
	switch {
	case needed && duration == 0:
		return argument("duration", "is 0; set how long the action lasts from now on")
	case strings.TrimSpace(reason) == "":
		return argument("reason", "is empty; appliances can demand one")
	case !utf8.ValidString(reason):
		return argument("reason", "is not valid UTF-8")
	}
	return checkAgo("duration", duration)
}

// changeVerified changes an action, and compares it before and after to find
// out whether the change was carried out.
func (s *AntigenaService) changeVerified(ctx context.Context, body antigenaChange, duration time.Duration, needed bool) (*AntigenaAction, error) {
	if err := body.check(duration, needed); err != nil {
		return nil, err
	}
	list := func() (*AntigenaAction, error) {
		actions, err := s.ListActions(ctx, &AntigenaListOptions{IncludeCleared: true})
		if i := slices.IndexFunc(actions, func(a *AntigenaAction) bool { return a.CodeID == body.CodeID }); i >= 0 && err == nil {
			return actions[i], nil
		}
		return nil, err
	}
	before, err := list()
	if err != nil {
		return nil, err
	}
	writeErr := s.change(ctx, body, duration, needed)
	if !settleable(writeErr) {
		return nil, writeErr
	}
	c := s.client()
	after, err := list()
	switch {
	case err != nil:
		return nil, c.unverified(ctx, antigenaPath, err, writeErr)
	case after == nil && errors.Is(writeErr, ErrRejected):
		return nil, c.missing(antigenaPath, "action %d", body.CodeID)
	case after == nil: // It may have expired too long ago to be listed.
		return nil, c.unverified(ctx, antigenaPath, fmt.Errorf("the list has no action %d", body.CodeID), writeErr)
	}
	return after, s.judge(antigenaPath, before, after, body.Clear, duration, writeErr)
}

// settleable reports whether reading back shows the outcome of a write that
// failed with err.
func settleable(writeErr error) bool {
	return writeErr == nil || errors.Is(writeErr, ErrOutcomeUnknown) || errors.Is(writeErr, ErrRejected)
}

// judge decides whether an action is in the state that a write should have left it
// in. before is nil for a new action.
func (s *AntigenaService) judge(path string, before, after *AntigenaAction, clear bool, duration time.Duration, writeErr error) error {
	c := s.client()
	now, known := c.clock.Appliance()
	off := func(from time.Time) time.Duration { return (after.Expires.Time().Sub(from) - duration).Abs() }
	const tolerance, instant = time.Minute, 5 * time.Second
	changed := before == nil || before.Expires != after.Expires
	inState := after.Cleared == clear && (clear || after.Active)
	rejected := errors.Is(writeErr, ErrRejected)
	what := fmt.Sprintf("action %d", after.CodeID)
	switch {
	case !inState && rejected:
		return writeErr
	case !inState:
		return c.notStored(path, what, writeErr)
	case clear, duration == 0 && after.State(now) == AntigenaActive:
		return nil
	case rejected && before != nil: // Somebody else may have set its end.
		return writeErr
	case changed && (duration == 0 || off(now) <= tolerance || before == nil && off(after.Start.Time()) <= tolerance):
		return nil
	case !changed && writeErr == nil && duration > 0 && off(now) <= instant: // It had that end before.
		return nil
	case changed, writeErr == nil && !known:
		return failed(ErrOutcomeUnknown, http.MethodPost, path, fmt.Sprintf("%s ends at %s, which is not the requested time by the local clock",
			what, after.Expires.Time().UTC().Format(time.RFC3339)), writeErr, c.redact)
	}
	return c.notStored(path, what, writeErr)
}

const antigenaManualPath = "/antigena/manual"

// AntigenaTarget says which connections to block: those between two addresses
// or host names, or to one port of the second.
type AntigenaTarget struct {
	Source      string `json:"src"`            // Address or host name.
	Destination string `json:"dst"`            // Address or host name.
	Port        int    `json:"port,omitempty"` // Port of Destination; 0 = any.
}

// antigenaManual is the body of a request that creates an action.
type antigenaManual struct {
	DID         int64            `json:"did"`
	Action      AntigenaKind     `json:"action"`
	Duration    int64            `json:"duration"` // seconds
	Reason      string           `json:"reason"`
	Connections []AntigenaTarget `json:"connections,omitempty"`
}

// blocking is the body of a request that blocks connections.
func blocking(did int64, connections []AntigenaTarget, reason string) antigenaManual {
	if connections == nil {
		connections = []AntigenaTarget{}
	}
	return antigenaManual{DID: did, Action: AntigenaConnection, Reason: reason, Connections: connections}
}

func (b antigenaManual) check(duration time.Duration) error {
	switch {
	case b.Action == "":
		return argument("action", "is empty")
	case b.Action == AntigenaConnection && b.Connections == nil:
		return argument("action", "is %q; use BlockConnections", b.Action)
	case b.Action == AntigenaConnection && len(b.Connections) == 0:
		return argument("connections", "contains no connection")
	}
	for _, connection := range b.Connections {
		switch {
		case strings.TrimSpace(connection.Source) == "" || strings.TrimSpace(connection.Destination) == "":
			return argument("connections", "contains a connection without Source or Destination")
		case connection.Port < 0 || connection.Port > 65535:
			return argument("connections", "contains %d, which is not a port", connection.Port)
		}
	}
	if b.DID <= 0 {
		return argument("did", "is %d; ids of devices are positive", b.DID)
	}
	return checkAntigena(duration, true, b.Reason)
}

// antigenaMade is the response, which holds the id of the action under one of two
// names.
type antigenaMade struct {
	Code   int64   `json:"code,omitzero"`
	CodeID int64   `json:"codeid,omitzero"`
	Extra  RawJSON `json:"-"`

	unusual fieldSet
}

// BlockConnections blocks connections of a device for duration, in whole
// seconds, at once and without a model. It returns the id of the action, for
// Clear, or 0 if the response does not contain it. Each call creates a new
// action. After ErrOutcomeUnknown, look for the action in ListActions, by a
// unique reason. Permissions are as for Activate.
//
// Threat Visualizer API: POST /antigena/manual, since 6.0.
func (s *AntigenaService) BlockConnections(ctx context.Context, did int64, connections []AntigenaTarget, duration time.Duration, reason string) (codeID int64, err error) {
	return s.make(ctx, blocking(did, connections, reason), duration)
}

// BlockConnectionsVerified blocks connections and reads the action back. It
// finds the action by its id, or by its reason among those that were not there
// before. Errors are as in ActivateVerified.
//
// Threat Visualizer API: POST /antigena/manual, since 6.0, GET /antigena.
func (s *AntigenaService) BlockConnectionsVerified(ctx context.Context, did int64, connections []AntigenaTarget, duration time.Duration, reason string) (*AntigenaAction, error) {
	return s.makeVerified(ctx, blocking(did, connections, reason), duration)
}

// Manual creates an action of another kind on a device for duration, in whole
// seconds: [AntigenaQuarantine] cuts the device off the network. It is carried
// out at once and without a model. Everything else is as in BlockConnections.
//
// Experimental: documented only. A 7.1.0 appliance rejected
// [AntigenaPatternOfLife], [AntigenaGroupPatternOfLife] and
// [AntigenaQuarantineOutgoing] on an endpoint agent's device with ErrInput; the
// other two were not tried.
//
// Threat Visualizer API: POST /antigena/manual, since 6.0.
func (s *AntigenaService) Manual(ctx context.Context, did int64, action AntigenaKind, duration time.Duration, reason string) (codeID int64, err error) {
	return s.make(ctx, antigenaManual{DID: did, Action: action, Reason: reason}, duration)
}

// ManualVerified creates an action and reads it back, as
// BlockConnectionsVerified does.
//
// Experimental: as Manual.
//
// Threat Visualizer API: POST /antigena/manual, since 6.0, GET /antigena.
func (s *AntigenaService) ManualVerified(ctx context.Context, did int64, action AntigenaKind, duration time.Duration, reason string) (*AntigenaAction, error) {
	return s.makeVerified(ctx, antigenaManual{DID: did, Action: action, Reason: reason}, duration)
}

func (s *AntigenaService) make(ctx context.Context, body antigenaManual, duration time.Duration) (int64, error) {
	if err := body.check(duration); err != nil {
		return 0, err
	}
	body.Duration = int64(duration / time.Second)
	made, err := oneOrNone[antigenaMade](ctx, s.client(), &Request{Method: http.MethodPost, Path: antigenaManualPath, JSON: body})
	if err != nil {
		return 0, err
	}
	return cmp.Or(made.CodeID, made.Code), nil
}

// makeVerified creates an action and finds it among the actions that are new.
func (s *AntigenaService) makeVerified(ctx context.Context, body antigenaManual, duration time.Duration) (*AntigenaAction, error) {
	if err := body.check(duration); err != nil {
		return nil, err
	}
	list := func() ([]*AntigenaAction, error) {
		return s.ListActions(ctx, &AntigenaListOptions{DID: body.DID, IncludeCleared: true})
	}
	before, err := list()
	if err != nil {
		return nil, err
	}
	codeID, writeErr := s.make(ctx, body, duration)
	if !settleable(writeErr) {
		return nil, writeErr
	}
	c := s.client()
	after, err := list()
	if err != nil {
		return nil, c.unverified(ctx, antigenaManualPath, err, writeErr)
	}
	fresh := slices.DeleteFunc(after, func(a *AntigenaAction) bool {
		there := slices.ContainsFunc(before, func(b *AntigenaAction) bool { return b.CodeID == a.CodeID })
		return there || codeID != 0 && a.CodeID != codeID || codeID == 0 && (!a.Manual || a.Action != body.Action)
	})
	alikes := slices.DeleteFunc(slices.Clone(fresh), func(a *AntigenaAction) bool {
		return codeID == 0 && (a.Triggerer == nil || !alike(body.Reason, a.Triggerer.Reason))
	})
	switch {
	case len(alikes) > 0:
		made := slices.MaxFunc(alikes, func(a, b *AntigenaAction) int { return cmp.Compare(a.CodeID, b.CodeID) })
		return made, s.judge(antigenaManualPath, nil, made, false, duration, writeErr)
	case errors.Is(writeErr, ErrRejected):
		return nil, writeErr
	case len(fresh) > 0:
		return fresh[0], failed(ErrOutcomeUnknown, http.MethodPost, antigenaManualPath,
			fmt.Sprintf("device %d has a new action with another reason; look at it before you create another", body.DID), writeErr, c.redact)
	}
	return nil, c.notStored(antigenaManualPath, fmt.Sprintf("the list of actions on device %d", body.DID), writeErr)
}
