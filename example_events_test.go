package darktrace_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

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
		ExcludePinned:       true, // Or pinned ones come back whatever the window.
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
		if err != nil { // It is the last that is yielded.
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
