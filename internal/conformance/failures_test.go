package conformance_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// apiCall is a call of a method with valid arguments.
type apiCall struct {
	name       string // of the method, below Client
	permission string // that its error text names
	call       func(context.Context, *darktrace.Client) error
}

// apiCalls holds a call of every method that sends requests. Each of them fails
// in the same ways.
var apiCalls = append([]apiCall{
	{"AIAnalyst.GetEvent", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.AIAnalyst.GetEvent(ctx, id1) })},
	{"AIAnalyst.ListEvents", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.AIAnalyst.ListEvents(ctx, nil) })},
	{"AIAnalyst.Events", "Visualizer", ranged(func(ctx context.Context, c *darktrace.Client) iter.Seq2[*darktrace.IncidentEvent, error] {
		return c.AIAnalyst.Events(ctx, nil)
	})},
	{"AIAnalyst.GetGroup", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.AIAnalyst.GetGroup(ctx, "g"+id1) })},
	{"AIAnalyst.ListGroups", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.AIAnalyst.ListGroups(ctx, nil) })},
	{"AIAnalyst.Groups", "Visualizer", ranged(func(ctx context.Context, c *darktrace.Client) iter.Seq2[*darktrace.IncidentGroup, error] {
		return c.AIAnalyst.Groups(ctx, nil)
	})},
	{"AIAnalyst.ListComments", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.AIAnalyst.ListComments(ctx, id1) })},
	{"AIAnalyst.PostCommentVerified", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.AIAnalyst.PostCommentVerified(ctx, id1, "text")
	})},
	{"AIAnalyst.AcknowledgeGroupVerified", "Visualizer", func(ctx context.Context, c *darktrace.Client) error {
		return c.AIAnalyst.AcknowledgeGroupVerified(ctx, "g"+id1)
	}},
	{"AIAnalyst.GroupAcknowledged", "Visualizer", func(ctx context.Context, c *darktrace.Client) error {
		_, err := c.AIAnalyst.GroupAcknowledged(ctx, "g"+id1)
		return err
	}},
	{"AIAnalyst.ResolveGroup", "Visualizer", func(ctx context.Context, c *darktrace.Client) error {
		return c.AIAnalyst.ResolveGroup(ctx, "g"+id1, "text")
	}},
	{"AIAnalyst.PostCommentOnce", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.AIAnalyst.PostCommentOnce(ctx, id1, "text")
	})},
	{"AIAnalyst.AcknowledgeGroup", "Visualizer", func(ctx context.Context, c *darktrace.Client) error {
		return c.AIAnalyst.AcknowledgeGroup(ctx, "g"+id1)
	}},
	{"AIAnalyst.GetStats", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.AIAnalyst.GetStats(ctx, nil) })},
	{"AIAnalyst.GetInvestigation", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.AIAnalyst.GetInvestigation(ctx, id1)
	})},
	{"AIAnalyst.ListInvestigations", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.AIAnalyst.ListInvestigations(ctx, nil)
	})},
	{"AIAnalyst.WaitInvestigation", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.AIAnalyst.WaitInvestigation(ctx, id1)
	})},
	{"AIAnalyst.Acknowledge", "Acknowledge Breaches", func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.Acknowledge(ctx, id1) }},
	{"AIAnalyst.AcknowledgeVerified", "Acknowledge Breaches", func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.AcknowledgeVerified(ctx, id1) }},
	{"AIAnalyst.Unacknowledge", "Acknowledge Breaches", func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.Unacknowledge(ctx, id1) }},
	{"AIAnalyst.Pin", "Visualizer", func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.Pin(ctx, id1) }},
	{"AIAnalyst.Unpin", "Visualizer", func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.Unpin(ctx, id1) }},
	{"AIAnalyst.PostComment", "Discuss Breaches", func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.PostComment(ctx, id1, "text") }},
	{"AIAnalyst.StartInvestigation", "Create AI Analyst Investigations", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.AIAnalyst.StartInvestigation(ctx, 7, time.UnixMilli(1700000000000))
	})},

	{"ModelBreaches.Acknowledge", "Acknowledge Breaches", func(ctx context.Context, c *darktrace.Client) error { return c.ModelBreaches.Acknowledge(ctx, 7) }},
	{"ModelBreaches.Unacknowledge", "Acknowledge Breaches", func(ctx context.Context, c *darktrace.Client) error { return c.ModelBreaches.Unacknowledge(ctx, 7) }},
	{"ModelBreaches.PostComment", "Discuss Breaches", func(ctx context.Context, c *darktrace.Client) error {
		return c.ModelBreaches.PostComment(ctx, 7, "text")
	}},
	{"ModelBreaches.List", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.ModelBreaches.List(ctx, nil) })},
	{"ModelBreaches.All", "Visualizer", ranged(func(ctx context.Context, c *darktrace.Client) iter.Seq2[*darktrace.ModelBreach, error] {
		return c.ModelBreaches.All(ctx, nil)
	})},
	{"ModelBreaches.Get", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.ModelBreaches.Get(ctx, 7) })},
	{"ModelBreaches.EventLog", "Visualizer", ranged(func(ctx context.Context, c *darktrace.Client) iter.Seq2[*darktrace.LogEntry, error] {
		return c.ModelBreaches.EventLog(ctx, 7)
	})},
	{"ModelBreaches.ListComments", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.ModelBreaches.ListComments(ctx, 7)
	})},
	{"ModelBreaches.PostCommentOnce", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.ModelBreaches.PostCommentOnce(ctx, 7, "text")
	})},
	{"ModelBreaches.PostCommentVerified", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.ModelBreaches.PostCommentVerified(ctx, 7, "text")
	})},
	{"ModelBreaches.AcknowledgeVerified", "Acknowledge Breaches", func(ctx context.Context, c *darktrace.Client) error {
		return c.ModelBreaches.AcknowledgeVerified(ctx, 7)
	}},

	{"Devices.Get", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Devices.Get(ctx, 101) })},
	{"Devices.FindByIP", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Devices.FindByIP(ctx, "192.0.2.17")
	})},
	{"Devices.FindByMAC", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Devices.FindByMAC(ctx, "00:00:5e:00:53:01")
	})},
	{"Devices.List", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Devices.List(ctx, nil) })},
	{"Devices.Search", "Unrestricted Devices", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Devices.Search(ctx, nil) })},
	{"Devices.SearchAll", "Unrestricted Devices", ranged(func(ctx context.Context, c *darktrace.Client) iter.Seq2[*darktrace.Device, error] {
		return c.Devices.SearchAll(ctx, nil)
	})},
	{"Devices.Summary", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Devices.Summary(ctx, 101) })},

	{"EventLog.List", "Unrestricted Devices", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.EventLog.List(ctx, &darktrace.EventLogOptions{DID: 101})
	})},
	{"EventLog.All", "Unrestricted Devices", ranged(func(ctx context.Context, c *darktrace.Client) iter.Seq2[*darktrace.LogEntry, error] {
		return c.EventLog.All(ctx, &darktrace.EventLogOptions{DID: 101})
	})},
	{"Endpoints.Get", "Unrestricted Devices", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Endpoints.Get(ctx, "example.com", nil)
	})},

	{"Antigena.ListActions", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Antigena.ListActions(ctx, nil) })},
	{"Antigena.ListActionsWithDevices", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Antigena.ListActionsWithDevices(ctx, nil)
	})},
	{"Antigena.Summary", "Unrestricted Devices", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Antigena.Summary(ctx, nil) })},
	{"Antigena.Activate", "Darktrace RESPOND", func(ctx context.Context, c *darktrace.Client) error { return c.Antigena.Activate(ctx, 4764, 0, "why") }},
	{"Antigena.Extend", "Darktrace RESPOND", func(ctx context.Context, c *darktrace.Client) error {
		return c.Antigena.Extend(ctx, 4764, time.Hour, "why")
	}},
	{"Antigena.Clear", "Darktrace RESPOND", func(ctx context.Context, c *darktrace.Client) error { return c.Antigena.Clear(ctx, 4764, "why") }},
	{"Antigena.Reactivate", "Darktrace RESPOND", func(ctx context.Context, c *darktrace.Client) error {
		return c.Antigena.Reactivate(ctx, 4764, time.Hour, "why")
	}},
	{"Antigena.ActivateVerified", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Antigena.ActivateVerified(ctx, 4764, 0, "why")
	})},
	{"Antigena.ExtendVerified", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Antigena.ExtendVerified(ctx, 4764, time.Hour, "why")
	})},
	{"Antigena.ClearVerified", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Antigena.ClearVerified(ctx, 4764, "why")
	})},
	{"Antigena.ReactivateVerified", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) {
		return c.Antigena.ReactivateVerified(ctx, 4764, time.Hour, "why")
	})},

	{"Tags.OfDevice", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Tags.OfDevice(ctx, 101) })},
	{"Tags.Entities", "Visualizer", read(func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Tags.Entities(ctx, "Admin") })},
	{"Tags.AddToDevice", "Edit Tags", func(ctx context.Context, c *darktrace.Client) error { return c.Tags.AddToDevice(ctx, 101, "Admin", 0) }},
	{"Tags.RemoveFromDevice", "Edit Tags", func(ctx context.Context, c *darktrace.Client) error {
		return c.Tags.RemoveFromDevice(ctx, 101, "Admin")
	}},
}, failingCalls()...)

