package darktrace

// Comment is a comment that somebody wrote on an event. Comments have no id and
// can't be changed or deleted through the API.
//
// Threat Visualizer API: GET /aianalyst/incident/comments.
type Comment struct {
	Username string  // Who wrote it.
	Message  string  // What it says.
	EventID  string  // Event that it belongs to.
	Time     Millis  // When it was written.
	Extra    RawJSON // What the fields above can't hold; see [RawJSON].
}
