package darktrace

import "encoding/json"

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
