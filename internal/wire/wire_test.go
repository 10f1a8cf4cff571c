package wire

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func at(text string) *Cursor { return &Cursor{Data: []byte(text)} }

// Strings end at their first quote that has no backslash before it, wherever it
// stands among the eight bytes that are looked at together.
func TestTextsOfEveryLength(t *testing.T) {
	t.Parallel()
	for length := range 40 {
		for _, piece := range []string{"", `\"`, `\\`, `\/`, `\b\f\n\r\t`, `\u00fc`, `\ud83d\ude00`, `\ud800`, `\ud800\u0041`, `\uD83D\ud83d\uDE00`, `\ude00\n`, "ü", "\xff", `\n` + "\xff"} {
			for _, rest := range []string{"", "x", strings.Repeat("y", 20)} {
				literal := `"` + strings.Repeat("x", length) + piece + rest + `"`
				var want string
				require.NoError(t, json.Unmarshal([]byte(literal), &want))
				c := at(literal + `,"other"`)
				got, ok := c.Text()
				require.True(t, ok, literal)
				assert.Equal(t, want, got, literal)
				assert.Equal(t, len(literal), c.Pos, literal)
				c = at("{" + literal + " : 5}")
				require.True(t, c.Enter('{'))
				require.True(t, c.More('}'))
				assert.Equal(t, want, Valid(c.Name()), literal)
				assert.Equal(t, "5", string(c.Skip()), literal)
			}
		}
	}
}

func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]int64{
		"0": 0, "7": 7, "-7": -7, "-0": 0, `"7"`: 7, `"-7"`: -7, `"+7"`: 7, `"007"`: 7, "123456789012345678": 123456789012345678,
		"999999999999999999": 999999999999999999, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
		`"9223372036854775807"`: math.MaxInt64, "5.0": 5, "5.00": 5, `"5.0"`: 5, "1e3": 1000, "1.5e1": 15,
	} {
		for _, after := range []string{"", " ", ",1", "]", "}"} {
			c := at("  " + literal + after)
			got, ok := c.Int()
			require.True(t, ok, literal)
			assert.Equal(t, want, got, literal)
			assert.Equal(t, len(literal)+2, c.Pos, literal)
		}
	}
	for _, literal := range []string{"9223372036854775808", `"9223372036854775808"`, "1.5", `"1.5"`, `""`, `"7x"`, `"7 "`, `"7\n"`, `"x"`, "null", "true", "[7]", `{"7":7}`, "1e400", `"0x7"`, `"1_0"`} {
		c := at(literal + ",")
		_, ok := c.Int()
		assert.False(t, ok, literal)
		assert.Zero(t, c.Pos, literal)
	}
}

// What was read stays what it was when the data is overwritten.
func TestNothingOfTheDataIsKept(t *testing.T) {
	t.Parallel()
	data := []byte(`{"text":"first","raw":[1],"escaped":"a\nb","other":{"x":1}}`)
	var c Cursor
	var text, raw, escaped, extra string
	var unusual Bits
	read := func(name []byte) (Bits, Outcome) {
		switch string(name) {
		case "text":
			return 1, Text(&text, &c)
		case "raw":
			return 0, Raw(&raw, &c)
		case "escaped":
			return 2, Text(&escaped, &c)
		}
		return 0, Foreign
	}
	c.On(data)
	require.Equal(t, Held, Part(&c, &extra, &unusual, &Fields{}, read))
	copy(data, strings.Repeat("#", len(data)))
	assert.Equal(t, []string{"first", "[1]", "a\nb", `{"other":{"x":1}}`}, []string{text, raw, escaped, extra})
	first := escaped
	c.On([]byte(`{"escaped":"c\td"}`))
	require.Equal(t, Held, Part(&c, &extra, &unusual, &Fields{}, read))
	assert.Equal(t, []string{"a\nb", "c\td"}, []string{first, escaped})
}

