package darktrace_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// List what is open, and link to it.
func Example() {
	srv := darktracetest.NewServer() // A fake appliance; for yours, use NewClientFromEnv.
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", GroupScore: 35, GroupCategory: darktrace.CategorySuspicious},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", GroupScore: 80, GroupCategory: darktrace.CategoryCritical},
	)
	client := srv.Client()

	events, err := client.AIAnalyst.ListEvents(context.Background(), &darktrace.EventListOptions{
		Start:         time.Now().Add(-24 * time.Hour),
		MinGroupScore: 30,
		ExcludePinned: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, event := range events {
		fmt.Printf("%v %v: %s\n", event.GroupScore, event.GroupCategory, event.Title)
		_ = client.EventURL(event) // https://…/#aiaincidentevent/copy
	}
	// Output:
	// 80 critical: Files copied
	// 35 suspicious: Port scan
}

func ExampleNewClient() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken)
	if err != nil {
		log.Fatal(err)
	}
	client, err := darktrace.NewClient(srv.URL, auth,
		darktrace.WithRootCAs(srv.CertPool()),
		darktrace.WithLocale(darktrace.LocaleBritishEnglish),
		darktrace.WithTimeout(2*time.Minute),
		darktrace.WithRateLimit(60),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("URL, tokens, clock and permission:", client.Ping(context.Background()))
	// Output: URL, tokens, clock and permission: <nil>
}

// An endpoint that has no method of its own is signed, retried and classified
// just the same.
func ExampleClient_Do() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.Inject(darktracetest.Fault{Body: `[{"did": 7, "hostname": "ws-007.example.com"}]`}.On("GET", "/devices"))
	client := srv.Client()

	var devices []struct {
		DID      int64  `json:"did"`
		Hostname string `json:"hostname"`
	}
	err := client.Do(context.Background(), &darktrace.Request{
		Path:  "/devices",
		Query: map[string][]string{"seensince": {"1hour"}},
	}, &devices)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(devices[0].DID, devices[0].Hostname)
	// Output: 7 ws-007.example.com
}

// If the result is an io.Writer, it receives the response as it arrives. An error
// response is not written to it.
func ExampleClient_Do_download() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	client := srv.Client()

	err := client.Do(context.Background(), &darktrace.Request{Path: "/aianalyst/incidentevents"}, os.Stdout)
	fmt.Println("\nerror:", err)
	err = client.Do(context.Background(), &darktrace.Request{Path: "/no/such/thing"}, os.Stdout)
	fmt.Println("unknown endpoint:", errors.Is(err, darktrace.ErrEndpoint))
	// Output:
	// []
	// error: <nil>
	// unknown endpoint: true
}

// What to do about an error follows from its kind.
func Example_errors() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	ctx, client := context.Background(), srv.Client(darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))

	whatNow := func(err error) string {
		switch {
		case err == nil:
			return "done"
		case errors.Is(err, darktrace.ErrNotFound):
			return "it is gone: drop it"
		case errors.Is(err, darktrace.ErrOutcomeUnknown):
			return "look whether it was carried out before sending it again"
		case errors.Is(err, darktrace.ErrRateLimited), errors.Is(err, darktrace.ErrServer), errors.Is(err, darktrace.ErrConnection):
			return "try again later"
		default: // Tokens, clock, permission, base URL, arguments: the text says which.
			return "stop, and tell a person"
		}
	}

	_, err := client.AIAnalyst.GetEvent(ctx, "gone")
	fmt.Println(whatNow(err))

	srv.Inject(darktracetest.TooManyRequests(30 * time.Second).Next(1))
	_, err = client.AIAnalyst.ListEvents(ctx, nil)
	fmt.Println(whatNow(err))
	var apiErr *darktrace.APIError
	if errors.As(err, &apiErr) {
		fmt.Println("but not before", apiErr.RetryAfter)
	}

	srv.Inject(darktracetest.BadGateway().Next(1))
	fmt.Println(whatNow(client.AIAnalyst.Acknowledge(ctx, "scan")))

	srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
	err = client.AIAnalyst.PostComment(ctx, "scan", "Expected, see the change log")
	fmt.Println(whatNow(err))
	fmt.Println(err)
	// Output:
	// it is gone: drop it
	// try again later
	// but not before 30s
	// look whether it was carried out before sending it again
	// stop, and tell a person
	// darktrace: POST /aianalyst/incident/comments: 403 Forbidden (Forbidden): permission missing: the token's user needs the permission "Discuss Breaches"
}

