package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEventsAsDocumentsOfSIEMs(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"events", "events -incident {incident}", "watch -once -since 8d"} {
		u := &user{t: t, terminal: true}
		require.Zero(t, u.types(append(fields(t, line), "-fake", "-o", "ecs")...), u.stderr)
		require.NotEmpty(t, u.stdout, line)
		for text := range strings.Lines(u.stdout) {
			var doc struct {
				Time  time.Time `json:"@timestamp"`
				Event struct {
					ID, URL string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(text), &doc))
			event := u.srv.Event(doc.Event.ID)
			require.NotNil(t, event, text)
			assert.True(t, event.CreatedAt.Time().Equal(doc.Time))
			assert.True(t, strings.HasPrefix(doc.Event.URL, u.srv.URL), doc.Event.URL)
		}
		require.Zero(t, u.types(append(fields(t, line), "-fake", "-o", "ocsf")...), u.stderr)
		for text := range strings.Lines(u.stdout) {
			var finding struct {
				Class int `json:"class_uid"`
				Info  struct {
					UID string
				} `json:"finding_info"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &finding))
			assert.Equal(t, 2004, finding.Class)
			assert.NotNil(t, u.srv.Event(finding.Info.UID), text)
		}
	}
}

func TestAlertsAsDocumentsOfSIEMs(t *testing.T) {
	t.Parallel()
	u := &user{t: t}
	require.Zero(t, u.types("-fake", "alerts", "-since", "8d"))
	count := strings.Count(u.stdout, "\n")
	for _, line := range []string{"alerts -since 8d", "watch alerts -once -since 8d"} {
		for format, field := range map[string]string{"ecs": "@timestamp", "ocsf": "class_uid"} {
			require.Zero(t, u.types(append(strings.Fields(line), "-fake", "-o", format)...), u.stderr)
			assert.Equal(t, count, strings.Count(u.stdout, "\n"), line)
			for text := range strings.Lines(u.stdout) {
				var doc map[string]any
				require.NoError(t, json.Unmarshal([]byte(text), &doc))
				assert.Contains(t, doc, field)
			}
		}
	}
}
