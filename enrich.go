package darktrace

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// EnrichOptions bounds what Enrich asks for. Zero fields mean the defaults;
// negative ones leave the part out.
type EnrichOptions struct {
	// Breaches is how many model alerts to read at most; 0 means 20.
	Breaches int
	// Devices is how many devices to read at most, with their incidents; 0 means
	// 20.
	Devices int
	// Endpoints is how many external hosts to read at most; 0 means 20.
	Endpoints int
	// Connections is how many entries of the event log to read at most for each
	// model alert; 0 means 20.
	Connections int
}

// Context is what an event points to. Lists hold each element once, in the
// order of the event.
type Context struct {
	Event       *IncidentEvent        // The event.
	Breaches    []*ModelBreach        // Its model alerts.
	Devices     []*Device             // Its devices and those in its details, with tags and addresses.
	Incidents   []*IncidentGroup      // Other open incidents of its devices.
	Actions     []*AntigenaAction     // Actions of RESPOND on its devices, cleared ones left out.
	Endpoints   []*Endpoint           // External hosts of its details.
	Connections map[int64][]*LogEntry // Event log of its model alerts, by their ids.
	Missing     []MissingPart         // What could not be read, and why; nil = nothing.
	LeftOut     map[ContextPart]int   // How many elements EnrichOptions left out, by part; nil = none.
}

// ContextPart names a part of a [Context].
type ContextPart string

// Parts of a context.
const (
	PartBreaches    ContextPart = "model alerts" // Context.Breaches.
	PartDevices     ContextPart = "devices"      // Context.Devices.
	PartIncidents   ContextPart = "incidents"    // Context.Incidents.
	PartActions     ContextPart = "actions"      // Context.Actions.
	PartEndpoints   ContextPart = "endpoints"    // Context.Endpoints.
	PartConnections ContextPart = "connections"  // Context.Connections.
)

// MissingPart says what a [Context] lacks, and why: the token's user may lack a
// permission, the appliance may lack a licence, or a model alert may no longer
// exist.
type MissingPart struct {
	Part ContextPart // What could not be read.
	IDs  []string    // Ids or host names that could not be read; nil = the whole part.
	Err  error       // Why.
}

// Enrich reads what an event points to: its model alerts with their
// connections, its devices and those in its details (such as the targets of a
// scan) with their tags, other open incidents and RESPOND actions, and the
// external hosts of its details. It sends several requests at
// once, within WithRateLimit. Parts that can't be read are listed in
// Context.Missing, and the rest is returned. Enrich returns an error only if
// the context ends, together with what it has read, or if the event is nil
// (ErrArgument).
//
// Threat Visualizer API: GET /modelbreaches/{pbid}, GET /details, GET /devices,
// GET /aianalyst/groups, GET /antigena, GET /endpointdetails.
func (c *Client) Enrich(ctx context.Context, event *IncidentEvent, opts *EnrichOptions) (*Context, error) {
	switch {
	case event == nil:
		return nil, argument("event", "is nil")
	case ctx == nil:
		return nil, argument("ctx", "is nil")
	}
	o := valueOf(opts)
	e := &enrichment{result: &Context{Event: event}, turns: make(chan struct{}, 8)}
	pbids := limit(e, PartBreaches, o.Breaches, event.breachIDs())
	dids := limit(e, PartDevices, o.Devices, event.deviceIDs())
	hosts := limit(e, PartEndpoints, o.Endpoints, event.externalHosts())

	breaches := readEach(ctx, e, PartBreaches, pbids, formatID, c.ModelBreaches.Get)
	var logs func() [][]*LogEntry
	if entries := max(o.Connections, 0); o.Connections >= 0 {
		if entries == 0 {
			entries = defaultPart
		}
		logs = readEach(ctx, e, PartConnections, pbids, formatID, func(ctx context.Context, pbid int64) ([]*LogEntry, error) {
			return c.EventLog.List(ctx, &EventLogOptions{PBID: pbid, Count: entries})
		})
	}
	devices := readEach(ctx, e, PartDevices, dids, formatID, c.Devices.Get)
	groups := readEach(ctx, e, PartIncidents, dids, formatID, func(ctx context.Context, did int64) ([]*IncidentGroup, error) {
		return c.AIAnalyst.ListGroups(ctx, &GroupListOptions{DeviceID: did})
	})
	actions := func() [][]*AntigenaAction { return nil }
	if len(dids) > 0 {
		actions = readEach(ctx, e, PartActions, []string{""}, func(string) string { return "" }, func(ctx context.Context, _ string) ([]*AntigenaAction, error) {
			return c.Antigena.ListActions(ctx, nil)
		})
	}
	endpoints := readEach(ctx, e, PartEndpoints, hosts, func(host string) string { return host }, func(ctx context.Context, host string) (*Endpoint, error) {
		return c.Endpoints.Get(ctx, host, &EndpointOptions{AdditionalInfo: true, Score: true})
	})
	e.running.Wait()

	r := e.result
	r.Breaches, r.Devices, r.Endpoints = present(breaches()), present(devices()), present(endpoints())
	if logs != nil {
		for i, entries := range logs() {
			if entries != nil {
				if r.Connections == nil {
					r.Connections = map[int64][]*LogEntry{}
				}
				r.Connections[pbids[i]] = entries
			}
		}
	}
	own := event.GroupIDs()
	for _, group := range slices.Concat(groups()...) {
		known := func(g *IncidentGroup) bool { return g.ID == group.ID }
		if !slices.Contains(own, group.ID) && !slices.ContainsFunc(r.Incidents, known) {
			r.Incidents = append(r.Incidents, group)
		}
	}
	for _, action := range slices.Concat(actions()...) {
		if slices.Contains(dids, action.DID) && !action.Cleared {
			r.Actions = append(r.Actions, action)
		}
	}
	for _, missing := range r.Missing {
		slices.Sort(missing.IDs) // They were recorded in no particular order.
	}
	slices.SortFunc(r.Missing, func(a, b MissingPart) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), slices.Compare(a.IDs, b.IDs))
	})
	if ctx.Err() != nil {
		return r, contextError(ctx)
	}
	return r, nil
}