// notCalled holds the methods that are not in the table, with the place of their
// tests.
var notCalled = map[string]string{
	"AIAnalyst.Poll":           "feed_test.go: it notes what fails and goes on",
	"AIAnalyst.Deliver":        "feed_kinds_test.go: as Watch",
	"AIAnalyst.PollIncidents":  "feed_kinds_test.go: as Poll",
	"AIAnalyst.WatchIncidents": "feed_kinds_test.go: as Watch",
	"ModelBreaches.Poll":       "feed_kinds_test.go: as AIAnalyst.Poll",
	"ModelBreaches.Watch":      "feed_kinds_test.go: as AIAnalyst.Watch",
	"ModelBreaches.Deliver":    "feed_kinds_test.go: as AIAnalyst.Deliver",
	"Email.Download":           "email_test.go: anything can be an e-mail",
	"AIAnalyst.Watch":          "watch_test.go: it goes on for as long as errors are temporary",
}

// read makes a call of a method that returns a value. With an error the value is
// nil, or the part of a list that has arrived, which is empty here.
func read(call func(context.Context, *darktrace.Client) (any, error)) func(context.Context, *darktrace.Client) error {
	return func(ctx context.Context, c *darktrace.Client) error {
		got, err := call(ctx, c)
		if v := reflect.ValueOf(got); err != nil && v.IsValid() && !v.IsZero() && (v.Kind() != reflect.Slice || v.Len() > 0) {
			return errors.New("it returned a value beside the error")
		}
		return err
	}
}