func ExampleAIAnalystService_ListEvents() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", AIAScore: 20},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", AIAScore: 75.5},
		&darktrace.IncidentEvent{ID: "mail", Title: "Unusual mail", AIAScore: 90, Acknowledged: true},
	)
	client := srv.Client()

	events, err := client.AIAnalyst.ListEvents(context.Background(), &darktrace.EventListOptions{
		Start:               time.Now().Add(-24 * time.Hour),
		MinScore:            50,
		IncludeAcknowledged: true,
		ExcludePinned:       true, // Otherwise pinned events are returned for any window.
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, event := range events {
		fmt.Println(event.ID, event.AIAScore, event.Acknowledged)
	}
	// Output:
	// mail 90 true
	// copy 75.5 false
}

// A window of any width takes the memory of one event. Breaking off costs what
// has arrived so far, and no more.
func ExampleAIAnalystService_Events() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(darktracetest.Incidents(1, 50)...)
	client := srv.Client()

	devices := map[string]bool{}
	for event, err := range client.AIAnalyst.Events(context.Background(), nil) {
		if err != nil { // An error is the last value that is yielded.
			log.Fatal(err)
		}
		for _, device := range event.BreachDevices {
			devices[device.Name()] = true
		}
		if len(devices) == 10 {
			break
		}
	}
	fmt.Println(len(devices), "devices")
	// Output: 10 devices
}

func ExampleAIAnalystService_GetEvent() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{
		ID: "scan", Title: "Port scan", Summary: darktrace.PlainText("A device tried 2,000 ports."),
	})
	ctx, client := context.Background(), srv.Client()

	event, err := client.AIAnalyst.GetEvent(ctx, "scan")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.Title+":", event.Summary)

	_, err = client.AIAnalyst.GetEvent(ctx, "gone")
	fmt.Println("not found:", errors.Is(err, darktrace.ErrNotFound))
	// Output:
	// Port scan: A device tried 2,000 ports.
	// not found: true
}

