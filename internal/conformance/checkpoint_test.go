package conformance_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
			`{"v":2,"feed":"events","host":"appliance.example.com","since":946598400000,"through":946692000000,"polled":946684800000,"floor":946087140000,"known":946087140000,"knownAt":946692000000,`+
				`"sweeps":[{"back":86400000,"at":946692000000},{"back":604800000,"at":946692000000}],"jumps":[{"from":946598400000,"to":946692000000}],`+
				`"pending":{"within":{"from":946598400000,"to":946693860000},"ids":["c57cd351-2b44-473d-8ce6-b14621cf7d49","0B00CAFE-0000-4000-8000-000000000000","opaque-49"],`+
				`"scores":[50,39,13],"created":[946692000000,946692000000,946692000000]},"filter":"e6e95732",`+
				`"seen":[{"until":262944,"ids":"lAxtaHVxZ5w=","states":["-"]},`+
				`{"until":262971,"ids":"uR94bMXIxZw=","states":["0:76|50|suspicious|suspicious|||g3bd06489-3f3e-4deb-8cf8-f9dee9ad33f7"]}]}`,
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
		``:                             "not a checkpoint",
		`7`:                            "not a checkpoint",
		`[]`:                           "not a checkpoint",
		`null`:                         "no version",
		`{}`:                           "no version",
		`{"v":0}`:                      "no version",
		`{"v":3,"through":1}`:          "newer version",
		`{"v":2,"new":true}`:           `unknown field "new"`,
		`{"v":2,"due":[{"new":1}]}`:    `unknown field "new"`,
		`{"v":2,"due":[{"tries":-1}]}`: "-1 tries",
		`{"v":2,"seen":[{"until":1,"ids":"AAAA"}]}`:                                 "no list of hashes",
		`{"v":2,"seen":[null]}`:                                                     "no list of hashes",
		`{"v":2,"seen":[{"until":1,"ids":"AAAAAAAAAAA=","states":["-","-"]}]}`:      "1 ids have 2 states",
		`{"v":2,"seen":[{"until":1,"ids":"AAAAAAAAAAA=","states":["0:nonsense"]}]}`: "not a state",
		`{"v":2,"pending":{"ids":["a"],"scores":[1,2],"created":[1]}}`:              "1 pending ids have 2 scores and 1 times",
		`{"v":2,"pending":{}}`:                                                      "0 pending ids",
		`{"v":"1"}`:                                                                 "not a checkpoint",
		`{"v":1,"new":true}`:                                                        `unknown field "new"`,
		`{"v":1,"pass":{"new":1}}`:                                                  `unknown field "new"`,
		`{"v":1,"through":"later"}`:                                                 "through",
		`{"v":1,"seen":{}}`:                                                         "damaged",
		`{"v":1,"seen":[{"ids":1}]}`:                                                "damaged",
		`{"v":1,"seen":[{"until":1,"ids":{"uuids":"AAAA"}}]}`:                       "3 bytes",
		`{"v":1,"seen":[{"until":1,"ids":{"uuids":"!"}}]}`:                          "base64",
		`{"v":1,"seen":[{"until":1,"ids":{"others":["a"]},"states":["-","-"]}]}`:    "1 ids have 2 states",
		`{"v":1,"seen":[{"until":1,"ids":{"others":["a"]},"states":["nonsense"]}]}`: "not a state",
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

