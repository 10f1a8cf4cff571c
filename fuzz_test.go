package darktrace

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// addSeeds adds every part of the fixtures that has one of the given members.
func addSeeds(f *testing.F, members ...string) {
	f.Helper()
	var add func(any)
	add = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				add(element)
			}
		case map[string]any:
			for _, name := range members {
				if v[name] != nil {
					f.Add([]byte(encoded(f, v)))
				}
			}
			for _, member := range v {
				add(member)
			}
		}
	}
	for _, name := range append(eventFixtures, "groups.json") {
		add(untyped(f, fixture(f, name)))
	}
}

// Float64 has no more digits than this.
var manyDigits = regexp.MustCompile(`[0-9]{16}`)

// checkCodec decodes data, which must not panic, and encodes it again. It checks
// that nothing is lost and that a second round changes nothing. It returns false if
// data can't be decoded.
func checkCodec[T any](t *testing.T, data []byte, v *T) bool {
	t.Helper()
	if any(v).(json.Unmarshaler).UnmarshalJSON(data) != nil {
		return false
	}
	once := encoded(t, v)
	again := new(T)
	require.NoError(t, json.Unmarshal([]byte(once), again))
	require.Equal(t, once, encoded(t, again))
	if jsontext.Value(data).IsValid() && !manyDigits.Match(data) && jsontext.Value(data).Kind() != 'n' { // strict: no name comes twice
		if before, once := folded(untyped(t, data)), folded(untyped(t, []byte(once))); before != nil {
			require.Empty(t, differences("", withoutNulls(before), withoutNulls(once)), once)
		}
	}
	return true
}

// folded returns a value with all names in lower case, since fields match names in
// any case; nil if an object then has a name twice.
func folded(v any) any {
	switch v := v.(type) {
	case map[string]any:
		lower := make(map[string]any, len(v))
		for name, member := range v {
			if member != nil {
				if member = folded(member); member == nil {
					return nil
				}
			}
			if _, twice := lower[strings.ToLower(name)]; twice {
				return nil
			}
			lower[strings.ToLower(name)] = member
		}
		return lower
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			if element != nil {
				if list[i] = folded(element); list[i] == nil {
					return nil
				}
			}
		}
		return list
	}
	return v
}

// isObject reports whether encoding/json decodes data as an object, or data is
// null.
func isObject(data []byte) bool {
	kind := jsontext.Value(data).Kind()
	return json.Valid(data) && (kind == '{' || kind == 'n')
}

func FuzzEvent(f *testing.F) {
	addSeeds(f, "aiaScore", "title")
	f.Fuzz(func(t *testing.T, data []byte) {
		var e IncidentEvent
		assert.Equal(t, isObject(data), checkCodec(t, data, &e))
		_, _ = e.FirstActivity(), e.LastActivity()
		for _, detail := range e.AllDetails() {
			assert.Len(t, detail.Strings(), len(detail.Values))
		}
	})
}

func FuzzGroup(f *testing.F) {
	addSeeds(f, "incidentEvents")
	f.Fuzz(func(t *testing.T, data []byte) {
		var g IncidentGroup
		assert.Equal(t, isObject(data), checkCodec(t, data, &g))
	})
}

func FuzzDetail(f *testing.F) {
	addSeeds(f, "type", "detailKey", "header", "blockType")
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Detail
		assert.Equal(t, json.Valid(data), checkCodec(t, data, &d))
		assert.Len(t, d.Strings(), len(d.Values))
		assert.Equal(t, json.Valid(data), checkCodec(t, data, new(DetailSection)))
	})
}

func FuzzText(f *testing.F) {
	addSeeds(f, "valueType")
	f.Fuzz(func(t *testing.T, data []byte) {
		var text Text
		assert.Equal(t, json.Valid(data), checkCodec(t, data, &text))
		_ = text.String()
	})
}

func FuzzScalar(f *testing.F) {
	for _, seed := range []string{`0`, `-1`, `1.50`, `1e3`, `"12"`, `"1.5e-7"`, `9007199254740993`, `"NaN"`, `null`, `1e400`, `-0.0`, `9223372036854775808`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = checkCodec(t, data, new(Millis)) && assert.NotPanics(t, func() { _ = new(Millis).Time() })
		checkCodec(t, data, new(Seconds))
		checkCodec(t, data, new(Score))
		checkCodec(t, data, new(EventDevice))
		checkCodec(t, data, new(Node))
	})
}
