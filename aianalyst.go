package darktrace

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// AIAnalystService holds the methods of the AI Analyst API. It is the field
// AIAnalyst of a Client, and as safe for concurrent use.
//
// An argument that makes no sense, such as an empty id or a nil context, is an
// ErrArgument, and nothing is sent. The comments of the methods name the errors
// that are particular to them; the package page lists those that any may return.
type AIAnalystService struct{ client func() *core }

const (
	eventsPath        = "/aianalyst/incidentevents"
	groupsPath        = "/aianalyst/groups"
	commentsPath      = "/aianalyst/incident/comments"
	statsPath         = "/aianalyst/stats"
	investigationPath = "/aianalyst/investigations"
)

// GetEvent returns one incident event, acknowledged or not, in the client's
// locale. ErrNotFound when the appliance has none of that id.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) GetEvent(ctx context.Context, eventID string) (*IncidentEvent, error) {
	if err := checkID("eventID", eventID); err != nil {
		return nil, err
	}
	return first(ctx, s.client(), eventsPath, s.client().byID("uuid", eventID), decodeEvent(false), eventID,
		func(e *IncidentEvent) bool { return e.ID == eventID || slices.Contains(e.Children, eventID) })
}

// ListEvents returns the incident events that Events would yield. The list holds
// a whole window in memory; for wide ones see Events.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) ListEvents(ctx context.Context, opts *EventListOptions) ([]*IncidentEvent, error) {
	return collect(s.Events(ctx, opts))
}

// Events streams incident events: each is yielded as soon as it has arrived, and
// memory does not grow with the window. The order is the appliance's: by the
// incident's score, not by time. An error is yielded last, with a nil event.
// Breaking off closes the connection; ranging again sends the request again. nil
// options mean the appliance's defaults: the last 7 days, and pinned events from
// any time.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Events(ctx context.Context, opts *EventListOptions) iter.Seq2[*IncidentEvent, error] {
	return s.events(ctx, opts, nil)
}

