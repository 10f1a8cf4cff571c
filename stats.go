package darktrace

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/go-querystring/query"
)

// Stats are the figures of AI Analyst over a span of time.
//
// Threat Visualizer API: GET /aianalyst/stats.
type Stats struct {
	EquivalentHumanTime    int64                      // Time that people would have taken; milliseconds as far as is known.
	PositiveInvestigations int64                      // Investigations that found something.
	NegativeInvestigations int64                      // Investigations that found nothing.
	Graph                  StatsGraph                 // The investigations one by one.
	AttackPhases           []StatsPhases              // How often which attack phases were seen.
	Groups                 StatsGroups                // Incidents by category.
	Metadata               json.RawMessage            // Undocumented; nil = none.
	Extra                  map[string]json.RawMessage // Fields that this type doesn't know, and those of an unexpected type; nil = none.
}

// StatsGraph lists investigations as parallel lists: index i of each list
// belongs to the same investigation.
type StatsGraph struct {
	BreachTime          []Millis // When the model was breached.
	EndTime             []Millis // When the investigation ended.
	EquivalentHumanTime []int64  // Time that people would have taken; milliseconds as far as is known.
	IsPositive          []bool   // It found something.
	AIAScore            []*Score // Score from 0 to 1, unlike everywhere else; nil = none.
	Extra               RawJSON  // What the fields above can't hold; see [RawJSON].
}

// StatsPhases counts events with the same attack phases.
type StatsPhases struct {
	Phases []AttackPhase // The phases.
	Count  int64         // How many events have them.
	Extra  RawJSON       // What the fields above can't hold; see [RawJSON].
}

// StatsGroups counts incidents.
type StatsGroups struct {
	Total        int64                       // All incidents.
	Compliance   int64                       // Incidents of category compliance.
	Suspicious   int64                       // Incidents of category suspicious.
	Critical     int64                       // Incidents of category critical.
	MITRETactics map[string]map[string]int64 // Counts by "total" or category, then by tactic.
	Extra        RawJSON                     // What the fields above can't hold; see [RawJSON].
}

// StatsOptions bounds the time that GetStats counts.
type StatsOptions struct {
	// Start and End bound the window; zero for both means the last 7 days.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
}

// GetStats returns what AI Analyst did in a span of time; nil options mean the
// last 7 days.
//
// Threat Visualizer API: GET /aianalyst/stats.
func (s *AIAnalystService) GetStats(ctx context.Context, opts *StatsOptions) (*Stats, error) {
	var o StatsOptions
	if opts != nil {
		o = *opts
	}
	if err := checkWindow(o.Start, o.End); err != nil {
		return nil, err
	}
	values, _ := query.Values(o) // It fails only for what is no struct.
	reply, err := s.client().send(ctx, &call{method: http.MethodGet, path: statsPath, query: encodeQuery(values)})
	if err != nil {
		return nil, err
	}
	stats, err := decodeStats(reply.data)
	if err != nil {
		return nil, reply.undecoded(err)
	}
	return stats, nil
}