// Details are lines of typed values. Strings renders any of them for people; a
// type switch gets at the values themselves.
func ExampleIncidentEvent_AllDetails() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	err := srv.AddEventsJSON([]byte(`{
		"id": "copy",
		"details": [[{"header": "Data transfer", "contents": [
			{"key": "Data sent", "type": "dataVolume", "values": [3221225472]},
			{"key": null, "type": "externalHost", "values": [{"hostname": "files.example.com", "ip": "192.0.2.8"}]},
			{"key": "Ports", "type": "integerRange", "values": [{"start": "8000", "end": "8010"}]}
		]}]]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	event, err := srv.Client().AIAnalyst.GetEvent(context.Background(), "copy")
	if err != nil {
		log.Fatal(err)
	}

	for header, detail := range event.AllDetails() {
		fmt.Printf("%s | %s | %s\n", header, detail.Key, strings.Join(detail.Strings(), ", "))
		for _, value := range detail.Values {
			switch v := value.(type) {
			case darktrace.DataVolume:
				fmt.Println("  bytes:", int64(v))
			case darktrace.ExternalHost:
				fmt.Println("  look up:", v.IP)
			}
		}
	}
	// Output:
	// Data transfer | Data sent | 3 GiB
	//   bytes: 3221225472
	// Data transfer |  | files.example.com
	//   look up: 192.0.2.8
	// Data transfer | Ports | 8000–8010
}

// Give an event a name in a type of your own. Embedded, it would lend that type
// its MarshalJSON, which knows nothing of the other fields. What has to stand
// beside the event's own fields goes into Extra.
func ExampleIncidentEvent_embedding() {
	type ticket struct {
		Number string                   `json:"number"`
		Event  *darktrace.IncidentEvent `json:"event"`
	}
	event := &darktrace.IncidentEvent{
		ID: "scan", Title: "Port scan",
		Extra: map[string]json.RawMessage{"owner": json.RawMessage(`"night.shift"`)},
	}
	data, err := json.Marshal(ticket{Number: "INC-42", Event: event})
	if err != nil {
		log.Fatal(err)
	}

	var stored ticket
	if err := json.Unmarshal(data, &stored); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored.Number, stored.Event.Title, string(stored.Event.Extra["owner"]))

	embedded, err := json.Marshal(struct {
		*darktrace.IncidentEvent
		Number string
	}{event, "INC-42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("embedded, the number is kept:", strings.Contains(string(embedded), "INC-42"))
	// Output:
	// INC-42 Port scan "night.shift"
	// embedded, the number is kept: false
}

func ExampleAIAnalystService_ListGroups() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CurrentGroup: "gscan", GroupScore: 80},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", CurrentGroup: "gscan", GroupScore: 80},
		&darktrace.IncidentEvent{ID: "mail", Title: "Unusual mail", GroupScore: 20},
	)
	client := srv.Client()

	groups, err := client.AIAnalyst.ListGroups(context.Background(), &darktrace.GroupListOptions{MinScore: 10})
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range groups {
		fmt.Printf("incident %s, score %v\n", group.ID, group.GroupScore)
		for _, event := range group.Events {
			fmt.Println(" ", event.Title)
		}
	}
	// Output:
	// incident gscan, score 80
	//   Port scan
	//   Files copied
	// incident gmail, score 20
	//   Unusual mail
}

// The incident of an event is found by the event's id, and by an id that the
// incident had before it was merged into another.
func ExampleAIAnalystService_GetGroup() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied"},
	)
	srv.Merge("gcopy", "gscan")
	ctx, client := context.Background(), srv.Client()

	for _, id := range []string{"gscan", "copy", "gcopy"} {
		group, err := client.AIAnalyst.GetGroup(ctx, id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, "is in", group.ID, "of", len(group.Events), "events, before:", group.PreviousIDs)
	}
	// Output:
	// gscan is in gscan of 2 events, before: [gcopy]
	// copy is in gscan of 2 events, before: [gcopy]
	// gcopy is in gscan of 2 events, before: [gcopy]
}

// Have AI Analyst look at a device, and wait for what it finds.
func ExampleAIAnalystService_StartInvestigation() {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	srv := darktracetest.NewServer(darktracetest.WithInvestigationTime(time.Nanosecond))
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{
		ID: "scan", Title: "Port scan", BreachDevices: []darktrace.EventDevice{{DID: 7}},
		Periods: []darktrace.Period{{Start: darktrace.Millis(noon.UnixMilli()), End: darktrace.Millis(noon.UnixMilli())}},
	})
	client := srv.Client()

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	id, err := client.AIAnalyst.StartInvestigation(ctx, 7, noon)
	if err != nil {
		log.Panic(err)
	}
	investigation, err := client.AIAnalyst.WaitInvestigation(ctx, id)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(investigation.Status, "at", investigation.InvestigationTime)
	for _, incident := range investigation.Incidents {
		fmt.Println("found:", incident.EventID)
	}
	// Output:
	// finished at 2026-03-02T12:00:00Z
	// found: scan
}

func ExampleAIAnalystService_GetStats() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Category: darktrace.CategorySuspicious},
		&darktrace.IncidentEvent{ID: "copy", Category: darktrace.CategoryCritical},
	)
	client := srv.Client()

	stats, err := client.AIAnalyst.GetStats(context.Background(), &darktrace.StatsOptions{
		Start: time.Now().AddDate(0, 0, -30),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stats.Groups.Total, "incidents,", stats.Groups.Critical, "critical")
	// Output: 2 incidents, 1 critical
}

// One field of an unexpected type costs that field only. What it was is in
// Extra, and encoding gives it back.
func ExampleIncidentEvent_tolerance() {
	var event darktrace.IncidentEvent
	err := json.Unmarshal([]byte(`{"id":"a","title":{"en":"Upload"},"groupScore":"87.5","newInThisVersion":true}`), &event)
	fmt.Println(err, event.ID, event.Title, event.GroupScore)
	fmt.Println("skipped:", event.Skipped)
	fmt.Println("extra:", string(event.Extra["title"]), string(event.Extra["newInThisVersion"]))
	data, err := json.Marshal(event)
	fmt.Println(string(data), err)
	// Output:
	// <nil> a  87.5
	// skipped: [title]
	// extra: {"en":"Upload"} true
	// {"id":"a","groupScore":87.5,"newInThisVersion":true,"title":{"en":"Upload"}} <nil>
}
