package darktrace_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// TestCheckpointJSON shows the JSON that programs keep: what it says has to be
// understood by every later version of the package.
func TestCheckpointJSON(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.events = nil
		events := feedEvents(47, 4, f.now())
		events[0].id = "0B00CAFE-0000-4000-8000-000000000000" // Not canonical, so not in one piece with others.
		events[1].id = "sixteen-letters-"
		f.add(events...)
		f.add(feedEvents(3, 1, f.now().Add(-3*day))...) // From before Since.
		f.opts.Limit, f.opts.Updates = 1, true
		f.poll()
		data, err := json.Marshal(f.checkpoint)
		require.NoError(t, err)
		assert.Equal(t,
			`{"v":1,"floor":946087140000,"since":946598400000,`+
				`"pass":{"at":946692000000,"sweep":true,`+
				`"owed":{"uuids":"xXzTUStERz2M5rFGIc99SQ==","others":["0B00CAFE-0000-4000-8000-000000000000","opaque-49"]},`+
				`"within":{"from":946598400000,"to":946692060000},"filter":"e6e95732"},`+
				`"seen":[{"until":262944,"ids":{"uuids":"KPWtTcc0QmCNrxfm/QrGHQ=="},"states":["-"]},`+
				`{"until":262971,"ids":{"others":["sixteen-letters-"]},"states":["76|50|suspicious|suspicious|||g3bd06489-3f3e-4deb-8cf8-f9dee9ad33f7"]}]}`,
			string(data))
	})
}

func TestCheckpointIsCompact(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		updates bool
		limit   int // bytes for each id
	}{{false, 22}, {true, 92}} {
		t.Run(fmt.Sprint(test.updates), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				const n = 2000
				for i := range n {
					f.add(feedEvents(i*50, 1, f.now().Add(-time.Duration(i)*time.Second))...)
				}
				f.opts.Updates = test.updates
				require.Len(t, f.poll().Changes, n)
				data, err := json.Marshal(f.checkpoint)
				require.NoError(t, err)
				assert.LessOrEqual(t, len(data), n*test.limit+200)
			})
		})
	}
}

func TestCheckpointRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		``:                           "no checkpoint",
		`7`:                          "no checkpoint",
		`[]`:                         "no checkpoint",
		`null`:                       "version 1",
		`{}`:                         "version 1",
		`{"v":2,"through":1}`:        "version 1",
		`{"v":"1"}`:                  "no checkpoint",
		`{"v":1,"new":true}`:         `unknown field "new"`,
		`{"v":1,"pass":{"new":1}}`:   `unknown field "new"`,
		`{"v":1,"through":"later"}`:  "number",
		`{"v":1,"seen":{}}`:          "damaged",
		`{"v":1,"seen":[{"ids":1}]}`: "damaged",
		`{"v":1,"seen":[{"until":1,"ids":{"uuids":"AAAA"}}]}`:                       "3 bytes",
		`{"v":1,"seen":[{"until":1,"ids":{"uuids":"!"}}]}`:                          "base64",
		`{"v":1,"seen":[{"until":1,"ids":{"others":["a"]},"states":["-","-"]}]}`:    "1 ids have 2 states",
		`{"v":1,"seen":[{"until":1,"ids":{"others":["a"]},"states":["nonsense"]}]}`: "no state",
		`{"v":1,"seen":[{"until":1,"ids":{"uuid":"AAAAAAAAAAAAAAAAAAAAAA=="}}]}`:    `unknown field "uuid"`,
	} {
		c := new(darktrace.Checkpoint)
		err := c.UnmarshalJSON([]byte(data))
		require.Error(t, err, data)
		assert.ErrorContains(t, err, want, data)
		assert.Equal(t, new(darktrace.Checkpoint), c, "what is refused leaves no trace")
	}
}

func TestCheckpointTellsIDsApart(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		uuid := "0b00cafe-1234-4321-8765-0123456789ab"
		ids := []string{
			uuid, strings.ToUpper(uuid), strings.ReplaceAll(uuid, "-", ""), uuid + "0", "g" + uuid, uuid[:35], uuid[:35] + "g", uuid[:8] + "_" + uuid[9:],
			"fifteen-letters", "sixteen-letters-", "sixteen-letters-=", "sixteen-letters-==", "a", "=", "ünï-cödé", "a,b", " ", "\x0b\x00\xca\xfe",
			string([]byte{0x0b, 0, 'l', 'o', 0x12, 0x34, 0x43, 0x21, 'a', 0x65, 1, 0x23, 0x45, 0x67, 'x', 0x2b}), // As long as a UUID's bytes.
		}
		var events []*feedEvent
		for i, id := range ids {
			e := feedEvents(i, 1, f.now())[0]
			e.id = strings.ToValidUTF8(id, "?")
			events = append(events, e)
		}
		f.add(events...)
		f.opts.Limit = 3
		assert.Equal(t, eventIDs(events), f.drain())
		assert.Empty(t, f.drain())
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`{"v":1,"through":946692000000,"swept":946692000000,"floor":5,"since":7,` +
		`"pass":{"at":1,"sweep":true,"todo":[{"from":1,"to":2}],"owed":{"uuids":"uI7QswK/Swin6gRDpZgC9w==","others":["a"]},"within":{"from":1,"to":2},"filter":"x"},` +
		`"seen":[{"until":262901,"ids":{"uuids":"QZKSSqKzRK2IVTh7hxWKdw==","others":["sixteen-letters-"]},"states":["-","76|50|suspicious|suspicious|||g"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := new(darktrace.Checkpoint)
		if json.Unmarshal(data, c) == nil {
			roundTrip(t, c)
		}
	})
}
