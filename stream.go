package darktrace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// elementDecoder decodes one element of a list. The bytes are valid JSON and
// belong to the caller, who overwrites them after the call.
type elementDecoder[T any] func(element []byte) (*T, error)

// decodeStream reads a JSON array and yields its elements one by one, each
// before a byte after it is needed. It returns nil when the array has ended and
// nothing but white space follows, or when yield returns false.
func decodeStream[T any](r io.Reader, one elementDecoder[T], yield func(*T) bool) error {
	dec := jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if kind := dec.PeekKind(); kind > 0 && kind != '[' {
		return fmt.Errorf("expected a list, got %v", kind)
	}
	if _, err := dec.ReadToken(); err != nil {
		return whole(err)
	}
	for dec.PeekKind() != ']' {
		element, err := dec.ReadValue()
		if err != nil {
			return whole(err)
		}
		v, err := one(element)
		if err != nil {
			return fmt.Errorf("element at byte %d: %w", dec.InputOffset(), err)
		}
		if !yield(v) {
			return nil
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return whole(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("more follows after the list")
		}
		return err
	}
	return nil
}

// whole turns the end of the input where more was due into an error of its own:
// a bare io.EOF means to most readers that all is well.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// decodeEvent returns the decoder of events. With keepRaw each event keeps its
// bytes.
func decodeEvent(keepRaw bool) elementDecoder[IncidentEvent] {
	return func(element []byte) (*IncidentEvent, error) {
		var w struct {
			ID           string          `json:"id"`
			Title        string          `json:"title"`
			Summary      json.RawMessage `json:"summary"`
			CreatedAt    Millis          `json:"createdAt"`
			Category     Category        `json:"category"`
			CurrentGroup string          `json:"currentGroup"`
			Acknowledged bool            `json:"acknowledged"`
			Pinned       bool            `json:"pinned"`
		}
		err := json.Unmarshal(element, &w)
		e := &IncidentEvent{ID: w.ID, Title: w.Title, CreatedAt: w.CreatedAt, Category: w.Category, CurrentGroup: w.CurrentGroup, Acknowledged: w.Acknowledged, Pinned: w.Pinned}
		if keepRaw {
			e.Raw = append(json.RawMessage(nil), element...)
		}
		return e, err
	}
}

// decodeGroup returns the decoder of groups. With keepRaw each group keeps its
// bytes.
func decodeGroup(keepRaw bool) elementDecoder[IncidentGroup] {
	return func(element []byte) (*IncidentGroup, error) {
		var w struct {
			ID       string   `json:"id"`
			Previous []string `json:"previousIds"`
			Events   []struct {
				UUID  string `json:"uuid"`
				Title string `json:"title"`
			} `json:"incidentEvents"`
		}
		err := json.Unmarshal(element, &w)
		g := &IncidentGroup{ID: w.ID, PreviousIDs: w.Previous}
		for _, e := range w.Events {
			g.Events = append(g.Events, GroupEvent{ID: e.UUID, Title: e.Title})
		}
		if keepRaw {
			g.Raw = append(json.RawMessage(nil), element...)
		}
		return g, err
	}
}

// decodeInvestigation decodes one investigation.
func decodeInvestigation(element []byte) (*Investigation, error) {
	var w struct {
		ID     string              `json:"investigationId"`
		Status InvestigationStatus `json:"status"`
	}
	err := json.Unmarshal(element, &w)
	return &Investigation{ID: w.ID, Status: w.Status}, err
}

// decodeComments decodes the answer of the comments endpoint.
func decodeComments(data []byte) ([]*Comment, error) {
	var w struct {
		Comments []struct {
			Username string `json:"username"`
			Message  string `json:"message"`
			EventID  string `json:"incident_id"`
			Time     Millis `json:"time"`
		} `json:"comments"`
	}
	err := json.Unmarshal(data, &w)
	comments := make([]*Comment, len(w.Comments))
	for i, c := range w.Comments {
		comments[i] = &Comment{Username: c.Username, Message: c.Message, EventID: c.EventID, Time: c.Time}
	}
	return comments, err
}

// decodeStats decodes the answer of the stats endpoint.
func decodeStats(data []byte) (*Stats, error) {
	var w struct {
		Positive int64 `json:"positiveInvestigations"`
		Negative int64 `json:"negativeInvestigations"`
	}
	err := json.Unmarshal(data, &w)
	return &Stats{PositiveInvestigations: w.Positive, NegativeInvestigations: w.Negative}, err
}