const defaultPart = 20

// enrichment is one call of Enrich.
type enrichment struct {
	result  *Context
	turns   chan struct{} // limits the concurrent requests
	running sync.WaitGroup
	missing sync.Mutex // guards result.Missing
}

// limit shortens a list to the length that the options allow, and records how many
// elements that leaves out.
func limit[T any](e *enrichment, part ContextPart, most int, ids []T) []T {
	if most == 0 {
		most = defaultPart
	}
	most = min(max(most, 0), len(ids))
	if cut := len(ids) - most; cut > 0 {
		if e.result.LeftOut == nil {
			e.result.LeftOut = map[ContextPart]int{}
		}
		e.result.LeftOut[part] = cut
	}
	return ids[:most]
}

// readEach calls read for each id, in the background, and returns a function that
// waits for the results. If an id fails for a reason that concerns all ids, the
// others are not read.
func readEach[ID, T any](ctx context.Context, e *enrichment, part ContextPart, ids []ID, name func(ID) string, read func(context.Context, ID) (T, error)) func() []T {
	found := make([]T, len(ids))
	var refused atomic.Pointer[error]
	for i, id := range ids {
		e.running.Go(func() {
			e.turns <- struct{}{}
			defer func() { <-e.turns }()
			if err := refused.Load(); err != nil {
				e.miss(part, name(id), *err)
				return
			}
			thing, err := read(ctx, id)
			if err == nil {
				found[i] = thing
				return
			}
			if errors.Is(err, ErrPermission) || errors.Is(err, ErrEndpoint) {
				first := err
				refused.CompareAndSwap(nil, &first)
				err = *refused.Load()
			}
			e.miss(part, name(id), err)
		})
	}
	return func() []T { return found }
}

// miss records an id that could not be read. Ids with the same reason share an
// entry.
func (e *enrichment) miss(part ContextPart, id string, err error) {
	e.missing.Lock()
	defer e.missing.Unlock()
	missing := &e.result.Missing
	i := slices.IndexFunc(*missing, func(m MissingPart) bool { return m.Part == part && same(m.Err, err) })
	if i < 0 {
		i = len(*missing)
		*missing = append(*missing, MissingPart{Part: part, Err: err})
	}
	if id != "" {
		(*missing)[i].IDs = append((*missing)[i].IDs, id)
	}
}

// present returns the elements that are not nil.
func present[T any](things []*T) []*T {
	return slices.DeleteFunc(things, func(thing *T) bool { return thing == nil })
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// breachIDs returns the ids of the event's model alerts, each once.
func (e *IncidentEvent) breachIDs() []int64 {
	var ids []int64
	for _, breach := range e.RelatedBreaches {
		ids = addID(ids, breach.PBID)
	}
	return ids
}

// deviceIDs returns the ids of the event's devices and of those in its details,
// each once.
func (e *IncidentEvent) deviceIDs() []int64 {
	var ids []int64
	for _, device := range e.BreachDevices {
		ids = addID(ids, device.DID)
	}
	for _, detail := range e.AllDetails() {
		for _, value := range detail.Values {
			if device, ok := value.(EventDevice); ok {
				ids = addID(ids, device.DID)
			}
		}
	}
	return ids
}

// addID adds an id, unless it is not positive or already there.
func addID(ids []int64, id int64) []int64 {
	if id <= 0 || slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// externalHosts returns the names of the hosts in the event's details that are
// outside the network, or else their addresses, each once.
func (e *IncidentEvent) externalHosts() []string {
	var hosts []string
	for _, detail := range e.AllDetails() {
		for _, value := range detail.Values {
			if host, ok := value.(ExternalHost); ok && host.String() != "" && !slices.Contains(hosts, host.String()) {
				hosts = append(hosts, host.String())
			}
		}
	}
	return hosts
}