// ranged makes a call of a method that yields values; an error must be the last.
func ranged[T any](call func(context.Context, *darktrace.Client) iter.Seq2[*T, error]) func(context.Context, *darktrace.Client) error {
	return func(ctx context.Context, c *darktrace.Client) error {
		var last error
		for element, err := range call(ctx, c) {
			if last != nil || err != nil && element != nil {
				return errors.New("it went on after the error, or yielded an element with it")
			}
			last = err
		}
		return last
	}
}

func TestFailuresAreTestedForEveryMethod(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range apiCalls {
		assert.False(t, known[c.name], "%s is there twice", c.name)
		known[c.name] = true
	}
	client := reflect.TypeFor[darktrace.Client]()
	for i := range client.NumField() {
		service := client.Field(i)
		if !service.IsExported() {
			continue
		}
		for j := range service.Type.NumMethod() {
			name := service.Name + "." + service.Type.Method(j).Name
			assert.True(t, known[name] || notCalled[name] != "", "%s is not in apiCalls", name)
			delete(known, name)
		}
	}
	assert.Empty(t, known, "these methods don't exist")
}

// wrongResponses are failures, with the errors that a read and a write return for
// them.
var wrongResponses = []struct {
	name        string
	respond     func(*http.Request) (*http.Response, error)
	read, write error
	says        string
}{
	{"refused", httpmock.NewStringResponder(400, `{"response":"INPUT ERROR"}`), darktrace.ErrInput, darktrace.ErrInput, ""},
	{"server error", httpmock.NewStringResponder(503, "unavailable"), darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
	{"bad gateway", httpmock.NewStringResponder(502, "Bad Gateway"), darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
	{"cut JSON", httpmock.NewStringResponder(200, `[{"a":`), darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
	{"no JSON", httpmock.NewStringResponder(200, "all is well"), darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
	{"login page", httpmock.NewStringResponder(200, "<html><title>Log In | Darktrace</title></html>"), darktrace.ErrLogin, darktrace.ErrOutcomeUnknown, ""},
	{"unknown endpoint", httpmock.NewStringResponder(302, "Found. Redirecting to /login"), darktrace.ErrEndpoint, darktrace.ErrEndpoint, ""},
	{"permission", httpmock.NewStringResponder(403, `{"error":"Forbidden"}`), darktrace.ErrPermission, darktrace.ErrPermission, "permission"},
	{"old permission", httpmock.NewStringResponder(302, "Found. Redirecting to /403"), darktrace.ErrPermission, darktrace.ErrPermission, "permission"},
	{"connection", httpmock.NewErrorResponder(errors.New("connection reset")), darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, ""},
}

func TestEveryMethodFailsAlike(t *testing.T) {
	t.Parallel()
	for _, c := range apiCalls {
		for _, f := range wrongResponses {
			t.Run(c.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				r := &recorder{respond: f.respond}
				err := c.call(t.Context(), newClient(t, r))
				require.Error(t, err)
				want := f.read
				if first := r.all()[0]; first.method != http.MethodGet && !strings.HasSuffix(first.uri, "/search") {
					want = f.write
				}
				require.ErrorIs(t, err, want)
				if f.says != "" {
					assert.Contains(t, err.Error(), `"`+c.permission+`"`)
				}
				posts := 0
				for _, s := range r.all() {
					if s.method != http.MethodGet {
						posts++
					}
				}
				assert.LessOrEqual(t, posts, 1, "a write was sent again")
			})
		}
	}
}

func TestEveryMethodHonoursItsContext(t *testing.T) {
	t.Parallel()
	for _, c := range apiCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := responding(200, `{}`)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := c.call(ctx, newClient(t, r))
			require.ErrorIs(t, err, context.Canceled)
			assert.Empty(t, r.all(), "something was sent")

			err = c.call(nil, newClient(t, r))
			require.ErrorIs(t, err, darktrace.ErrArgument)
			assert.True(t, strings.HasSuffix(err.Error(), "ctx is nil"), err.Error())
			assert.Empty(t, r.all(), "something was sent")
		})
	}
}

// A call ends without a panic for any response with status 200.
func TestOddResponses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`["others"]`, `[""]`, `[1]`, `[true]`, `[null]`, `[["others"]]`, `[[]]`, `[{}]`, `[{},"others",7]`, `{}`, `{"a":1}`,
		`"others"`, `1`, `true`, `null`, `[]`, ``, ` `, `[{"id":[[]]}]`, `{"response":[]}`, `{"devices":["others"],"comments":[1]}`,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			for _, c := range apiCalls {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					requests := 0
					client := newClient(t, &recorder{respond: func(*http.Request) (*http.Response, error) {
						if requests++; requests > 100 {
							return nil, errors.New("no response any more")
						}
						return httpmock.NewStringResponse(http.StatusOK, body), nil
					}})
					_ = c.call(ctx, client)
					assert.LessOrEqual(t, requests, 100, c.name)
				})
			}
		})
	}
}
