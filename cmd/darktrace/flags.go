package main

import (
	"cmp"
	"flag"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
)

// settings are the values of the flags.
type settings struct {
	output       format
	fake         bool
	verbose      bool
	quiet        bool
	since, until time.Time
	minScore     float64
	categories   []darktrace.Category
	all          bool
	deviceID     int64
	limit        int
	incident     string
	checkpoint   string
	once         bool
	interval     time.Duration
	updates      bool
	file         string
	pending      bool
	reason       string
	duration     time.Duration
}

// option is a flag: its name, the name of its value ("" = no value), its
// description, and how it is set.
type option struct {
	name, value, help string
	set               func(s *settings, value string, now time.Time) error
}

// everywhere are the flags of every verb.
var everywhere = []string{"o", "fake", "v", "q"}

// options are all flags; a verb names those that it takes.
var options = []option{
	{"o", "format", "print as table, json, ecs or ocsf; default: table on a terminal, json in a pipe", func(s *settings, v string, _ time.Time) error {
		s.output = format(v)
		if !slices.Contains(formats, s.output) {
			return usage("must be table, json, ecs or ocsf")
		}
		return nil
	}},
	{"fake", "", "use a fake appliance inside the program, with invented incidents", on(func(s *settings) *bool { return &s.fake })},
	{"v", "", "log every request on stderr, without secrets", on(func(s *settings) *bool { return &s.verbose })},
	{"q", "", "show no progress", on(func(s *settings) *bool { return &s.quiet })},

	{"since", "when", "begin at this time: 36h, 7d, 2w, 2026-01-31 or 2026-01-31T08:00:00Z; default: 7d; for watch 1d, for search 1h", moment(func(s *settings) *time.Time { return &s.since })},
	{"until", "when", "end at this time, in the same format; default: now", moment(func(s *settings) *time.Time { return &s.until })},
	{"min-score", "score", "list only those with at least this score, 0 to 100; for watch events the score of their incident", func(s *settings, v string, _ time.Time) (err error) {
		if s.minScore, err = strconv.ParseFloat(v, 64); err != nil || !(s.minScore >= 0 && s.minScore <= 100) {
			return usage("must be a number from 0 to 100")
		}
		return nil
	}},
	{"category", "list", "list only these categories, separated by commas: critical, suspicious, compliance, and for watch alerts informational; for events the category of their incident", func(s *settings, v string, _ time.Time) error {
		s.categories = nil
		for name := range strings.SplitSeq(v, ",") {
			category := darktrace.Category(name)
			if !slices.Contains([]darktrace.Category{darktrace.CategoryCritical, darktrace.CategorySuspicious, darktrace.CategoryCompliance, darktrace.CategoryInformational}, category) {
				return usage("must be critical, suspicious, compliance or informational")
			}
			s.categories = append(s.categories, category)
		}
		return nil
	}},
	{"all", "", "list acknowledged ones too, and actions that are over", on(func(s *settings) *bool { return &s.all })},
	{"did", "id", "list only those of the device with this id", func(s *settings, v string, _ time.Time) (err error) {
		if s.deviceID, err = parseID(v); err == nil && s.deviceID == 0 {
			return usage("0 is not the id of a device")
		}
		return err
	}},
	{"limit", "n", "list at most this many", func(s *settings, v string, _ time.Time) (err error) {
		if s.limit, err = strconv.Atoi(v); err != nil || s.limit < 1 {
			return usage("must be a number above 0")
		}
		return nil
	}},
	{"incident", "id", "list all events of this incident, at any time; only -limit goes with it", func(s *settings, v string, _ time.Time) error {
		if s.incident = plainID(v); v == "" {
			return usage("must not be empty")
		}
		return nil
	}},

	{"checkpoint", "file", "save the position in this file; default: start again each time", text(func(s *settings) *string { return &s.checkpoint })},
	{"once", "", "print new changes and exit", on(func(s *settings) *bool { return &s.once })},
	{"interval", "time", "poll at this interval; default: 1m", func(s *settings, v string, _ time.Time) (err error) {
		if s.interval, err = time.ParseDuration(v); err != nil || s.interval <= 0 {
			return usage("must be a duration such as 30s or 5m")
		}
		return nil
	}},
	{"pending", "", "list only actions that wait for confirmation", on(func(s *settings) *bool { return &s.pending })},
	{"reason", "text", "the reason, which the history of the action keeps", text(func(s *settings) *string { return &s.reason })},
	{"for", "time", "duration of the action from now on, such as 30m or 2h; default: set by its model", func(s *settings, v string, _ time.Time) (err error) {
		if s.duration, err = time.ParseDuration(v); err != nil || s.duration < time.Second {
			return usage("must be a duration such as 30m or 2h")
		}
		return nil
	}},
	{"file", "path", "write to this file instead of stdout", text(func(s *settings) *string { return &s.file })},
	{"updates", "", "also print changes of objects that were printed before", on(func(s *settings) *bool { return &s.updates })},
}

func on(field func(*settings) *bool) func(*settings, string, time.Time) error {
	return func(s *settings, v string, _ time.Time) (err error) {
		if *field(s), err = strconv.ParseBool(v); err != nil {
			return usage("must be true or false")
		}
		return nil
	}
}