// TestCheckpointOfVersion1 reads what the version before wrote. Until something
// changes it stays as it was, for stores that compare texts.
func TestCheckpointOfVersion1(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.events = nil
		events := feedEvents(0, 4, f.now())
		f.add(events...)
		raw, err := hex.DecodeString(strings.ReplaceAll(events[0].id, "-", ""))
		require.NoError(t, err)
		at := f.now().Add(-time.Minute).UnixMilli()
		data := fmt.Sprintf(`{"v":1,"through":%d,"swept":%d,"floor":%d,"pass":{"at":%d,"owed":{"others":[%q]},"within":{"from":%d,"to":%d},"filter":"e6e95732"},`+
			`"seen":[{"until":%d,"ids":{"uuids":%q}}]}`, at, at, at-7*day.Milliseconds(), at, events[1].id, at-60_000, at+120_000,
			f.now().Add(time.Hour).Unix()/3600, base64.StdEncoding.EncodeToString(raw))
		f.checkpoint = checkpointOf(t, data)
		again, err := json.Marshal(f.checkpoint)
		require.NoError(t, err)
		assert.Equal(t, data, string(again))
		assert.Equal(t, 1, f.checkpoint.Owed())
		assert.Equal(t, 1, f.checkpoint.Len())
		assert.Equal(t, at, f.checkpoint.Through().UnixMilli())
		assert.Equal(t, eventIDs(events[1:]), f.drain(), "what was delivered does not come again")
	})
}

// TestCheckpointsAreOfOneFeed gives each feed the checkpoints of the others: what
// they remember would hide what is new.
func TestCheckpointsAreOfOneFeed(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.happens(3)
		ctx, ai := t.Context(), f.client.AIAnalyst
		elsewhere, err := darktrace.NewClient("https://b.example.com", newAuth(t), darktrace.WithTransport(f))
		require.NoError(t, err)
		breaches := newClient(t, &breachAppliance{}).ModelBreaches
		feeds := map[string]func(*darktrace.Checkpoint) (*darktrace.Checkpoint, error){
			"events of appliance.example.com": func(c *darktrace.Checkpoint) (*darktrace.Checkpoint, error) {
				result, err := ai.Poll(ctx, c, nil)
				if result == nil {
					return nil, err
				}
				return result.Taken(1), err
			},
			"incidents of appliance.example.com": func(c *darktrace.Checkpoint) (*darktrace.Checkpoint, error) {
				result, err := ai.PollIncidents(ctx, c, nil)
				if result == nil {
					return nil, err
				}
				return result.Taken(1), err
			},
			"events of b.example.com": func(c *darktrace.Checkpoint) (*darktrace.Checkpoint, error) {
				result, err := elsewhere.AIAnalyst.Poll(ctx, c, nil)
				if result == nil {
					return nil, err
				}
				return result.Checkpoint, err
			},
			"model alerts of appliance.example.com": func(c *darktrace.Checkpoint) (*darktrace.Checkpoint, error) {
				result, err := breaches.Poll(ctx, c, nil)
				if result == nil {
					return nil, err
				}
				return result.Checkpoint, err
			},
		}
		for of, begin := range feeds {
			checkpoint, err := begin(nil)
			require.NoError(t, err)
			checkpoint = roundTrip(t, checkpoint)
			for other, poll := range feeds {
				_, err := poll(checkpoint)
				if other == of {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, darktrace.ErrArgument)
				require.EqualError(t, err, "darktrace: invalid argument: checkpoint is of "+of+"; the feed of "+other+" needs its own checkpoint")
			}
			if of == "events of appliance.example.com" {
				continue
			}
			store := darktrace.MemoryCheckpoint()
			require.NoError(t, store.Save(ctx, nil, checkpoint))
			for _, err := range ai.Watch(ctx, store, nil) {
				require.ErrorContains(t, err, "checkpoint is of "+of+"; the feed of events of appliance.example.com needs its own checkpoint")
			}
			stored, err := store.Load(ctx)
			require.NoError(t, err)
			assert.True(t, stored.Equal(checkpoint), "the store of another feed is left alone")
		}
	})
}

