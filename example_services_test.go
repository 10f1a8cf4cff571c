package darktrace_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// morning is when the invented connections, e-mails and measurements happened.
var morning = time.Date(2026, time.January, 2, 8, 0, 0, 0, time.UTC)

// A search for connections: All goes on beyond the 10,000 hits that one search has.
func ExampleAdvancedSearchService_All() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	query := &darktrace.AdvancedQuery{Search: `@type:"x509"`, Start: srv.Now().Add(-time.Hour)}

	for hit, err := range srv.Client().AdvancedSearch.All(context.Background(), query) {
		if err != nil {
			log.Fatal(err)
		}
		port, _ := hit.Source.Int("dest_port")
		fmt.Println(hit.Source.Type, hit.Source.Text("dest_ip"), port)
	}
	// Output:
	// x509 203.0.113.9 443
}

// The connections of a device. Its notices and model alerts have other event types.
func ExampleEventLogService_All() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)

	options := &darktrace.EventLogOptions{DID: 1017, Start: time.UnixMilli(1739990000000), End: time.UnixMilli(1740010000000)}
	for entry, err := range srv.Client().EventLog.All(context.Background(), options) {
		if err != nil {
			log.Fatal(err)
		}
		if c := entry.Connection; c != nil {
			fmt.Println(c.Time, c.Source, "to", c.Destination, c.ApplicationProtocol)
		}
	}
	// Output:
	// 2025-02-19T21:19:59Z ws-17.example.com to cdn.example.net HTTPS
}

// The active models, with the category of their alerts.
func ExampleModelService_All() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	for model, err := range srv.Client().Models.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if model.Active {
			fmt.Println(model.Name, model.EffectiveCategory())
		}
	}
	// Output:
	// Compromise::Sustained Beaconing critical
	// Unusual Ransom Note suspicious
}

// Domains from a threat feed, watched for a month.
func ExampleWatchedDomainService_Add() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	ctx, watched := context.Background(), srv.Client().WatchedDomains

	result, err := watched.Add(ctx, []string{"bad.example.net", "worse.example.org"}, &darktrace.WatchedDomainAddOptions{
		Source: "Threat feed", Description: "Phishing kit", Expires: srv.Now().AddDate(0, 1, 0),
	})
	if err != nil {
		log.Fatal(err)
	}
	names, err := watched.List(ctx, &darktrace.WatchedDomainOptions{Source: "Threat feed"})
	fmt.Println(result.Added, names, err)
	// Output:
	// 2 [bad.example.net worse.example.org] <nil>
}

// The captures that are ready go to a writer. To make one, use Create and Wait.
func ExamplePCAPService_Download() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	ctx, pcaps := context.Background(), srv.Client().PCAPs

	captures, err := pcaps.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, capture := range captures {
		if capture.State != darktrace.PCAPFinished {
			continue
		}
		var file bytes.Buffer // Or an os.File.
		err := pcaps.Download(ctx, capture, &file)
		fmt.Println(capture.IP1, capture.Port2, file.Len(), err)
	}
	// Output:
	// 192.0.2.14 443 24 <nil>
}

// A subnet gets a name.
func ExampleSubnetService_Update() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	ctx, subnets := context.Background(), srv.Client().Subnets

	all, err := subnets.List(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	label := "Head office"
	if err := subnets.Update(ctx, all[0].SID, &darktrace.SubnetUpdate{Label: &label}); err != nil {
		log.Fatal(err)
	}
	subnet, err := subnets.Get(ctx, all[0].SID)
	fmt.Println(subnet.Network, subnet.Label, err)
	// Output:
	// 192.0.2.0/24 Head office <nil>
}

// Who exchanged data with a device in the last hour.
func ExampleNetworkService_Get() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	network, err := srv.Client().Network.Get(context.Background(), &darktrace.NetworkOptions{DeviceID: 1017})
	if err != nil {
		log.Fatal(err)
	}
	for _, connection := range network.Connections {
		fmt.Println(connection.Target.IP, connection.Size, network.Metric.Units)
	}
	// Output:
	// 192.0.2.14 3.6e+07 bytes
	// 192.0.2.14 1204 bytes
}

// The external connections of a device, minute by minute.
func ExampleMetricService_Data() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	series, err := srv.Client().Metrics.Data(context.Background(), &darktrace.MetricDataOptions{
		Metrics: []string{"externalconnections"}, DeviceID: 1017, Start: morning, End: morning.Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range series {
		for _, bar := range s.Data {
			fmt.Println(s.Metric, bar.Time, bar.Size)
		}
	}
	// Output:
	// externalconnections 2026-01-02T08:20:00Z 14
	// externalconnections 2026-01-02T08:21:00Z 0.5
}

// The state of an appliance, for a monitor.
func ExampleStatusService_Get() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	status, err := srv.Client().Status.Get(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.Version, status.Type)
	// Output:
	// 7.1.0 (0a1b2c3d) master
}

// The e-mails of an hour.
func ExampleEmailService_All() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	query := &darktrace.EmailQuery{Start: morning, End: morning.Add(time.Hour)}
	for email, err := range srv.Client().Email.All(context.Background(), query) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(email.Direction, email.Subject, email.Score)
	}
	// Output:
	// inbound Your parcel: SIGNATURE ERROR 100
	// outbound  12.5
}

