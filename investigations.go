package darktrace

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Investigation is an AI Analyst investigation of one device around one time.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
type Investigation struct {
	ID                string                     `json:"investigationId,omitzero"`   // Id of the investigation.
	Time              Seconds                    `json:"time,omitzero"`              // When the investigation was requested.
	InvestigationTime Seconds                    `json:"investigationTime,omitzero"` // The time that it examines, with about an hour around it.
	DID               int64                      `json:"did,omitzero"`               // Device that it examines.
	Version           float64                    `json:"version,omitzero"`           // Version of the analysis.
	Status            InvestigationStatus        `json:"status,omitzero"`            // Its progress.
	CreatedBy         string                     `json:"createdBy,omitzero"`         // Who requested it.
	NoticeUID         string                     `json:"noticeUid,omitzero"`         // Id of the notice that it belongs to.
	PBID              int64                      `json:"pbid,omitzero"`              // Id of its system model alert, which is not a model alert of the device.
	IncidentID        string                     `json:"incidentId,omitzero"`        // Id of the finding; "" without findings.
	Summariser        string                     `json:"summarizer,omitzero"`        // System name of the component that wrote the finding; "" without findings.
	Incidents         []InvestigationIncident    `json:"incidents,omitzero"`         // Findings; empty when nothing was found.
	Extra             map[string]json.RawMessage `json:"-"`                          // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet // Fields that the values alone would encode differently.
}

// InvestigationIncident is a finding of an [Investigation].
type InvestigationIncident struct {
	EventID    string  `json:"uuid,omitzero"`       // Id of the event, for GetEvent.
	Related    []int64 `json:"related,omitzero"`    // Ids of related model alerts.
	Summariser string  `json:"summariser,omitzero"` // System name of the component that wrote the event.
	Extra      RawJSON `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// InvestigationStatus is the progress of an investigation. The set is open.
type InvestigationStatus string

// Investigation statuses.
const (
	InvestigationPending    InvestigationStatus = "pending"    // Waiting.
	InvestigationProcessing InvestigationStatus = "processing" // Under way.
	InvestigationFinished   InvestigationStatus = "finished"   // Done.
)

// InvestigationListOptions selects investigations.
type InvestigationListOptions struct {
	// Start and End bound the window. They are sent in seconds, as all times of
	// investigations are; the guide is not clear about the unit.
	Start time.Time `url:"starttime,omitempty,unix"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unix"`
	// ResponseData names the fields to return; empty means all of them.
	ResponseData string `url:"responseData,omitempty"`
}

// StartInvestigation asks AI Analyst to investigate a device (its did) in about
// the hour around a time, and returns the id of the investigation. If the
// device id is below 1 or the time is zero, it returns ErrArgument. It needs
// the permission "Create AI Analyst Investigations".
//
// Threat Visualizer API: POST /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) StartInvestigation(ctx context.Context, deviceID int64, at time.Time) (investigationID string, err error) {
	switch {
	case deviceID <= 0:
		return "", argument("deviceID", "is %d; ids of devices are positive", deviceID)
	case at.Unix() <= 0:
		return "", argument("at", "is zero or before 1970")
	}
	// The response of a Unified View is a list, with an object for each master.
	k, err := (&Request{Method: http.MethodPost, Path: investigationPath, JSON: struct {
		Time string `json:"investigateTime"`
		DID  int64  `json:"did"`
	}{strconv.FormatInt(at.Unix(), 10), deviceID}}).call()
	if err != nil {
		return "", err
	}
	started, r, err := first(ctx, s.client(), k, objectOf[Investigation](ctx), func(i *Investigation) bool { return i.ID != "" })
	switch {
	case err != nil:
		return "", err
	case started == nil:
		return "", r.undecoded(errors.New("the response contains no investigationId"))
	}
	r.done(nil)
	return started.ID, nil
}

// GetInvestigation returns an investigation. If the appliance has no such
// investigation, it returns ErrNotFound.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) GetInvestigation(ctx context.Context, id string) (*Investigation, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	return lookUp(ctx, s.client(), &call{method: http.MethodGet, path: investigationPath, query: "investigationId=" + id}, decoderOf[Investigation](ctx), id,
		func(i *Investigation) bool { return i.ID == id })
}

// ListInvestigations returns investigations. Nil options mean the default
// window of the appliance, which is not documented.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) ListInvestigations(ctx context.Context, opts *InvestigationListOptions) ([]*Investigation, error) {
	return getList[Investigation](ctx, s.client(), investigationPath, opts)
}

func (o *InvestigationListOptions) check() error { return checkWindow(o.Start, o.End) }

// WaitInvestigation waits until an investigation is finished, and returns it. It
// asks every 2 seconds at first, and every 30 seconds later. It returns earlier
// only if the context ends or GetInvestigation fails.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) WaitInvestigation(ctx context.Context, id string) (*Investigation, error) {
	for wait := 2 * time.Second; ; wait = min(2*wait, 30*time.Second) {
		investigation, err := s.GetInvestigation(ctx, id)
		if err != nil || investigation.Status == InvestigationFinished {
			return investigation, err
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, failed(ErrConnection, http.MethodGet, investigationPath, "investigation "+id+" is still "+string(investigation.Status), err, s.client().redact)
		}
	}
}