// TestTheCaseOfTheHostMeansNothing reads from two URLs that differ in case.
func TestTheCaseOfTheHostMeansNothing(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.happens(3)
		alerts := &breachAppliance{made: map[int64]time.Time{7: time.Now().Add(-time.Minute)}}
		var sources, keys []string
		var checkpoint, ofAlerts *darktrace.Checkpoint
		for _, url := range []string{"https://Appliance.EXAMPLE.com", "https://appliance.example.com"} {
			client, err := darktrace.NewClient(url, newAuth(t), darktrace.WithTransport(f))
			require.NoError(t, err)
			events, err := client.AIAnalyst.Poll(t.Context(), nil, nil)
			require.NoError(t, err)
			client, err = darktrace.NewClient(url, newAuth(t), darktrace.WithTransport(alerts))
			require.NoError(t, err)
			breaches, err := client.ModelBreaches.Poll(t.Context(), nil, nil)
			require.NoError(t, err)
			sources = append(sources, events.Changes[0].Source, breaches.Changes[0].Source)
			keys = append(keys, events.Changes[0].Key, breaches.Changes[0].Key)
			checkpoint, ofAlerts = cmp.Or(checkpoint, events.Checkpoint), cmp.Or(ofAlerts, breaches.Checkpoint)
		}
		assert.Equal(t, slices.Repeat([]string{"appliance.example.com"}, 4), sources)
		assert.Equal(t, keys[:2], keys[2:])

		events, err := f.client.AIAnalyst.Poll(t.Context(), roundTrip(t, checkpoint), nil)
		require.NoError(t, err)
		assert.Empty(t, events.Changes)
		breaches, err := newClient(t, alerts).ModelBreaches.Poll(t.Context(), roundTrip(t, ofAlerts), nil)
		require.NoError(t, err)
		assert.Empty(t, breaches.Changes)
	})
}

// TestCheckpointsThatTellNoFeed takes those of versions that did not note it.
func TestCheckpointsThatTellNoFeed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"v":1,"through":946684800000,"swept":946684800000,"since":946598400000}`,
		`{"v":2,"since":946598400000,"through":946684800000}`,
	} {
		inFeed(t, func(t *testing.T, f *feed) {
			checkpoint := new(darktrace.Checkpoint)
			require.NoError(t, json.Unmarshal([]byte(text), checkpoint))
			data, err := json.Marshal(checkpoint)
			require.NoError(t, err)
			assert.Equal(t, text, string(data), "it stays as it was until it changes")
			result, err := f.client.AIAnalyst.PollIncidents(t.Context(), checkpoint, nil)
			require.NoError(t, err)
			data, err = json.Marshal(result.Checkpoint)
			require.NoError(t, err)
			assert.Contains(t, string(data), `"feed":"incidents","host":"appliance.example.com"`)
			_, err = f.client.AIAnalyst.Poll(t.Context(), result.Checkpoint, nil)
			require.ErrorContains(t, err, "checkpoint is of incidents of appliance.example.com")
		})
	}
}

// TestCheckpointsThatAreNone end a Watch at once: waiting does not help.
func TestCheckpointsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "garbage", `{"v":2,"since":9`, "null", `{"v":2,"width":1000}`, `{"v":2,"width":-1}`} {
		path := filepath.Join(t.TempDir(), "checkpoint.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		inFeed(t, func(t *testing.T, f *feed) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var errs []error
			for _, err := range f.client.AIAnalyst.Watch(ctx, darktrace.FileCheckpoint(path), nil) {
				errs = append(errs, err)
			}
			require.Len(t, errs, 1, "%q", text)
			require.ErrorContains(t, errs[0], "can't be used; to begin a new feed, remove it: checkpoint not understood: it is ")
			require.NoError(t, ctx.Err())
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, text, string(kept))
		})
	}
}

// TestFileCheckpointSaysWhatIsWrongWithItsFolder checks that no error names an
// unknown file.
func TestFileCheckpointSaysWhatIsWrongWithItsFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "missing")
	_, err := darktrace.FileCheckpoint(filepath.Join(folder, "checkpoint.json")).Load(t.Context())
	require.EqualError(t, err, "darktrace: loading the checkpoint: the folder "+folder+" of the checkpoint does not exist; create it")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, darktrace.ErrNoCheckpoint)
}