func text(field func(*settings) *string) func(*settings, string, time.Time) error {
	return func(s *settings, v string, _ time.Time) error {
		if *field(s) = v; v == "" {
			return usage("must not be empty")
		}
		return nil
	}
}

func moment(field func(*settings) *time.Time) func(*settings, string, time.Time) error {
	return func(s *settings, v string, now time.Time) (err error) {
		if *field(s), err = parseTime(v, now); err == nil && (field(s).UnixMilli() <= 0 || field(s).Year() > lastYear) {
			return usage("must be between 1970 and %d", lastYear)
		}
		return err
	}
}

const lastYear = 2261 // the last whole year of times in nanoseconds

// parseTime reads a date or an age. An age may be in days or weeks.
func parseTime(value string, now time.Time) (time.Time, error) {
	for unit, length := range map[string]time.Duration{"d": day, "w": week} {
		const longest = 100 * 365 * day
		count, ok := strings.CutSuffix(value, unit)
		if n, err := strconv.ParseFloat(count, 64); ok && err == nil && n >= 0 && n < float64(longest/length) {
			return now.Add(-time.Duration(n * float64(length))), nil
		}
	}
	if age, err := time.ParseDuration(value); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("must be an age such as 36h, 7d or 2w, or a date such as 2026-01-31")
}

func parseID(value string) (int64, error) {
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, usage("%q is not a number", value)
	}
	return id, nil
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// command is a parsed command line.
type command struct {
	settings

	verb  *verb
	args  []string
	given []string // the names of the flags
}

// parse reads a command line. If it returns flag.ErrHelp, the verb of the command
// is the subject of the help.
func (p *program) parse(args []string) (*command, error) {
	c := &command{}
	rest, err := c.flags(args, p.now())
	if err != nil {
		return c, err
	}
	if len(rest) == 0 {
		return c, usage(`no verb; "darktrace help" lists all verbs`)
	}
	name, rest := rest[0], rest[1:]
	if name == "help" {
		if len(rest) > 1 {
			return c, usage("help takes one verb")
		}
		if len(rest) == 1 {
			c.verb, err = find(rest[0])
		}
		if err == nil {
			err = flag.ErrHelp
		}
		return c, err
	}
	if c.verb, err = find(name); err != nil {
		return c, err
	}
	// Flags and arguments can be in any order; after -- there are only arguments.
	for len(rest) > 0 {
		before := rest
		if rest, err = c.flags(rest, p.now()); err != nil {
			return c, err
		}
		if parsed := before[:len(before)-len(rest)]; len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			c.args = append(c.args, rest...)
			break
		}
		if len(rest) > 0 {
			c.args, rest = append(c.args, rest[0]), rest[1:]
		}
	}
	if c.since.IsZero() {
		c.since = p.now().Add(-cmp.Or(c.verb.since, week))
	}
	for i := range min(len(c.args), c.verb.ids) {
		c.args[i] = plainID(c.args[i])
	}
	return c, p.check(c)
}

// check rejects a command that its verb can't carry out, before anything is sent.
func (p *program) check(c *command) error {
	v := c.verb
	for _, name := range c.given {
		if !slices.Contains(v.allFlags(), name) {
			return usage("%s takes no -%s; \"darktrace help %s\" has more", v.name, name, v.name)
		}
	}
	selects := func(name string) bool { return !slices.Contains(append(everywhere, "incident", "limit"), name) }
	switch {
	case c.incident != "" && slices.ContainsFunc(c.given, selects):
		return usage("-incident lists all events of the incident: it takes no -%s", c.given[slices.IndexFunc(c.given, selects)])
	case slices.Contains(c.categories, darktrace.CategoryInformational) && !c.onAlerts():
		return usage("the category of an incident or event is critical, suspicious or compliance")
	case len(c.args) < v.min || v.max >= 0 && len(c.args) > v.max:
		return usage("%s takes %s; \"darktrace help %s\" has more", v.name, cmp.Or(v.args, "no arguments"), v.name)
	case !c.since.IsZero() && !c.until.IsZero() && c.since.After(c.until):
		return usage("-since is after -until")
	case c.since.After(p.now()):
		return usage("-since is in the future")
	case c.output == "" && v.html:
		c.output = formatHTML
	case c.output == "" && p.stdoutTerminal:
		c.output = formatTable
	case c.output == "":
		c.output = formatJSON
	case !slices.Contains(v.formats(), c.output):
		return usage("%s prints %s, not %s", v.name, join(v.formats()), c.output)
	}
	return nil
}

// onAlerts reports whether a command is about model alerts.
func (c *command) onAlerts() bool { return slices.Equal(c.args, []string{"alerts"}) }

// flags reads the flags at the beginning of args and returns what follows.
func (c *command) flags(args []string, now time.Time) ([]string, error) {
	set := flag.NewFlagSet("darktrace", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, o := range options {
		define := set.Func
		if o.value == "" {
			define = set.BoolFunc
		}
		define(o.name, o.help, func(value string) error {
			c.given = append(c.given, o.name)
			return o.set(&c.settings, value, now)
		})
	}
	err := set.Parse(args)
	if err != nil && err != flag.ErrHelp { //nolint:errorlint // The package returns it bare.
		err = usageError(err.Error())
	}
	return set.Args(), err
}
