// Package darktracetest provides a fake Darktrace appliance for tests. It verifies
// signatures, generates believable incidents, and fails on demand.
//
//	func TestTicketClosed(t *testing.T) {
//		srv := darktracetest.NewServer(darktracetest.WithTB(t))
//		srv.AddEvents(darktracetest.Incidents(1, 20)...)
//		client := srv.Client()
//		srv.Inject(darktracetest.TooManyRequests(time.Second).On("GET", "/aianalyst/groups").Next(1))
//		// … run your code with client …
//		// … check the state of the appliance: srv.Event, srv.Comments …
//	}
//
// Close a server with Close, or let WithTB close it.
//
// The fake is built from what is known of the API on the wire and not from the SDK, so
// that it can test any client: use HTTPClient, CertPool and the tokens. The program
// examples/appliance serves it to other languages.
//
// # What it does like an appliance
//
// Signatures are verified over the bytes that arrived. A date that is more than 30
// minutes off, or in a layout that the version does not accept, is rejected. Reads have
// the windows, defaults, filters and precedence of ids that the API has, and return
// events in order of score; incidents and statistics are computed from the events.
// Acknowledging and pinning accept forms only, comments and investigations JSON only.
// Unknown endpoints redirect to /login, missing permissions to /403, or return 403 with
// V71. Profile says how versions differ. Operations lists the endpoints. Collections of
// objects such as tags begin with invented ones and keep the changes that requests
// make. Collection and SetCollection read and replace them; Handle adds an endpoint.
//
// Where the behaviour of an appliance is unknown, the fake does what is harder for the
// client:
//
//   - The acknowledged flag of an incident is separate: acknowledging all of its
//     events does not set it. SetGroupAcknowledged does.
//   - A merged incident is not found by its old id.
//   - Which time of an event a window compares is an option: WithWindowField. If
//     your code must not miss events, test it with each of them.
//   - Whether a read accepts a comma list of event ids is also an option:
//     WithoutEventLists.
//
// # Faults
//
// Inject arms a Fault for the next requests or until it is removed: another status,
// Retry-After, a login page, a connection that is cut before, within or after the
// response, a response that is slow, endless or truncated, or a wrong clock. A Fault
// also says whether a write was carried out nevertheless:
//
//	srv.Inject(darktracetest.BadGateway().On("POST", "/aianalyst/acknowledge").Next(1))
//	srv.Inject(darktracetest.Fault{Method: "GET", Cut: darktracetest.CutInBody, Times: 2})
//	remove := srv.Inject(darktracetest.LoginPage()) // for every request, until remove()
//
// Other faults come from between client and appliance: the Date of a proxy,
// SwitchingProtocols, a byte order mark, compression that was not requested, and
// the codes with which HTTP/2 resets streams.
//
// AddEventsAt adds events that appear late, Merge merges incidents, and AddToken adds a
// token with fewer permissions.
//
// # Other appliances
//
// WithUnifiedView, with WithResponsePerMaster, makes the server the head of several
// masters.
// WithCloudGateway accepts bearer tokens instead of signatures. WithSpacedDatesOnly,
// WithAcknowledgedHidden and WithRepeatsAsError are stricter than most
// appliances.
//
// # When a request is rejected
//
// Requests returns every request with its verdict. If the mistake in a signature is a
// known one, Reason names the first byte that was signed wrongly. WithTB fails the test
// on any rejected request, and closes the server; after an intended rejection, call
// ResetRequests.
//
// An appliance does not reject unknown parameters, or values that make no sense to it:
// it ignores them. Request.Ignored lists them.
//
// # Time
//
// With InMemory there is no socket, so inside a testing/synctest bubble retries, polls
// and delays take no real time. Create the server, and its clients, inside the bubble;
// close their idle connections at its end; see the example of [InMemory]. Everywhere
// else, WithClock sets the time and SetClockOffset makes the appliance's clock wrong.
// Incidents are of the past week, by the time of the bubble if there is one; with
// another clock, use IncidentsAt(seed, n, srv.Now()).
//
// A feed reads the last 10 minutes in each pass, the last day every 15 minutes and the
// last week every hour. An event that is added with an older time arrives with one of
// these.
package darktracetest