// events is Events with a decoder of the caller's, unless that is nil.
func (s *AIAnalystService) events(ctx context.Context, opts *EventListOptions, decode elementDecoder[IncidentEvent]) iter.Seq2[*IncidentEvent, error] {
	return func(yield func(*IncidentEvent, error) bool) {
		var o EventListOptions
		if opts != nil {
			o = *opts
		}
		if decode == nil {
			decode = decodeEvent(o.KeepRaw)
		}
		query, err := o.encode(s.client().locale)
		l := list[IncidentEvent]{eventsPath, query, decode, "uuid", o.EventIDs, func(e *IncidentEvent) (string, []string) {
			return e.ID, []string{e.ID}
		}}
		if len(o.EventIDs) == 0 {
			l.key, l.ids = "groupid", o.GroupIDs
			l.names = func(e *IncidentEvent) (string, []string) {
				return e.ID, append([]string{e.CurrentGroup}, e.PreviousGroups...)
			}
		}
		if err == nil {
			err = l.each(ctx, s.client(), func(e *IncidentEvent) bool { return yield(e, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// GetGroup returns an incident by its own id or by that of one of its events. It
// follows merges: an absorbed incident is found through its founding event.
// ErrNotFound when the appliance has neither.
//
// Threat Visualizer API: GET /aianalyst/groups.
func (s *AIAnalystService) GetGroup(ctx context.Context, id string) (*IncidentGroup, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	founding, isGroup := strings.CutPrefix(id, "g")
	if isGroup {
		group, err := first(ctx, s.client(), groupsPath, s.client().byID("groupid", id), decodeGroup(false), id,
			func(g *IncidentGroup) bool { return g.ID == id || slices.Contains(g.PreviousIDs, id) })
		if !errors.Is(err, ErrNotFound) || founding == "" {
			return group, err
		}
	}
	return first(ctx, s.client(), groupsPath, s.client().byID("uuid", founding), decodeGroup(false), id,
		func(g *IncidentGroup) bool {
			return slices.Contains(g.eventIDs(), founding) || slices.Contains(g.PreviousIDs, id)
		})
}

// ListGroups returns the incidents that Groups would yield.
//
// Threat Visualizer API: GET /aianalyst/groups.
func (s *AIAnalystService) ListGroups(ctx context.Context, opts *GroupListOptions) ([]*IncidentGroup, error) {
	return collect(s.Groups(ctx, opts))
}

// Groups streams incidents, as Events does events. Its window compares the start
// of an incident's activity, which can be long ago: to learn what is new, poll
// events.
//
// Threat Visualizer API: GET /aianalyst/groups.
func (s *AIAnalystService) Groups(ctx context.Context, opts *GroupListOptions) iter.Seq2[*IncidentGroup, error] {
	return func(yield func(*IncidentGroup, error) bool) {
		var o GroupListOptions
		if opts != nil {
			o = *opts
		}
		query, err := o.encode(s.client().locale)
		l := list[IncidentGroup]{groupsPath, query, decodeGroup(o.KeepRaw), "groupid", o.GroupIDs, func(g *IncidentGroup) (string, []string) {
			return g.ID, append([]string{g.ID}, g.PreviousIDs...)
		}}
		if len(o.GroupIDs) == 0 {
			l.key, l.ids = "uuid", o.EventIDs
			l.names = func(g *IncidentGroup) (string, []string) { return g.ID, g.eventIDs() }
		}
		if err == nil {
			err = l.each(ctx, s.client(), func(g *IncidentGroup) bool { return yield(g, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (g *IncidentGroup) eventIDs() []string {
	ids := make([]string, len(g.Events))
	for i, event := range g.Events {
		ids[i] = event.ID
	}
	return ids
}

// byID encodes the query of a look-up by id, which needs no option encoding.
func (c *core) byID(key, id string) string {
	rest := "includeacknowledged=true"
	if c.locale != "" {
		rest += "&locale=" + string(c.locale)
	}
	if key == "groupid" { // Keys go out sorted.
		return "groupid=" + id + "&" + rest
	}
	return rest + "&" + key + "=" + id
}

// first returns the first element that is what a look-up asks for. Others can
// come from an appliance that does not know the parameter, and ignores it.
func first[T any](ctx context.Context, c *core, path, query string, decode elementDecoder[T], id string, wanted func(*T) bool) (*T, error) {
	reply, err := c.send(ctx, &call{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, err
	}
	var found *T
	err = decodeStream(bytes.NewBuffer(reply.data), decode, func(element *T) bool {
		if found == nil && wanted(element) {
			found = element
		}
		return ctx.Err() == nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, reply.broken(ErrConnection, "", contextError(ctx))
	case err != nil:
		return nil, reply.undecoded(err)
	case found == nil:
		return nil, reply.failed(ErrNotFound, "the appliance has nothing of the id "+id, nil)
	}
	return found, nil
}

// list is a list endpoint and what to ask of it: everything that the query
// matches, or certain ids.
type list[T any] struct {
	path   string
	query  map[string][]string
	decode elementDecoder[T]
	key    string                           // the parameter that holds ids
	ids    []string                         // what to ask for; empty: whatever matches
	names  func(*T) (id string, _ []string) // an element's identity, and the ids that ask for it
}

// idsPerRequest keeps a URL below what proxies take.
const idsPerRequest = 50

// each yields every element once. Ids go out as comma lists; those that do not
// come back are asked for singly, since not every appliance takes lists.
func (l *list[T]) each(ctx context.Context, c *core, yield func(*T) bool) error {
	if len(l.ids) == 0 {
		return l.stream(ctx, c, yield)
	}
	missing, seen := map[string]bool{}, map[string]bool{}
	stopped := false
	request := func(ids ...string) error {
		l.query[l.key] = []string{strings.Join(ids, ",")}
		return l.stream(ctx, c, func(element *T) bool {
			id, names := l.names(element)
			for _, name := range names {
				delete(missing, name)
			}
			if seen[id] {
				return true
			}
			seen[id] = true
			stopped = !yield(element)
			return !stopped
		})
	}
	ids := unique(l.ids)
	for _, id := range ids {
		missing[id] = true
	}
	for begin := 0; begin < len(ids); begin += idsPerRequest {
		chunk := ids[begin:min(begin+idsPerRequest, len(ids))]
		if err := request(chunk...); stopped || err != nil && (len(chunk) == 1 || !errors.Is(err, ErrInput)) {
			return err
		}
		for _, id := range chunk {
			if len(chunk) == 1 || !missing[id] {
				continue
			}
			if err := request(id); stopped || err != nil {
				return err
			}
		}
	}
	return nil
}

// stream sends one request and yields the elements of its answer.
func (l *list[T]) stream(ctx context.Context, c *core, yield func(*T) bool) (err error) {
	reply, err := c.send(ctx, &call{method: http.MethodGet, path: l.path, query: encodeQuery(l.query), stream: true})
	if err != nil {
		return err
	}
	defer func() { reply.finish(err) }()
	cancelled := false
	err = decodeStream(reply, l.decode, func(element *T) bool {
		if cancelled = ctx.Err() != nil; cancelled {
			return false
		}
		return yield(element)
	})
	switch {
	case cancelled:
		return reply.broken(ErrConnection, "", contextError(ctx))
	case err != nil:
		return reply.undecoded(err)
	}
	return nil
}

func collect[T any](elements iter.Seq2[*T, error]) ([]*T, error) {
	list := []*T{}
	for element, err := range elements {
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, nil
}