func TestNamesInAnotherCase(t *testing.T) {
	t.Parallel()
	fields := &Fields{Names: []string{"did"}}
	for data, want := range map[string]struct {
		value int64
		extra string
	}{
		`{"DID":5}`:             {5, ""},
		`{"Did":"x"}`:           {0, `{"did":"x"}`},
		`{"did":"x","DID":5}`:   {5, ""},
		`{"DID":5,"did":"x"}`:   {0, `{"did":"x"}`},
		`{"dıd":5}`:             {0, `{"dıd":5}`},
		`{"x":1,"x":2}`:         {0, `{"x":2}`},
		`{"x\n":1, "y" : [2 ]}`: {0, `{"x\n":1,"y" : [2 ]}`},
		`{"did":"x","did":7}`:   {7, ""},
		`{"did":7,"did":{}}`:    {0, `{"did":{}}`},
	} {
		c := at(data)
		var value int64
		var extra string
		var unusual Bits
		require.Equal(t, Held, Part(c, &extra, &unusual, fields, func(name []byte) (Bits, Outcome) {
			if string(name) == "did" {
				return 1, Int(&value, c)
			}
			return 0, Foreign
		}))
		assert.Equal(t, want.value, value, data)
		assert.Equal(t, want.extra, extra, data)
	}
}

// The set tells an explicit zero from an absent member, the other way round for
// fields that are always written, and the last of a name counts.
func TestUnusual(t *testing.T) {
	t.Parallel()
	fields := &Fields{Always: 2}
	for data, want := range map[string]Bits{
		`{}`: 2, `{"a":0}`: 3, `{"a":1}`: 2, `{"b":0}`: 0, `{"b":1}`: 0, `{"b":null}`: 2, `{"b":"x"}`: 2,
		`{"a":0,"a":1}`: 2, `{"a":1,"a":0}`: 3, `{"b":1,"b":null}`: 2, `{"a":0,"a":"x"}`: 2,
	} {
		c := at(data)
		var a, b int64
		var extra string
		var unusual Bits
		Part(c, &extra, &unusual, fields, func(name []byte) (Bits, Outcome) {
			if string(name) == "a" {
				return 1, Int(&a, c)
			}
			return 2, Int(&b, c)
		})
		assert.Equal(t, want, unusual, data)
	}
}

func TestPathsOfWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	skipped := func(data string) []string {
		c := at(data)
		mark := c.Mark()
		var lists [][]map[string]int64
		List(&lists, c, func(list *[]map[string]int64, c *Cursor) Outcome {
			return List(list, c, func(m *map[string]int64, c *Cursor) Outcome { return Map(m, c, Int) })
		})
		assert.Equal(t, len(data), c.Pos)
		return c.Skipped(mark)
	}
	assert.Nil(t, skipped(`[[{"a":1}]]`))
	assert.Equal(t, []string{"[0][1].a", "[1]", "[2].b.c"}, skipped(`[[{},{"a":"x"}],true,{"b.c":[]}]`))
	assert.Len(t, skipped(`[[{"a":`+strings.Repeat(`"x","a":`, 500)+`"x"}]]`), 100)
	long := skipped(`[[{"` + strings.Repeat("a", 3000) + `":"x"}]]`)
	assert.Equal(t, []string{"[0][0]." + strings.Repeat("a", 993) + "…"}, long)
}

// What a value may take in memory depends on its size. Beyond that it is read to
// its end, and nothing more is kept.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	type large [1 << 20]byte
	data := "[" + strings.TrimSuffix(strings.Repeat("{},", 200), ",") + "]"
	var c Cursor
	c.On([]byte(data))
	var list []large
	require.Equal(t, Held, List(&list, &c, func(_ *large, c *Cursor) Outcome {
		c.Skip()
		return Held
	}))
	assert.Len(t, list, 64)
	assert.True(t, c.Overspent())
	assert.Equal(t, len(data), c.Pos)
}

func elements(r io.Reader) (list []string, alone bool, err error) {
	err = Elements(r, func(element []byte, single bool) bool {
		list = append(list, string(element))
		alone = single
		return true
	})
	return list, alone, err
}

