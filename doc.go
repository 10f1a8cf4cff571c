// Package darktrace is an unofficial client for the Threat Visualizer API of a
// Darktrace appliance. It reads AI Analyst incidents and what they point to,
// follows new ones, acknowledges them, comments on them, and contains devices.
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/darktrace-go/darktrace"
//	)
//
//	func main() {
//		// Reads DARKTRACE_URL, DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PRIVATE_TOKEN.
//		client, err := darktrace.NewClientFromEnv()
//		if err != nil {
//			log.Fatal(err)
//		}
//		events := client.AIAnalyst.Events(context.Background(), &darktrace.EventListOptions{
//			MinGroupScore: 30,   // Without Start and End: the last 7 days.
//			ExcludePinned: true, // Pinned events ignore the window.
//		})
//		for event, err := range events {
//			if err != nil {
//				log.Fatal(err)
//			}
//			fmt.Println(event.CreatedAt, event.GroupCategory, event.Title, client.EventURL(event))
//		}
//	}
//
// Methods belong to services, and services are fields of a [Client]. Create one
// client for each appliance and share it: it is immutable and safe for concurrent
// use, and needs no closing. To try it without an appliance, and for tests, the package
// [github.com/darktrace-go/darktrace/darktracetest] has a fake one.
//
// Two terms: what the API calls a model breach, Darktrace now calls a model alert. An
// incident event is one finding of AI Analyst; an incident is a group of them, and
// the id of an incident is the id of its group.
//
// # Services
//
// Incidents: [AIAnalystService] lists, acknowledges, pins and comments on incident
// events, starts investigations, and follows what is new.
//
// What an incident points to, which [Client.Enrich] reads in one call:
//
//   - [ModelBreachService]: the model alerts behind an event.
//   - [DeviceService], [TagService]: devices, their connections and their tags.
//   - [EventLogService], [EndpointService]: connections, and the hosts outside.
//   - [AntigenaService]: actions of RESPOND: list, activate, extend, clear, create.
//
// The rest: [AdvancedSearchService], [ModelService], [WatchedDomainService],
// [PCAPService], [SubnetService], [NetworkService], [MetricService],
// [StatusService], and [EmailService] for Darktrace/EMAIL.
//
// # Authentication
//
// [NewTokenAuth] signs each request with a token pair and corrects a wrong local
// clock. To use other credentials, implement [Authenticator] (one method): a signing
// service, or the OAuth tokens of Darktrace's cloud gateway. Implement [Refresher] as
// well to renew credentials when they are rejected.
//
// # Errors
//
// The text of an error says what happened and what to do. errors.Is tells its kind.
// errors.As finds the [APIError] with the details of the response, or the [BatchError]
// with the outcome for each id. [Temporary] reports whether the same call may succeed
// later.
//
//   - Fix the call: [ErrArgument] (nothing was sent), [ErrInput], [ErrNotFound].
//   - Fix the setup: [ErrSignature], [ErrDate], [ErrLogin], [ErrPermission],
//     [ErrEndpoint].
//   - Try later: [ErrConnection], [ErrServer], [ErrRateLimited]. Reads have been
//     retried already; writes were not carried out.
//   - Read back first: [ErrOutcomeUnknown]. A write may have been carried out.
//   - The appliance rejected the write: [ErrRejected]. It confirmed the write, and
//     does not show it: [ErrNotStored].
//   - Ask for less: [ErrTooLarge]. Report the response: [ErrDecode].
//   - From a store of the feed: [ErrNoCheckpoint], [ErrCheckpointConflict].
//
// If the context ended the call, the error is context.Canceled or
// context.DeadlineExceeded as well.
//
// # Retries
//
// The client retries reads, honours Retry-After, and never sends a write again that may
// have been carried out. Methods whose names end in Verified read back what they wrote.
// An attempt may take 60 seconds ([WithTimeout]); the context limits the whole call.
// Exact rules, timeouts and size limits:
// https://github.com/darktrace-go/darktrace/blob/main/docs/retries.md
//
// # The feed
//
// [AIAnalystService.Watch] is a loop over new incident events, for a daemon. Without a
// checkpoint it begins a day ago:
//
//	store := darktrace.FileCheckpoint("incidents.json")
//	for change, err := range client.AIAnalyst.Watch(ctx, store, nil) {
//		if err != nil {
//			return err // Only permanent errors.
//		}
//		fmt.Println(change.Kind, change.Event.Title)
//	}
//
// [AIAnalystService.Poll] is one pass, for a cron job. [AIAnalystService.Deliver]
// stores the changes in one transaction with the checkpoint, for replicas.
// [AIAnalystService.WatchIncidents] follows whole incidents, [ModelBreachService.Watch]
// model alerts. Events that appear up to 7 days late are delivered too. A crash repeats
// at most one batch, with the same keys. The promise in full:
// https://github.com/darktrace-go/darktrace/blob/main/docs/feed.md
//
// # Other endpoints
//
// [Client.Do] sends a [Request] to any path of the appliance, with the same signing,
// retries and errors. [Client.Ping] checks the configuration: a daemon should call it
// first.
//
// # Values
//
//   - Times are [Millis] (milliseconds since 1970) unless the type is [Seconds]; 0 is
//     unknown. Scores go from 0 to 100; the type [Probability] goes from 0 to 1.
//   - Zero fields of options are not sent. Nil options mean the appliance's defaults.
//   - Decoding is tolerant. A field of an unexpected type is zero and named in
//     Skipped, unknown members are in Extra, and encoding restores both.
//   - Texts are in the language of [WithLocale]. Ids are opaque; the incident of an
//     event changes when incidents merge.
//
// # Versions and secrets
//
// The SDK has been used with a fake appliance only. What is known about versions 5.2
// to 7.1, their bugs included:
// https://github.com/darktrace-go/darktrace/blob/main/docs/appliance-versions.md
//
// No error, log line or dump of a value contains a token or a signature. [WithLogger]
// logs no headers, and of a response only what an error quotes. Redirects are
// never followed. Your own transport or middleware sees the signed headers.
package darktrace
