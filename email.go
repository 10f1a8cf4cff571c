package darktrace

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"
)

// EmailService searches e-mails in Darktrace/EMAIL, reads them, and holds or
// releases them. It is the field Email of a [Client] and safe for concurrent
// use. See the example of [EmailService.All].
//
// All methods need the permission "Email Logs". Hold and Release also need
// "Manual Action" (or "Restricted Manual Action", to release to the original
// recipient only), Download also needs "Download Email". Without a permission
// the appliance rejects every path, even one that does not exist.
//
// The API's prefix differs between appliances, see WithEmailPrefix, and the
// e-mail console may be on another host, see WithEmailURL. E-mails are personal
// data: no error text and no log line of this package quotes them.
type EmailService service

// DefaultEmailPrefix is the path of the e-mail API in Darktrace's guide.
const DefaultEmailPrefix = "/agemail/api/ep/api/v1.0"

// Email is an e-mail. Search leaves out what only Get returns.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/emails/{uuid}.
type Email struct {
	UUID                 string                     `json:"uuid,omitzero"`                  // Id: a UUID, a dot and a number.
	Direction            EmailDirection             `json:"direction,omitzero"`             // Where it goes.
	Time                 Millis                     `json:"dtime_unix,omitzero"`            // When it arrived.
	TimeText             string                     `json:"dtime,omitzero"`                 // The same as text, RFC 3339.
	From                 string                     `json:"header_from,omitzero"`           // Sender as in the header.
	FromAddress          string                     `json:"header_from_email,omitzero"`     // Address of the sender.
	FromName             string                     `json:"header_from_personal,omitzero"`  // Name of the sender.
	Subject              string                     `json:"header_subject,omitzero"`        // Subject.
	InProgress           bool                       `json:"in_progress,omitzero"`           // It is still being processed.
	Links                int64                      `json:"n_links,omitzero"`               // How many links it has.
	Attachments          int64                      `json:"n_attachments,omitzero"`         // How many attachments it has.
	Score                Score                      `json:"model_score,omitzero"`           // How unusual it is, 0 to 100.
	Recipients           []EmailRecipient           `json:"rcpts,omitzero"`                 // Recipients; may be many.
	RestrictedRecipients json.RawMessage            `json:"restricted_recipients,omitzero"` // Undocumented list; nil = none.
	CampaignID           RawJSON                    `json:"campaign_id,omitzero"`           // Undocumented; "" = none. Only from Get.
	Headers              json.RawMessage            `json:"headers,omitzero"`               // Undocumented; only with IncludeHeaders; nil otherwise.
	Extra                map[string]json.RawMessage `json:"-"`                              // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped              []string                   `json:"-"`                              // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// EmailDirection is the direction of an e-mail. The set is open.
type EmailDirection string

// Directions of e-mails.
const (
	EmailInbound  EmailDirection = "inbound"  // From outside.
	EmailOutbound EmailDirection = "outbound" // To the outside.
	EmailInternal EmailDirection = "internal" // Neither.
)

// EmailRecipient is a recipient of an e-mail, and what happened to the e-mail
// there.
type EmailRecipient struct {
	Address          string   `json:"rcpt_to,omitzero"`            // Address of the recipient.
	Status           string   `json:"rcpt_status,omitzero"`        // "held", "delivered", "invalid" and the like; an open set.
	Read             bool     `json:"is_read,omitzero"`            // It was read.
	Group            bool     `json:"is_group_email,omitzero"`     // The address belongs to a group.
	Tags             []string `json:"tags,omitzero"`               // Names of tags, see ListTags.
	ActionsTaken     []string `json:"rcpt_actions_taken,omitzero"` // What was done, such as "Hold message".
	ActionStatus     bool     `json:"action_status,omitzero"`      // The actions succeeded.
	Summary          []string `json:"summary,omitzero"`            // Sentences about it, localised; only from Get.
	RequestedRelease RawJSON  `json:"requestedRelease,omitzero"`   // Undocumented; "" = not requested. Only from Get.
	Extra            RawJSON  `json:"-"`                           // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// EmailQuery selects e-mails: those in the window that match all criteria.
type EmailQuery struct {
	// Start and End bound the window, in whole seconds with End rounded up.
	// Start is required. A zero End means now.
	Start time.Time
	// End is the end of the window; see Start.
	End time.Time
	// Criteria are what e-mails must match. An empty list matches all.
	Criteria []EmailCriterion
	// Page is the page that Search returns, counted from 0; All ignores it.
	Page int
	// PerPage is the number of e-mails on a page; 0 means 20, the only number
	// that is known to work.
	PerPage int
}

// EmailCriterion is a condition that e-mails must match.
type EmailCriterion struct {
	// Filter is what is compared, such as [EmailFilterSubject].
	// [EmailService.Filters] returns the whole list of an appliance.
	Filter string `json:"apiFilter"`
	// Value is what Filter is compared with, as text even if it is a number.
	Value string `json:"value"`
	// Operator is how it is compared, such as [EmailEquals].
	Operator string `json:"operator"`
}

// Filters of e-mails that are known to work.
const (
	EmailFilterScore       = "Email.Antigena Email Anomaly" // Score from 0 to 100, with EmailAbove.
	EmailFilterAction      = "Action.Action Taken"          // Action, such as "Hold", with EmailEquals.
	EmailFilterTagSeverity = "Model Tag Severity"           // "critical", "warn" or "info", with EmailEquals.
	EmailFilterDirection   = "Connection.Direction"         // Direction, with EmailEquals.
	EmailFilterRecipient   = "Recipient.Email"              // Address of a recipient, with EmailContains.
	EmailFilterFrom        = "Header.From.Email"            // Address of the sender, with EmailContains.
	EmailFilterSubject     = "Header.Subject.Subject Value" // Subject, with EmailContains.
)

// Operators of criteria.
const (
	EmailEquals   = "="  // Equal.
	EmailAbove    = ">"  // Greater.
	EmailContains = "~*" // Contains, in upper or lower case.
)

// body encodes a page of the query.
func (q *EmailQuery) body(end time.Time, page int) any {
	type criteria struct {
		List []EmailCriterion `json:"criteriaList"`
		Mode string           `json:"mode"`
	}
	return struct {
		Page    int      `json:"page"`
		PerPage int      `json:"itemsPerPage"`
		From    int64    `json:"timeFrom"`
		To      int64    `json:"timeTo"`
		Query   criteria `json:"query"`
	}{page, q.perPage(), q.Start.Unix(), ceilSeconds(end), criteria{append([]EmailCriterion{}, q.Criteria...), "and"}}
}

// emailsPerPage is how many e-mails every appliance returns on a page.
const emailsPerPage = 20

func (q *EmailQuery) perPage() int { return cmp.Or(q.PerPage, emailsPerPage) }

func (q *EmailQuery) check() error {
	switch {
	case q == nil:
		return argument("query", "is nil")
	case q.Start.IsZero():
		return argument("Start", "is zero")
	case q.Page < 0 || q.PerPage < 0:
		return argument("Page", "and PerPage must not be negative")
	}
	return checkWindow(q.Start, q.End)
}

// Search returns one page of e-mails, in the appliance's order, which is not
// documented. Elements that are not objects are left out, so that a page with
// fewer than PerPage e-mails need not be the last one. All returns all pages.
//
// Threat Visualizer API: POST /agemail/api/ep/api/v1.0/emails/search.
func (s *EmailService) Search(ctx context.Context, query *EmailQuery) ([]*Email, error) {
	if err := query.check(); err != nil {
		return nil, err
	}
	emails, _, err := s.page(ctx, query, s.end(query), query.Page)
	return emails, err
}

// All streams e-mails, each once even if new ones move the pages. An e-mail
// without a UUID is known by its content. The end of the window is fixed before
// the first page. If the appliance repeats a page again and again, All returns
// ErrServer. An error is yielded last, with a nil e-mail.
//
// Threat Visualizer API: POST /agemail/api/ep/api/v1.0/emails/search.
func (s *EmailService) All(ctx context.Context, query *EmailQuery) iter.Seq2[*Email, error] {
	return func(yield func(*Email, error) bool) {
		if err := query.check(); err != nil {
			yield(nil, err)
			return
		}
		q, end, seen := *query, s.end(query), map[string]bool{}
		const patience = 3 // pages in a row without a new e-mail that All tolerates
		for page, barren := 0, 0; ; page++ {
			emails, given, err := s.page(ctx, &q, end, page)
			if err != nil {
				yield(nil, err)
				return
			}
			barren++
			for _, email := range emails {
				id := email.UUID
				if id == "" {
					text, _ := email.MarshalJSON() // It was decoded from JSON.
					id = string(text)
				}
				if seen[id] {
					continue
				}
				barren, seen[id] = 0, true
				if !yield(email, nil) {
					return
				}
			}
			switch {
			case page == 0 && given >= emailsPerPage && given < q.perPage():
				q.PerPage = given // This may be the most that the appliance returns.
			case given < q.perPage():
				return
			case barren == patience:
				yield(nil, failed(ErrServer, http.MethodPost, s.path("emails", "search"), fmt.Sprintf("%d pages in a row contain nothing new: the appliance repeats a page", patience), nil, s.client().redact))
				return
			}
		}
	}
}

func (s *EmailService) end(query *EmailQuery) time.Time {
	return s.client().untilNow(query.Start, query.End)
}

func (s *EmailService) page(ctx context.Context, query *EmailQuery, end time.Time, page int) (emails []*Email, given int, err error) {
	return postList[Email](ctx, s.client(), &Request{
		Method: http.MethodPost, Path: s.path("emails", "search"), JSON: query.body(end, page), Read: true,
	})
}

// EmailGetOptions says how to look up an e-mail.
type EmailGetOptions struct {
	// Time (dtime) is Email.Time, if known: it helps the appliance to find the
	// e-mail.
	Time Millis `url:"-"`
	// IncludeHeaders asks for Email.Headers. Experimental: listed as a
	// parameter, and not seen on an appliance.
	IncludeHeaders bool `url:"include_headers,omitempty"`
}

// Get returns an e-mail by its whole uuid, with the dot and the number. If the
// appliance has no such e-mail, Get returns ErrNotFound.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/emails/{uuid}.
func (s *EmailService) Get(ctx context.Context, uuid string, opts *EmailGetOptions) (*Email, error) {
	if err := checkID("uuid", uuid); err != nil {
		return nil, err
	}
	o := valueOf(opts)
	return getByID(ctx, s.client(), s.path("emails", uuid), &struct {
		EmailGetOptions
		Time int64 `url:"dtime,omitempty"`
	}{o, int64(o.Time)}, strings.ToLower(uuid), func(e *Email) string { return strings.ToLower(e.UUID) })
}

// Download writes the raw e-mail (RFC 5322) to w as it arrives. It may be
// malware. After an error, w may hold the beginning of it. If writing fails,
// Download returns that error, wrapped.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/emails/{uuid}/download.
func (s *EmailService) Download(ctx context.Context, uuid string, w io.Writer) error {
	if err := checkID("uuid", uuid); err != nil {
		return err
	}
	if isNil(w) {
		return argument("w", "is nil")
	}
	return s.client().do(ctx, &Request{Path: s.path("emails", uuid, "download"), Header: http.Header{"Accept": {"*/*"}}}, struct{ io.Writer }{w})
}

// Hold holds an e-mail back from the given recipients. If it was held or
// released before, Hold returns ErrInput with status 409, and nothing is done.
// Get shows what happened to the e-mail for each recipient.
//
// Threat Visualizer API: POST /agemail/api/ep/api/v1.0/emails/{uuid}/action.
func (s *EmailService) Hold(ctx context.Context, uuid string, recipients ...string) error {
	return s.action(ctx, "hold", uuid, recipients)
}

// Release delivers a held e-mail to the given recipients. The e-mail may be
// malicious, and a release can't be undone. The release is queued: a nil error
// does not mean that the e-mail is delivered yet. Errors are as in Hold.
//
// Threat Visualizer API: POST /agemail/api/ep/api/v1.0/emails/{uuid}/action.
func (s *EmailService) Release(ctx context.Context, uuid string, recipients ...string) error {
	return s.action(ctx, "release", uuid, recipients)
}

func (s *EmailService) action(ctx context.Context, action, uuid string, recipients []string) error {
	if err := checkID("uuid", uuid); err != nil {
		return err
	}
	if len(recipients) == 0 || slices.ContainsFunc(recipients, func(address string) bool { return strings.TrimSpace(address) == "" }) {
		return argument("recipients", "must contain at least one address, and no empty one")
	}
	path := s.path("emails", uuid, "action")
	done, err := oneOrNone[emailActionDone](ctx, s.client(), &Request{Method: http.MethodPost, Path: path, JSON: struct {
		Action     string   `json:"action"`
		Recipients []string `json:"recipients"`
	}{action, recipients}})
	if err != nil {
		return err
	}
	code := done.Code.Text()
	if n, isNumber := done.Code.Number(); code != "" && (n != 0 || !isNumber) {
		return failed(ErrRejected, http.MethodPost, path, "the appliance reports code "+shorten(code, quoted), nil, s.client().redact)
	}
	return nil
}

// emailActionDone is the response to an action.
type emailActionDone struct {
	Code  RawJSON `json:"code,omitzero"` // A number, also as text; 0 = done.
	Extra RawJSON `json:"-"`

	unusual fieldSet
}

// EmailTag is a tag of e-mails.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/resources/tags.
type EmailTag struct {
	ID          string  `json:"tag_id,omitzero"`          // Id.
	Name        string  `json:"name,omitzero"`            // Name, as in EmailRecipient.Tags.
	Description string  `json:"description,omitzero"`     // What it means.
	Status      string  `json:"status,omitzero"`          // Severity: "info", "warn" or "critical".
	StatusText  string  `json:"readable_status,omitzero"` // The same in words.
	Category    string  `json:"category,omitzero"`        // Category; "" = none.
	Extra       RawJSON `json:"-"`                        // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// ListTags returns all tags that e-mails can have.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/resources/tags.
func (s *EmailService) ListTags(ctx context.Context) ([]*EmailTag, error) {
	return getList[EmailTag](ctx, s.client(), s.path("resources", "tags"), nil)
}

// EmailUserAnomaly is how unusual the e-mails of a user are.
type EmailUserAnomaly struct {
	Emails      int64   `json:"n_emails,omitzero"`      // Unusual e-mails.
	TotalEmails int64   `json:"total_emails,omitzero"`  // All e-mails.
	LastPeriod  int64   `json:"n_last_period,omitzero"` // Unusual e-mails in the period before.
	LastWeek    int64   `json:"n_last_week,omitzero"`   // Unusual e-mails in the last week.
	Percentage  float64 `json:"percentage,omitzero"`    // Change in percent.
	Links       int64   `json:"n_links,omitzero"`       // Links in them.
	Attachments int64   `json:"n_attachments,omitzero"` // Attachments in them.
	Extra       RawJSON `json:"-"`                      // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// EmailDashboardOptions bounds a dashboard.
type EmailDashboardOptions struct {
	// Days is how many days it looks back; 0 means the appliance's default.
	Days int `url:"days,omitempty"`
	// Limit is how many entries it has at most; 0 means the appliance's default.
	Limit int `url:"limit,omitempty"`
}

func (o *EmailDashboardOptions) check() error {
	return firstError(checkCount("Days", o.Days), checkCount("Limit", o.Limit))
}

// UserAnomaly returns the users with the most unusual e-mails, by address. Nil
// options mean the appliance's defaults.
//
// Experimental: one example is documented, and it was not seen on an appliance.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/dash/user_anomaly.
func (s *EmailService) UserAnomaly(ctx context.Context, opts *EmailDashboardOptions) (map[string]EmailUserAnomaly, error) {
	var users map[string]EmailUserAnomaly
	err := getInto(ctx, s.client(), s.path("dash", "user_anomaly"), opts, &users)
	return users, err
}

// ActionSummary returns what was done with e-mails.
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/dash/action_summary.
func (s *EmailService) ActionSummary(ctx context.Context, opts *EmailDashboardOptions) (json.RawMessage, error) {
	return s.raw(ctx, opts, "dash", "action_summary")
}

// DashStats returns the figures of the dashboard.
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/dash/dash_stats.
func (s *EmailService) DashStats(ctx context.Context, opts *EmailDashboardOptions) (json.RawMessage, error) {
	return s.raw(ctx, opts, "dash", "dash_stats")
}

// DataLoss returns who may have sent data outside.
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/dash/data_loss.
func (s *EmailService) DataLoss(ctx context.Context, opts *EmailDashboardOptions) (json.RawMessage, error) {
	return s.raw(ctx, opts, "dash", "data_loss")
}

// Actions returns the actions that e-mails can be subject to.
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/resources/actions.
func (s *EmailService) Actions(ctx context.Context) (json.RawMessage, error) {
	return s.raw(ctx, nil, "resources", "actions")
}

// Filters returns the filters that criteria of a search can use.
//
// Experimental: the path is documented, the response is not, except that it is a
// list.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/resources/filters.
func (s *EmailService) Filters(ctx context.Context) (json.RawMessage, error) {
	return s.raw(ctx, nil, "resources", "filters")
}

// DecodeLink returns where a rewritten link leads.
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/admin/decode_link.
func (s *EmailService) DecodeLink(ctx context.Context, link string) (json.RawMessage, error) {
	if strings.TrimSpace(link) == "" {
		return nil, argument("link", "is empty")
	}
	return s.raw(ctx, &struct {
		Link string `url:"link"`
	}{link}, "admin", "decode_link")
}

// AuditEventTypes returns the kinds of entries in the audit log. It needs the
// permission "Audit Log (Darktrace/Email)".
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET
// /agemail/api/ep/api/v1.0/system/audit/eventTypes.
func (s *EmailService) AuditEventTypes(ctx context.Context) (json.RawMessage, error) {
	return s.raw(ctx, nil, "system", "audit", "eventTypes")
}

// EmailAuditOptions selects entries of the audit log.
type EmailAuditOptions struct {
	// EventType is the kind of entries, see AuditEventTypes; empty means all.
	EventType string `url:"eventType,omitempty"`
	// Limit is how many entries to return at most; 0 means the appliance's
	// default.
	Limit int `url:"limit,omitempty"`
	// Offset is how many entries to skip.
	Offset int `url:"offset,omitempty"`
}

func (o *EmailAuditOptions) check() error {
	return firstError(checkCount("Limit", o.Limit), checkCount("Offset", o.Offset))
}

// AuditEvents returns entries of the audit log. It needs the permission "Audit
// Log (Darktrace/Email)".
//
// Experimental: the path is documented, the response is not.
//
// Threat Visualizer API: GET /agemail/api/ep/api/v1.0/system/audit/events.
func (s *EmailService) AuditEvents(ctx context.Context, opts *EmailAuditOptions) (json.RawMessage, error) {
	return s.raw(ctx, opts, "system", "audit", "events")
}

func (s *EmailService) raw(ctx context.Context, opts any, segments ...any) (json.RawMessage, error) {
	var raw json.RawMessage
	err := getInto(ctx, s.client(), s.path(segments...), opts, &raw)
	return raw, err
}

// path returns a path below the prefix of the e-mail API.
func (s *EmailService) path(segments ...any) string {
	return s.client().emailPrefix + pathOf(segments...)
}
