package darktrace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-querystring/query"
)

// Investigation is an AI Analyst investigation of one device around one time.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
type Investigation struct {
	ID                string                     // Id of the investigation.
	Time              Seconds                    // When the investigation was asked for.
	InvestigationTime Seconds                    // The time that it looks at, about an hour around it.
	DID               int64                      // Device that it looks at.
	Version           float64                    // Version of the analysis.
	Status            InvestigationStatus        // How far it is.
	CreatedBy         string                     // Who asked for it.
	NoticeUID         string                     // Id of the notice behind it.
	PBID              int64                      // Id of its system model alert; it is no model alert of the device.
	IncidentID        string                     // Id of the finding; "" without findings.
	Summariser        string                     // System name of what wrote the finding; "" without findings.
	Incidents         []InvestigationIncident    // Findings; empty when nothing was found.
	Extra             map[string]json.RawMessage // Fields that this type doesn't know, and those of an unexpected type; nil = none.
}

// InvestigationIncident is a finding of an [Investigation].
type InvestigationIncident struct {
	EventID    string  // Id of the event, for GetEvent.
	Related    []int64 // Ids of related model alerts.
	Summariser string  // System name of what wrote the event.
	Extra      RawJSON // What the fields above can't hold; see [RawJSON].
}

// InvestigationStatus tells how far an investigation is. The set is open.
type InvestigationStatus string

// Investigation statuses.
const (
	InvestigationPending    InvestigationStatus = "pending"    // Waiting.
	InvestigationProcessing InvestigationStatus = "processing" // Under way.
	InvestigationFinished   InvestigationStatus = "finished"   // Done.
)

// InvestigationListOptions selects investigations.
type InvestigationListOptions struct {
	// Start and End bound the window, sent in seconds as all times of
	// investigations are; the guide is not clear about the unit here.
	Start time.Time `url:"starttime,omitempty,unix"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unix"`
	// ResponseData names the fields to return; empty means all of them.
	ResponseData string `url:"responseData,omitempty"`
}

// StartInvestigation asks AI Analyst to look at a device (its did) in about the
// hour around a time, and returns the investigation's id. A device id below 1 and
// a zero time are an ErrArgument. It needs the permission "Create AI Analyst
// Investigations".
//
// Threat Visualizer API: POST /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) StartInvestigation(ctx context.Context, deviceID int64, at time.Time) (investigationID string, err error) {
	switch {
	case deviceID <= 0:
		return "", argument("deviceID", "is %d, which is no device", deviceID)
	case at.Unix() <= 0:
		return "", argument("at", "is zero or before 1970")
	}
	k, err := (&Request{Method: http.MethodPost, Path: investigationPath, JSON: struct {
		Time string `json:"investigateTime"`
		DID  int64  `json:"did"`
	}{strconv.FormatInt(at.Unix(), 10), deviceID}}).call()
	if err != nil {
		return "", err
	}
	reply, err := s.client().send(ctx, k)
	if err != nil {
		return "", err
	}
	// A Unified View answers with a list, an object for each master.
	answers := bytes.TrimSpace(reply.data)
	if firstByte(answers) != '[' {
		answers = append(append([]byte{'['}, answers...), ']')
	}
	err = decodeStream(bytes.NewBuffer(answers), decodeInvestigation, func(answer *Investigation) bool {
		investigationID = answer.ID
		return investigationID == ""
	})
	if err == nil && investigationID == "" {
		err = errors.New("the answer holds no investigationId")
	}
	if err != nil {
		return "", reply.undecoded(err)
	}
	return investigationID, nil
}

// GetInvestigation returns an investigation. ErrNotFound when the appliance has
// none of that id.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) GetInvestigation(ctx context.Context, id string) (*Investigation, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	return first(ctx, s.client(), investigationPath, "investigationId="+id, decodeInvestigation, id,
		func(i *Investigation) bool { return i.ID == id })
}

// ListInvestigations returns investigations; nil options mean the appliance's
// default window, which is not documented.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
func (s *AIAnalystService) ListInvestigations(ctx context.Context, opts *InvestigationListOptions) ([]*Investigation, error) {
	var o InvestigationListOptions
	if opts != nil {
		o = *opts
	}
	if err := checkWindow(o.Start, o.End); err != nil {
		return nil, err
	}
	values, _ := query.Values(o) // It fails only for what is no struct.
	l := list[Investigation]{path: investigationPath, query: values, decode: decodeInvestigation}
	return collect(func(yield func(*Investigation, error) bool) {
		if err := l.each(ctx, s.client(), func(i *Investigation) bool { return yield(i, nil) }); err != nil {
			yield(nil, err)
		}
	})
}

// WaitInvestigation asks for an investigation until it is finished, every 2
// seconds at first and every 30 in the end. Only the context ends the wait
// earlier, or an error of GetInvestigation.
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
