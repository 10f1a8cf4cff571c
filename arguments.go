package darktrace

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/clock"
)

// valueOf returns a copy of what options point at; nil gives the zero value.
func valueOf[T any](opts *T) T {
	if opts == nil {
		return *new(T)
	}
	return *opts
}

// until completes a window of entries for endpoints that require both ends. Before
// the appliance's clock is known, the window ends as much later as the clock may be
// ahead, so that the newest entries are in it.
func (c *core) until(start, end time.Time) time.Time {
	now, known := c.clock.Appliance()
	if !known {
		now = now.Add(clock.Tolerance)
	}
	return completed(start, end, now)
}

// untilNow completes a window that is measured as a whole.
func (c *core) untilNow(start, end time.Time) time.Time { return completed(start, end, c.now()) }

// completed returns end, or now for a window that only begins. A window that begins
// after now, by a clock that may differ, ends as it begins.
func completed(start, end, now time.Time) time.Time {
	switch {
	case start.IsZero() || !end.IsZero():
		return end
	case now.Before(start):
		return start
	}
	return now
}

// ago encodes a duration as whole seconds; "" for none.
func ago(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(int64(d/time.Second), 10)
}

func checkAgo(name string, d time.Duration) error {
	if d < 0 || d%time.Second != 0 {
		return argument(name, "is %v; it must be whole seconds", d)
	}
	return nil
}

// checkPair checks a window whose end requires a start.
func checkPair(start, end time.Time) error {
	if start.IsZero() && !end.IsZero() {
		return argument("End", "needs Start")
	}
	return checkWindow(start, end)
}

func checkCount(name string, n int) error {
	if n < 0 {
		return argument(name, "is %d; it must not be negative", n)
	}
	return nil
}

func checkSaaSFilter(filters []string) error {
	for _, filter := range filters {
		if !strings.HasSuffix(filter, "*") {
			return argument("SaaSFilter", "contains %q, which does not end in *", filter)
		}
	}
	return nil
}

// missing returns the error of a look-up that found nothing.
func (c *core) missing(path, format string, args ...any) error {
	return failed(ErrNotFound, http.MethodGet, path, "no "+fmt.Sprintf(format, args...), nil, c.redact)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// lastYear is the last one that go-querystring can encode.
const lastYear = 2261

func checkWindow(start, end time.Time) error {
	switch {
	case !start.IsZero() && (start.UnixMilli() <= 0 || start.Year() > lastYear):
		return argument("Start", "is not between 1970 and %d: %v", lastYear, start)
	case !end.IsZero() && (end.UnixMilli() <= 0 || end.Year() > lastYear):
		return argument("End", "is not between 1970 and %d: %v", lastYear, end)
	case !start.IsZero() && !end.IsZero() && start.After(end):
		return argument("Start", "(%v) is after End (%v)", start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	}
	return nil
}

func checkScores(minName string, minimum float64, maxName string, maximum float64) error {
	switch {
	case math.IsNaN(minimum) || minimum < 0 || minimum > 100:
		return argument(minName, "is %v; scores go from 0 to 100", minimum)
	case math.IsNaN(maximum) || maximum < 0 || maximum > 100:
		return argument(maxName, "is %v; scores go from 0 to 100", maximum)
	case maximum > 0 && minimum > maximum:
		return argument(minName, "(%v) is above %s (%v)", minimum, maxName, maximum)
	}
	return nil
}

func checkLocale(name string, locale Locale) error {
	if strings.ContainsFunc(string(locale), func(r rune) bool {
		return !alphanumeric(r) && r != '_' && r != '-'
	}) {
		return argument(name, "is %q, which is not a locale", string(locale))
	}
	return nil
}

// checkID rejects a text that can't be an id. Ids are opaque, but never contain
// characters with a meaning in a URL, a list or a form.
func checkID(name, id string) error {
	switch {
	case strings.TrimSpace(id) == "":
		return argument(name, "is empty")
	case strings.Contains(id, ","):
		return argument(name, "contains a comma: %q; pass each id as a separate argument", id)
	case strings.Contains(id, ".."), strings.ContainsFunc(id, func(r rune) bool {
		return !alphanumeric(r) && !strings.ContainsRune("-_.:~", r)
	}):
		return argument(name, "is %q, which is not an id", id)
	}
	return nil
}

// checkEventID is checkID for an event; the id of an incident is rejected.
func checkEventID(name, id string) error {
	if isGroupID(id) {
		return argument(name, "is %s, the id of an incident; events have a UUID: see GetGroup", id)
	}
	return checkID(name, id)
}

// isGroupID reports whether an id has the form of an incident's: a g and a UUID.
func isGroupID(id string) bool {
	const form = "gxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(id) != len(form) {
		return false
	}
	for i, want := range []byte(form) {
		c := id[i]
		hex := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
		if want == 'x' && !hex || want != 'x' && c != want {
			return false
		}
	}
	return true
}

func checkEventIDs(name string, ids []string) error {
	for _, id := range ids {
		if err := checkEventID(name, id); err != nil {
			return err
		}
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func checkIDs(name string, ids []string) error {
	for _, id := range ids {
		if err := checkID(name, id); err != nil {
			return err
		}
	}
	return nil
}

// unique returns the ids without repetitions, in order.
func unique(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
}