// beacon is an event whose model alert and device can be read.
var beacon = &darktrace.IncidentEvent{
	ID: "beacon", Title: "Possible command and control", Category: darktrace.CategoryCritical,
	BreachDevices:   []darktrace.EventDevice{{Hostname: "ws-17.example.com", IP: "192.0.2.17", DID: 1017, SID: 12}},
	RelatedBreaches: []darktrace.RelatedBreach{{ModelName: "Compromise / Beacon", PBID: 7001, ThreatScore: 81, Timestamp: 1740000000000}},
}

// Enrich reads everything that an event points to, and names what it could not
// read.
func ExampleClient_Enrich() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)
	srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer) // But not "Unrestricted Devices".

	around, err := srv.Client().Enrich(context.Background(), beacon, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, breach := range around.Breaches {
		fmt.Println(breach.PBID, breach.Model.Name(), breach.Score.Percent())
	}
	for _, device := range around.Devices {
		fmt.Println(device, device.TypeLabel)
	}
	for _, missing := range around.Missing {
		fmt.Println("no", missing.Part, "of", missing.IDs)
	}
	// Output:
	// 7001 Compromise::Beacon 81
	// ws-17.example.com Desktop
	// no connections of [7001]
}

// To learn what is new, let the window compare when alerts were made: their
// activity can be older.
func ExampleModelBreachService_All() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)

	breaches := srv.Client().ModelBreaches.All(context.Background(), &darktrace.BreachListOptions{
		Start: time.UnixMilli(1740000000000), End: time.UnixMilli(1740000060000), CreationTime: true,
		MinScore: 0.5, IncludeAcknowledged: true,
	})
	for breach, err := range breaches {
		if err != nil {
			log.Fatal(err)
		}
		if then := breach.Model.Then; then != nil && breach.Device != nil && breach.PBID == 7001 {
			fmt.Println(then.Name, then.EffectiveCategory(), "on", breach.Device)
		}
	}
	// Output: Compromise::Beacon critical on ws-17.example.com
}

// An alert is commented on and acknowledged by its pbid. The API takes one at a
// time; the error holds the outcome of each.
func ExampleModelBreachService_AcknowledgeVerified() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)
	ctx, alerts := context.Background(), srv.Client().ModelBreaches

	comment, err := alerts.PostCommentVerified(ctx, 7001, "Ticket 4711")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(comment.Message)
	fmt.Println(alerts.AcknowledgeVerified(ctx, 7001))
	// Output:
	// Ticket 4711
	// <nil>
}

// Different fields of a query have to match together, and of the values of one
// field any.
func ExampleDeviceService_SearchAll() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)

	devices := srv.Client().Devices.SearchAll(context.Background(), &darktrace.DeviceSearchOptions{
		Query: darktrace.DeviceQuery{Type: []string{"Desktop", "Laptop"}, Hostname: []string{"ws-*"}, IP: []string{"192.0.2.17"}},
	})
	for device, err := range devices {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(device.DID, device)
	}
	// Output:
	// 101 ws-17.example.com
	// 1017 ws-17.example.com
}

// The event log has entries of several types: exactly one of their fields is set.
func ExampleModelBreachService_EventLog() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)

	for entry, err := range srv.Client().ModelBreaches.EventLog(context.Background(), 7001) {
		switch {
		case err != nil:
			log.Fatal(err)
		case entry.PolicyBreach != nil:
			fmt.Println(entry.Time(), "alert", entry.PolicyBreach.Name)
		case entry.Connection != nil:
			c := entry.Connection
			fmt.Println(entry.Time(), c.Source, "to", c.Destination, c.ApplicationProtocol)
		}
	}
	// Output:
	// 2025-02-19T21:20:00Z alert Compromise::Beacon
	// 2025-02-19T21:19:59Z ws-17.example.com to cdn.example.net HTTPS
}

// A pending action is confirmed, and its time changed: Extend takes a new total,
// not an addition.
func ExampleAntigenaService_ActivateVerified() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)
	ctx, respond := context.Background(), srv.Client().Antigena

	actions, err := respond.ListActions(ctx, &darktrace.AntigenaListOptions{PBID: 7001})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(actions[0].Label, actions[0].State(time.Now()))
	action, err := respond.ActivateVerified(ctx, actions[0].CodeID, 10*time.Minute, "confirmed by the night shift")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(action.State(time.Now()))
	fmt.Println(respond.Extend(ctx, action.CodeID, time.Hour, "still beaconing")) // One hour from now.
	// Output:
	// Quarantine device pending
	// active
	// <nil>
}

// Add a tag for a limited time and remove it. After a gateway's 502, the method
// reads the tags to find out whether the tag was removed.
func ExampleTagService_RemoveFromDevice() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(beacon)
	ctx, tags := context.Background(), srv.Client().Tags

	fmt.Println(tags.AddToDevice(ctx, 1017, "Active Threat", 24*time.Hour))
	srv.Inject(darktracetest.Fault{Method: "DELETE", Status: 502, CarryOut: true})
	fmt.Println(tags.RemoveFromDevice(ctx, 1017, "Active Threat"))
	// Output:
	// <nil>
	// <nil>
}

// A name that the appliance never saw is not an error.
func ExampleEndpointService_Get() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	endpoint, err := srv.Client().Endpoints.Get(context.Background(), "new.example.net", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint.Hostname, endpoint.FirstTime == 0)
	// Output: new.example.net true
}
