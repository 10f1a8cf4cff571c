package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/darktrace-go/darktrace"
)

// message is the message about an incident. Chats show its text.
type message struct {
	Text     string    `json:"text"`
	Incident string    `json:"incident"`
	URL      string    `json:"url"`
	Category string    `json:"category"`
	Score    float64   `json:"score"`
	Events   []summary `json:"events"`
}

type summary struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"`
	Device  string    `json:"device,omitempty"`
	Created time.Time `json:"created"`
	URL     string    `json:"url"`
}

// notifier sends messages about incidents.
type notifier struct {
	client *darktrace.Client
	opts   darktrace.PollOptions
	send   func(context.Context, message) error
	file   string // of the state; "" keeps it in memory
	state  *state
}

// pass sends messages about incidents that are new since the last pass.
func (n *notifier) pass(ctx context.Context) error {
	if n.state == nil {
		var err error
		if n.state, err = loadState(n.file); err != nil {
			return err
		}
	}
	for more := true; more; {
		result, err := n.client.AIAnalyst.Poll(ctx, n.state.Checkpoint, &n.opts)
		if err != nil {
			return err
		}
		for _, m := range n.news(result.Changes) {
			if err := n.send(ctx, m); err != nil {
				return fmt.Errorf("incident %s: %w", m.Incident, err)
			}
			n.state.Sent[m.Incident] = time.Now()
			if err := n.state.save(n.file); err != nil {
				return err
			}
		}
		n.state.forget(time.Now().AddDate(0, 0, -90))
		n.state.Checkpoint, more = result.Checkpoint, result.More
		if err := n.state.save(n.file); err != nil {
			return err
		}
	}
	return nil
}

// news groups events by their incidents and leaves out incidents that were sent.
func (n *notifier) news(changes []darktrace.EventChange) []message {
	var all []message
	for _, change := range changes {
		e := change.Event
		id := cmp.Or(e.CurrentGroup, "g"+e.ID)
		sent := func(id string) bool { _, ok := n.state.Sent[id]; return ok }
		if sent(id) || slices.ContainsFunc(e.PreviousGroups, sent) {
			continue
		}
		i := slices.IndexFunc(all, func(m message) bool { return m.Incident == id })
		if i < 0 {
			i = len(all)
			all = append(all, message{
				Incident: id, URL: n.client.GroupURL(id), Category: string(e.GroupCategory), Score: float64(e.GroupScore),
			})
		}
		all[i].add(n.client, e)
	}
	return all
}

func (m *message) add(client *darktrace.Client, e *darktrace.IncidentEvent) {
	s := summary{ID: e.ID, Title: e.Title, Device: e.Sender, Created: e.CreatedAt.Time(), URL: client.EventURL(e)}
	if len(e.BreachDevices) > 0 {
		s.Device = e.BreachDevices[0].Name()
	}
	m.Events = append(m.Events, s)
	lines := []string{fmt.Sprintf("New incident, %s, score %.0f: %s", m.Category, m.Score, m.URL)}
	for _, s := range m.Events {
		lines = append(lines, "- "+strings.TrimSuffix(s.Title+", "+s.Device, ", "))
	}
	for i, line := range lines {
		lines[i] = cell(line)
	}
	m.Text = strings.Join(lines, "\n")
}

// cell returns a text on one line without control characters: titles contain names
// that strangers chose.
func cell(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}

// printer sends messages to a writer, as lines of JSON.
func printer(out io.Writer) func(context.Context, message) error {
	return func(_ context.Context, m message) error { return json.NewEncoder(out).Encode(m) }
}

// webhook sends messages by POST. The address is a secret, so no error contains it.
func webhook(address string, client *http.Client) func(context.Context, message) error {
	return func(ctx context.Context, m message) error {
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body)) //nolint:gosec // The address is the user's own.
		if err != nil {
			return errors.New("NOTIFY_WEBHOOK is not an address")
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", m.Incident)
		resp, err := client.Do(req) //nolint:gosec // As above.
		var failed *url.Error
		if errors.As(err, &failed) {
			return fmt.Errorf("the webhook: %w", failed.Err)
		} else if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("the webhook returned %s", resp.Status)
		}
		return nil
	}
}
