package clock_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/clock"
)

var noon = time.Date(2031, 7, 9, 12, 0, 0, 0, time.UTC)

func dated(t time.Time) http.Header {
	return http.Header{"Date": {t.UTC().Format(http.TimeFormat)}}
}

func newClock() *clock.Clock { return clock.New(func() time.Time { return noon }) }

// signed returns the correction with which a new call signs.
func signed(c *clock.Clock) time.Duration { return c.Stamp().Time(0).Sub(noon) }

func TestACorrectionHoldsOnlyIfItWasAccepted(t *testing.T) {
	t.Parallel()
	c := newClock()
	stamp := c.Stamp()
	assert.Equal(t, noon, stamp.Time(0))
	again := stamp.Refused(noon.Add(time.Hour), time.Minute)
	require.NotNil(t, again)
	assert.Equal(t, noon.Add(time.Hour), again.Time(0))
	assert.Zero(t, signed(c), "nothing has accepted it")
	assert.Nil(t, again.Refused(noon.Add(time.Hour), time.Minute), "there is one other date")
	assert.Zero(t, signed(c))

	stamp = c.Stamp()
	stamp.Time(0)
	again = stamp.Refused(noon.Add(2*time.Hour), time.Minute)
	again.Time(0)
	_, known := again.Accepted(dated(noon.Add(2 * time.Hour)))
	assert.True(t, known)
	assert.Equal(t, 2*time.Hour, signed(c))
	theirs, known := c.Appliance()
	assert.True(t, known)
	assert.Equal(t, noon.Add(2*time.Hour), theirs)
}

func TestWhatWasCorrectedOnceMayBeWrongLater(t *testing.T) {
	t.Parallel()
	c := newClock()
	correct := func(date time.Time) {
		stamp := c.Stamp()
		stamp.Time(0)
		again := stamp.Refused(date, time.Minute)
		again.Time(0)
		again.Accepted(dated(date))
	}
	correct(noon.Add(time.Hour))
	require.Equal(t, time.Hour, signed(c))
	// The appliance's clock has been corrected; a proxy's has not.
	stamp := c.Stamp()
	stamp.Time(0)
	again := stamp.Refused(noon.Add(time.Hour), time.Minute)
	require.NotNil(t, again, "our own clock was not tried")
	assert.Equal(t, noon, again.Time(0))
	again.Accepted(nil)
	assert.Zero(t, signed(c))

	correct(noon.Add(time.Hour))
	stamp = c.Stamp()
	stamp.Time(0)
	again = stamp.Refused(noon.Add(-3*time.Hour), time.Minute)
	again.Time(0)
	assert.Nil(t, again.Refused(noon.Add(-3*time.Hour), time.Minute))
	assert.Zero(t, signed(c), "both were refused: back to our own")
}

func TestACorrectionOfAnotherCall(t *testing.T) {
	t.Parallel()
	c := newClock()
	slow, fast := c.Stamp(), c.Stamp()
	slow.Time(0)
	fast.Time(0)
	again := fast.Refused(noon.Add(time.Hour), time.Minute)
	again.Time(0)
	again.Accepted(dated(noon.Add(time.Hour)))
	again = slow.Refused(time.Time{}, time.Minute)
	require.NotNil(t, again)
	assert.Equal(t, noon.Add(time.Hour), again.Time(0))
}

func TestWhatIsNotFollowed(t *testing.T) {
	t.Parallel()
	for name, date := range map[string]time.Time{
		"no date":             {},
		"the year 9999":       time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"the year 1":          time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC),
		"1970":                time.Unix(0, 0),
		"two days":            noon.Add(48 * time.Hour),
		"clocks that agree":   noon.Add(59 * time.Second),
		"clocks that agree 2": noon.Add(-59 * time.Second),
	} {
		c := newClock()
		stamp := c.Stamp()
		stamp.Time(0)
		assert.Nil(t, stamp.Refused(date, time.Minute), name)
		assert.Zero(t, signed(c), name)
	}
	assert.Nil(t, newClock().Stamp().Refused(noon.Add(time.Hour), time.Minute), "the request had no date")
}

func TestWhoseDateItIs(t *testing.T) {
	t.Parallel()
	aged := dated(noon)
	aged.Set("Age", "7")
	for name, test := range map[string]struct {
		header http.Header
		offset time.Duration
		known  bool
	}{
		"the appliance's":                 {dated(noon.Add(29 * time.Minute)), 0, true},
		"behind":                          {dated(noon.Add(-29 * time.Minute)), 0, true},
		"a proxy's":                       {dated(noon.Add(31 * time.Minute)), 0, false},
		"a proxy's, behind":               {dated(noon.Add(-31 * time.Minute)), 0, false},
		"9999":                            {http.Header{"Date": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, 0, false},
		"a cache's":                       {aged, 0, false},
		"none":                            {nil, 0, false},
		"nonsense":                        {http.Header{"Date": {"yesterday"}}, 0, false},
		"an appliance in a zone":          {dated(noon.Add(2 * time.Hour)), 2 * time.Hour, true},
		"an appliance that only says so":  {dated(noon), 2 * time.Hour, true},
		"a proxy before one in some zone": {dated(noon.Add(-2 * time.Hour)), 2 * time.Hour, false},
	} {
		c := newClock()
		stamp := c.Stamp()
		stamp.Time(test.offset)
		_, known := stamp.Accepted(test.header)
		assert.Equal(t, test.known, known, name)
		theirs, known := c.Appliance()
		assert.Equal(t, test.known, known, name)
		if !known {
			assert.Equal(t, noon, theirs, name)
		}
	}
	// Credentials without a date prove nothing about a clock.
	c := newClock()
	_, known := c.Stamp().Accepted(dated(noon.Add(2 * time.Hour)))
	assert.True(t, known)
	_, known = c.Stamp().Accepted(dated(noon.Add(48 * time.Hour)))
	assert.False(t, known)
}
