// Package darktrace is an unofficial client for the AI Analyst of a Darktrace
// appliance: incident events and incidents, a feed of what is new, acknowledging,
// pinning, comments, investigations and statistics.
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
//		// DARKTRACE_URL, DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PRIVATE_TOKEN.
//		client, err := darktrace.NewClientFromEnv()
//		if err != nil {
//			log.Fatal(err)
//		}
//		events := client.AIAnalyst.Events(context.Background(), &darktrace.EventListOptions{
//			MinGroupScore: 30,   // Of the last 7 days, unless Start and End say otherwise.
//			ExcludePinned: true, // Or pinned ones come back whatever the window.
//		})
//		for event, err := range events {
//			if err != nil {
//				log.Fatal(err)
//			}
//			fmt.Println(event.CreatedAt, event.GroupCategory, event.Title, client.EventURL(event))
//		}
//	}
//
// The methods are those of [AIAnalystService]. [Client.Do] sends a request to
// any other endpoint of the appliance, [Client.Ping] says whether the
// configuration is right. [github.com/darktrace-go/darktrace/darktracetest] is a
// fake appliance, to try all this with and to test programs against.
//
// # Authentication
//
//   - A token pair: [NewTokenAuth], or [NewClientFromEnv]. Every attempt has a
//     date and a signature of its own.
//   - Tokens that rotate, from a vault: an [Authenticator] that is a [Refresher]
//     too: example_refresher_test.go has one.
//   - The cloud gateway: a base URL such as
//     "https://api.darktrace.com/products/<instance id>", an OAuth bearer token in
//     Authorization and the author of what is written in Sabre-Username. The
//     headers are in example_authenticator_test.go, a program that fetches and
//     renews tokens in examples/gateway.
//   - A signer of your own, such as a signing service: any Authenticator that
//     takes its date from [RequestTime], as in example_authenticator_test.go.
//
// # Errors
//
// An error's text says what happened and what to do about it. errors.Is tells
// its kind; errors.As finds an [APIError] where the appliance answered, and a
// [BatchError] where something was to be done to several events.
//
//   - [ErrArgument]: an argument makes no sense, and nothing was sent. Mend the
//     call.
//   - [ErrSignature]: tokens that are swapped, truncated or from another master,
//     or a proxy that rewrites requests. Stop, and check them.
//   - [ErrDate]: the clocks are more than 30 minutes apart, or the layout of the
//     date is refused. Set the clock; see [TokenDateLayout].
//   - [ErrPermission]: the token's user lacks the permission that the text names.
//     Grant it.
//   - [ErrEndpoint]: the appliance does not have the endpoint. Check its version
//     and the base URL.
//   - [ErrLogin]: a login page or a redirect instead of data, or a proxy that wants
//     a password. Check the base URL and the kind of credentials.
//   - [ErrInput]: the appliance refused an argument. Mend the call.
//   - [ErrNotFound]: there is nothing of that id. Drop it.
//   - [ErrRateLimited]: too many requests; what was asked for was not done. Try
//     again after APIError.RetryAfter.
//   - [ErrServer]: a server error on a read. Try again later.
//   - [ErrConnection]: no complete answer to a read, or a write that was not sent.
//     Try again later.
//   - [ErrRejected]: status 200, and a body that says that it was not done. See
//     APIError.Code, the appliance's own word.
//   - [ErrNotStored]: the appliance confirmed a write that reading back does not
//     show. For comments on 7.0, trying again won't help.
//   - [ErrOutcomeUnknown]: a write may or may not have been carried out. Read back
//     before you send it again, or use the methods that do: AcknowledgeVerified,
//     PostCommentVerified.
//   - [ErrTooLarge]: narrow the window, or see [WithMaxResponseSize].
//   - [ErrDecode]: the answer is not the JSON that was due. Please report it;
//     [Client.Do] gets the answer as it is.
//   - [ErrNoCheckpoint], [ErrCheckpointConflict]: from a store of checkpoints only;
//     see below.
//
// The error of a call that its context ended is context.Canceled or
// context.DeadlineExceeded as well. A timeout of the client's own is
// context.DeadlineExceeded too.
//
// # Retries
//
//  1. A read (GET or HEAD) is sent again after 429, 502, 503 and 504, and when
//     the connection failed or the headers of the answer were not there in time:
//     3 times at most. Not after 500, and not once there are headers of a success:
//     a stream that breaks is not begun anew.
//  2. The wait before is random, up to 500 milliseconds, then 1 second, doubled
//     each time to 30 seconds at most; or what Retry-After says, in seconds or as
//     a date, if that is longer.
//  3. A wait that would pass the context's deadline is not begun: the call ends at
//     once with the error it has, joined with context.DeadlineExceeded. Nor is one
//     for a Retry-After of more than an hour.
//  4. After a 429 all calls of the client wait that long, writes too. One whose
//     deadline that would pass is ErrRateLimited at once, and not sent.
//  5. A write is never sent again but for the next two rules, which hold for
//     reads and writes: what is refused there was not carried out. A header
//     that would have net/http do it, Idempotency-Key, is an ErrArgument.
//  6. A refused date while the clocks are a minute or more apart, or a refused
//     signature while they are 5 minutes or more apart, corrects the client's
//     clock from then on, by the Date of the answer. The request is signed and
//     sent once more.
//  7. When an Authenticator is a [Refresher] and a request ends with ErrSignature,
//     ErrDate, ErrLogin or ErrPermission, Refresh is asked once, and decides
//     whether it is sent once more. A write that got a login page with a status
//     of success is not: that proves nothing.
//
// The numbers of rules 1 and 2 are those of [DefaultRetryPolicy]. The zero
// [RetryPolicy] switches rules 1 to 4 off.
//
// # Timeouts and limits
//
//   - An attempt has 60 seconds: half of them until the headers are there, all of
//     them for a whole answer. A stream may take as long as it likes, but no pause
//     in it longer than that. See [WithTimeout]. Retries come on top: bound a call
//     by its context, which ends it promptly wherever it is.
//   - An answer has at most 64 MiB, a stream 1 GiB; see [WithMaxResponseSize].
//     JSON is nested 10,000 levels deep at most.
//   - Of an answer that is an error, 8 KiB are read and 512 bytes kept.
//   - Lists of ids that don't fit into one request go out in several: 32 KiB of
//     them in a write, 50 in a read.
//   - The number of requests a minute is unlimited unless [WithRateLimit] is given.
//
// # The feed
//
// [AIAnalystService.Watch] is a loop over what is new, for a daemon:
//
//	store := darktrace.FileCheckpoint("incidents.json")
//	for change, err := range client.AIAnalyst.Watch(ctx, store, nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(change.Kind, change.Event.Title)
//	}
//
// [AIAnalystService.Poll] is one pass of it, for a cron job that keeps the
// [Checkpoint], a piece of JSON, where it likes. The promise of both: every event
// that the appliance lists is delivered at least once, and once only as long as
// the checkpoint is kept, provided that it is listed at most SweepOverlap (7 days)
// after the time that the appliance's windows compare, whichever that is. Order,
// equal times, moving scores, merges, pins, acknowledgements, pauses, restarts,
// errors and limits change nothing about that.
//
//  1. An event is known by its id alone. It is delivered when it first matches
//     the [EventFilter]; with Updates, again when its scores, categories,
//     incident, acknowledgement or pin have changed since.
//  2. Each pass reads again Overlap (24 hours) before the pass before it, and once
//     every SweepEvery (an hour) SweepOverlap before the sweep before it, on the
//     appliance's clock. After a pause of a week the windows are wider by a week.
//     The first pass delivers what was created or active since Since (24 hours
//     ago). Its window ends a minute ahead, since the clock is known to a second.
//  3. An id is remembered until no later window can list it, which is as long as
//     the widest overlap, and takes some 22 bytes of the checkpoint. A pass reads
//     slices of 48 hours at most and keeps no event that it knows.
//  4. What a Limit leaves over is owed: its ids are in the checkpoint, the next
//     Poll begins with them, and no new pass begins before.
//  5. Poll keeps nothing: its result holds the next checkpoint, to be kept once
//     the changes are dealt with. A crash in between brings them again and loses
//     none, and so does an error: the old checkpoint is as good as it was.
//  6. Watch takes a change as dealt with when the loop body asks for the next one,
//     and saves after each batch and at the end, be it a break or the context. It
//     tries again after what will pass, and yields what will not.
//  7. A checkpoint is for one loop at a time: where two save, the second one gets
//     [ErrCheckpointConflict]. [CheckpointStore] is for stores of your own.
//
// The comments of Poll and Watch have the rules in full.
//
// # Concurrency
//
// A [Client] is immutable and safe for concurrent use. Share one per appliance:
// its calls share connections, the corrected clock, the wait after a 429 and the
// rate limit. It needs no closing. An iterator sends its requests anew each time it
// is ranged over. What a call returns belongs to the caller.
//
// # Values and units
//
//   - [Millis] are milliseconds since 1970, and nearly all times. [Seconds] are
//     those of investigations. Both print as UTC, and zero is unknown. Options
//     take a time.Time of any zone.
//   - Scores and percentages go from 0 to 100, and a score of 0 is unknown. The
//     one exception is StatsGraph.AIAScore, from 0 to 1.
//   - [DataVolume] is in bytes, [Duration] in seconds as far as is known.
//   - In options a zero field is not sent, and a nil pointer to them is the
//     appliance's defaults.
//   - Ids are opaque. Those of events never change; the incident of an event does
//     when incidents merge.
//   - Texts are in the language of [WithLocale]. Don't match on them without it.
//   - Decoding is tolerant: a field of an unexpected type is left zero and named in
//     Skipped, what no field holds is in Extra, and encoding gives both back.
//     KeepRaw in the options keeps the JSON as it came.
//
// # Versions of the appliance
//
// Events, incidents, acknowledging and the reading of comments are documented
// from 5.2 on, statistics from 6.0, posting comments from 6.0.2, pins and
// investigations from 6.1. Answers of 7.x are not public: what is expected of them
// is inferred from 6.1. The SDK itself has met a fake appliance only. What is known
// to misbehave:
//
//   - 7.0.42 confirms comments and drops them: PostCommentVerified notices.
//   - One 7.1 appliance refuses the compact date that is documented; the default
//     layout is taken by all that are known.
//   - One 7.1 gateway answers 502 to every DELETE although it was carried out:
//     ErrOutcomeUnknown.
//   - Without the permission "Unrestricted Devices" there is no error, but
//     addresses are anonymised, such as "192.0.2.#28445".
//   - Lists are in order of score, not of time, and pinned events are in them
//     whatever the window.
//
// What works where, and how that is known:
// https://github.com/darktrace-go/darktrace/blob/main/docs/appliance-versions.md
//
// # Logging and secrets
//
// [WithLogger] logs attempts and retries: method, path, the names in the query
// without their values, status, duration, attempt, bytes, and the text of the
// error if there was one; no header and no body. Without it nothing is logged but
// warnings: when certificates are not verified, and of the feed. Those go to
// slog.Default.
//
// No error, log line or dump of a value that the SDK makes holds a token or a
// signature. What you put between it and the wire does see the headers that
// authenticate requests: a transport ([WithTransport], [WithHTTPClient]), a
// middleware ([WithMiddleware]), a net/http/httptrace in the context, a proxy that
// ends TLS. Keep those from logging DTAPI-Token, DTAPI-Signature and
// Authorization.
//
// # What it never does
//
//   - Follow a redirect: headers that authenticate would go along.
//   - Send a write twice, but for one that was refused before anything was done.
//   - Skip the verification of certificates, unless told to, or speak TLS older
//     than 1.2 with a transport of its own.
//   - Connect to anything in NewClient, or change a http.Client or transport that
//     it is given.
//   - Parse addresses, ids or texts, or rely on the order of a list.
//   - Lose an event for one field that it does not understand.
package darktrace