func TestElements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data  string
		want  []string
		alone bool
		err   string
	}{
		{` [ ] `, nil, false, ""},
		{`[{"a":1}, 5,null,"x"]`, []string{`{"a":1}`, `5`, `"x"`}, false, ""},
		{`[[{"a":1}],[],[{"b":2},null],{"c":3}]`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, false, ""},
		{`[[[1]]]`, []string{`[1]`}, false, ""},
		{`{"a":1} `, []string{`{"a":1}`}, true, ""},
		{`{"a":1}x`, []string{`{"a":1}`}, true, "invalid character 'x' at start of value after offset 7"},
		{`[1]]`, []string{"1"}, false, "invalid character ']'"},
		{`[1]5`, []string{"1"}, false, "more follows at byte 4, after the end"},
		{`[1,`, []string{"1"}, false, "unexpected EOF"},
		{`[{"a":1},{"b":`, []string{`{"a":1}`}, false, "unexpected EOF"},
		{`[1,NaN]`, []string{"1"}, false, "invalid character 'N'"},
		{`"x"`, nil, false, "expected a list, not string"},
		{``, nil, false, "unexpected EOF"},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.data), iotest.OneByteReader(strings.NewReader(c.data))} {
			list, alone, err := elements(r)
			assert.Equal(t, c.want, list, c.data)
			assert.Equal(t, c.alone, alone, c.data)
			if c.err == "" {
				require.NoError(t, err, c.data)
				continue
			}
			require.ErrorContains(t, err, c.err, c.data)
			assert.NotContains(t, err.Error(), "jsontext", c.data)
		}
	}
	failed := errors.New("the connection broke")
	list, _, err := elements(io.MultiReader(strings.NewReader(`[{"a":1},`), iotest.ErrReader(failed)))
	assert.Equal(t, []string{`{"a":1}`}, list)
	require.ErrorIs(t, err, failed)
	assert.NotContains(t, err.Error(), "jsontext")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{}`, ` [1] `, `"\ud800"`, "\"\xff\"", `{"a":1,"a":2}`} {
		require.NoError(t, Validate([]byte(data)), data)
	}
	for _, data := range []string{``, ` `, `{`, `{"a"}`, `[1,]`, `1 2`, `nul`, "\"\n\"", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)} {
		err := Validate([]byte(data))
		require.Error(t, err, data)
		assert.NotContains(t, err.Error(), "jsontext", data)
	}
	require.ErrorIs(t, Validate([]byte(`{"a":`)), io.ErrUnexpectedEOF)
	require.ErrorIs(t, Validate(nil), io.ErrUnexpectedEOF)
}

func TestWriter(t *testing.T) {
	t.Parallel()
	written := func(write func(*Writer)) (string, error) {
		var w Writer
		write(&w)
		data, err := w.Bytes()
		return string(data), err
	}
	text, err := written(func(w *Writer) {
		w.Part(`{"a":9,"x\n":1, "y":[2]}`, func() {
			w.PutInt("a", 0, true)
			w.PutInt("b", 0, false)
			w.Name("part")
			w.Part(`{"a":8}`, func() { w.PutText("c", "\xff", false) })
			w.Name("list")
			WriteList(w, []float64{1, 1e-7, 1e21, -0.5}, WriteFloat)
			w.Name("map")
			WriteMap(w, map[string]bool{"z": false, "y": true}, WriteFlag)
		})
	})
	require.NoError(t, err)
	assert.Equal(t, `{"a":0,"part":{"c":"�","a":8},"list":[1,1e-07,1e+21,-0.5],"map":{"y":true,"z":false},"x\n":1,"y":[2]}`, text)
	text, err = written(func(w *Writer) {
		w.Whole(map[string]json.RawMessage{"b": json.RawMessage("2"), "a": json.RawMessage("1")}, func() { w.PutFlag("b", true, false) })
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{"b":true,"a":1}`, text)
	text, err = written(func(w *Writer) { w.Part("[1]", func() { w.PutInt("a", 1, true) }) })
	require.NoError(t, err)
	assert.Equal(t, "[1]", text)
	for want, write := range map[string]func(*Writer){
		"JSON has no number for NaN":       func(w *Writer) { w.Float(math.NaN()) },
		"JSON has no number for +Inf":      func(w *Writer) { w.Float(math.Inf(1)) },
		"raw JSON: unexpected EOF":         func(w *Writer) { w.Raw([]byte(`{"a":`)) },
		"extra JSON: unexpected EOF":       func(w *Writer) { w.Part(`{"a":`, func() {}) },
		"raw JSON: invalid character 'x' ": func(w *Writer) { w.Whole(map[string]json.RawMessage{"a": json.RawMessage("x")}, func() {}) },
	} {
		_, err := written(write)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "jsontext")
	}
}
