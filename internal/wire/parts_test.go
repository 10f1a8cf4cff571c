package wire

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type part struct{ name, value string }

func partsOf(data string) (parts []part, ended bool) {
	ended = Parts([]byte(data), func(name string, value []byte) bool {
		parts = append(parts, part{name, string(value)})
		return true
	})
	return parts, ended
}

func TestParts(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]struct {
		parts []part
		ended bool
	}{
		"":                               {nil, false},
		" ":                              {nil, false},
		"7":                              {nil, false},
		`"{}"`:                           {nil, false},
		"{":                              {nil, false},
		"{}":                             {nil, true},
		" [ ] ":                          {nil, true},
		"{]":                             {nil, false},
		"[}":                             {nil, false},
		`{"a":1,"b" : [2, "]"] }`:        {[]part{{"a", "1"}, {"b", `[2, "]"]`}}, true},
		`{"a":1} {"b":2}`:                {[]part{{"a", "1"}}, true},
		`{"a":"x","a":"\"}"}`:            {[]part{{"a", `"x"`}, {"a", `"\"}"`}}, true},
		`{"\u0061\n":null}`:              {[]part{{"a\n", "null"}}, true},
		`{"a":1,"b":"x`:                  {[]part{{"a", "1"}}, false},
		`{"a":1,"b":"x\`:                 {[]part{{"a", "1"}}, false},
		`{"a":1,"b":{"c":2}`:             {[]part{{"a", "1"}, {"b", `{"c":2}`}}, false},
		`{"a":1,"b":{"c":2`:              {[]part{{"a", "1"}}, false},
		`{"a":1,"b":NaN,"c":2}`:          {[]part{{"a", "1"}}, false},
		`{"a":1,"b":"` + "\n" + `"}`:     {[]part{{"a", "1"}}, false},
		`{"a":1,"b":{"c":tru}}`:          {[]part{{"a", "1"}}, false},
		`{"a":1,}`:                       {[]part{{"a", "1"}}, false},
		`{"a":1 "b":2}`:                  {[]part{{"a", "1"}}, false},
		`{"a"}`:                          {nil, false},
		`{"a":}`:                         {nil, false},
		`{null:1}`:                       {nil, false},
		`{"a":1]`:                        {[]part{{"a", "1"}}, false},
		`[{"a":[1]},null, "x" ,[[]],-1]`: {[]part{{"", `{"a":[1]}`}, {"", "null"}, {"", `"x"`}, {"", "[[]]"}, {"", "-1"}}, true},
		`[1,]`:                           {[]part{{"", "1"}}, false},
		`[,1]`:                           {nil, false},
		`[1 2]`:                          {[]part{{"", "1"}}, false},
		`[01]`:                           {nil, false},
	} {
		parts, ended := partsOf(data)
		assert.Equal(t, want.parts, parts, data)
		assert.Equal(t, want.ended, ended, data)
	}
}

func TestPartsStopWhenTheyAreNotWanted(t *testing.T) {
	t.Parallel()
	count := 0
	assert.False(t, Parts([]byte(`[1,2,3]`), func(string, []byte) bool { count++; return count < 2 }))
	assert.Equal(t, 2, count)
}

// Parts agrees with encoding/json about what is valid, and about every member and
// element in it, and tells of data that is cut the same as far as it goes.
func FuzzParts(f *testing.F) {
	for _, data := range []string{`{"a":{"b":[1,"]"]},"c":"\u00fc\"\\","a":-1.5e3}`, `[[],{},"",0,null,true]`, "{\"a\":1,\"b\":\"\xff\"}", `{"a":1]`, `[1,,2]`, ` {} x`} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		parts, ended := partsOf(data)
		for _, p := range parts {
			require.True(t, json.Valid([]byte(p.value)), p.value)
		}
		if want, ok := decoded(data); ok {
			require.True(t, ended)
			require.Equal(t, want, parts)
		}
		for end := range len(data) {
			cut, _ := partsOf(data[:end])
			require.Subset(t, parts, cut[:max(len(cut)-1, 0)], "but for the last, which may go on")
		}
	})
}

// decoded reads the parts of an object or a list with encoding/json.
func decoded(data string) (parts []part, ok bool) {
	dec := json.NewDecoder(bytes.NewReader([]byte(data)))
	begin, err := dec.Token()
	if err != nil || begin != json.Delim('{') && begin != json.Delim('[') {
		return nil, false
	}
	for dec.More() {
		var p part
		if begin == json.Delim('{') {
			token, err := dec.Token()
			if err != nil {
				return nil, false
			}
			p.name = token.(string)
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, false
		}
		p.value = string(value)
		parts = append(parts, p)
	}
	_, err = dec.Token()
	return parts, err == nil
}
