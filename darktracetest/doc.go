// Package darktracetest is a fake Darktrace appliance for tests, with the bad
// days that real ones have.
//
//	func TestTicketClosed(t *testing.T) {
//		srv := darktracetest.NewServer(darktracetest.WithTB(t))
//		srv.AddEvents(darktracetest.Incidents(1, 20)...)
//		client := srv.Client()
//		srv.Inject(darktracetest.TooManyRequests(time.Second).On("GET", "/aianalyst/groups").Next(1))
//		// … run your code with client …
//		// … look at what became of the appliance: srv.Event, srv.Comments …
//	}
//
// A server is closed by Close or by WithTB; one of them is enough.
//
// It was built from what is known of the API on the wire and not from the SDK,
// so that it can judge any client: HTTPClient, CertPool and the tokens are there
// for those. go run ./examples/appliance serves it to other languages.
//
// # What it does as an appliance does
//
// Signatures are verified over the bytes that arrived. A date that is more than
// 30 minutes off, or in a layout that the version does not take, is refused.
// Reads have the windows, defaults, filters and precedence of ids that the API
// has, and answer in order of score; incidents and statistics follow from the
// events. Acknowledging and pinning take forms only, comments and investigations
// JSON only. Unknown endpoints redirect to /login, missing permissions to /403
// or, with V71, answer 403. Profile says what the versions differ in. There are:
//
//	GET   /aianalyst/incidentevents
//	GET   /aianalyst/groups
//	POST  /aianalyst/acknowledge, /aianalyst/unacknowledge
//	POST  /aianalyst/pin, /aianalyst/unpin
//	GET   /aianalyst/incident/comments, and POST
//	GET   /aianalyst/stats
//	GET   /aianalyst/investigations, and POST
//
// Where it is not known what an appliance does, the fake does what is harder for
// the client:
//
//   - includeacknowledged=false hides an event even from a look-up by its id.
//   - The acknowledged flag of an incident is its own: acknowledging all of its
//     events does not set it. SetGroupAcknowledged does.
//   - An incident that was merged into another is not found by its old id.
//   - Which time of an event a window compares is an option: WithWindowField.
//     Test with each of them what must not miss events.
//   - That a comma list of event ids works in a read is one too: WithoutEventLists.
//
// # Bad days
//
// Inject arms a Fault for the next requests or until it is removed: an answer of
// another status, Retry-After, a login page, a connection that is cut before,
// within or after the answer, an answer that is slow, endless or truncated, a
// wrong clock; and whether a write was carried out all the same:
//
//	srv.Inject(darktracetest.BadGateway().On("POST", "/aianalyst/acknowledge").Next(1))
//	srv.Inject(darktracetest.Fault{Method: "GET", Cut: darktracetest.CutInBody, Times: 2})
//	remove := srv.Inject(darktracetest.LoginPage()) // for every request, until remove()
//
// AddEventsAt has events turn up late, Merge merges incidents, AddToken makes a
// token that may do less.
//
// # When a request is refused
//
// Requests returns everything that arrived with its verdict. The Reason of a
// wrong signature names the byte in which what was signed differs from what
// should have been, where the mistake is a known one. WithTB fails the test on
// any refused request, and closes the server; after a refusal that was intended,
// call ResetRequests.
//
// An appliance does not refuse parameters that it does not know, or whose value
// makes no sense to it: it answers as if they were not there. Request.Ignored
// lists them.
//
// # Time
//
// With InMemory there is no socket and no real time: inside a testing/synctest
// bubble retries, polls and delays take no time. Create the server, and its
// clients, inside the bubble; close their idle connections at its end.
// Everywhere else, WithClock sets the time and SetClockOffset makes the
// appliance's clock wrong. Incidents are of the past week in real time: where the
// clock shows something else, use IncidentsAt(seed, n, srv.Now()).
//
// A feed reads a day back at each pass and further back in a sweep, once an hour:
// an event that is added with an older time arrives with the next sweep.
package darktracetest
