package darktrace

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// WatchedDomainService reads and changes the list of watched domains: domains,
// host names and addresses that the appliance alerts on. It is the field
// WatchedDomains of a [Client] and safe for concurrent use. See the example of
// [WatchedDomainService.Add].
//
// Its methods, including those that read, need the permission "Edit Domains".
type WatchedDomainService service

// WatchedDomain is an entry of the list.
//
// Threat Visualizer API: GET /intelfeed.
type WatchedDomain struct {
	Name        string                     `json:"name,omitzero"`        // Domain, host name or address; "*" marks an exact host name.
	Description string                     `json:"description,omitzero"` // Why it is watched.
	Expiry      string                     `json:"expiry,omitzero"`      // When the entry ends, "2006-01-02 15:04:05" or with a T; "" = never. See Expires.
	Strength    RawJSON                    `json:"strength,omitzero"`    // Weight in percent, sent as a number or as text.
	Respond     bool                       `json:"iagn,omitzero"`        // Autonomous Response acts on it.
	Extra       map[string]json.RawMessage `json:"-"`                    // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped     []string                   `json:"-"`                    // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// Expires returns when the entry ends, in UTC, or the zero time if it never
// ends or the text is not a time.
func (d *WatchedDomain) Expires() time.Time { return clockTime(d.Expiry) }

// WatchedDomainOptions selects entries.
type WatchedDomainOptions struct {
	// Source is the source whose entries to list. Empty means the default
	// source, not all of them; see Sources.
	Source string `url:"source,omitempty"`
}

// List returns the names of a source's entries. Nil options mean the default
// source.
//
// Threat Visualizer API: GET /intelfeed.
func (s *WatchedDomainService) List(ctx context.Context, opts *WatchedDomainOptions) ([]string, error) {
	return getTexts(ctx, s.client(), "/intelfeed", opts)
}

// ListDetails returns a source's entries with their descriptions and ends. Nil
// options mean the default source.
//
// Threat Visualizer API: GET /intelfeed.
func (s *WatchedDomainService) ListDetails(ctx context.Context, opts *WatchedDomainOptions) ([]*WatchedDomain, error) {
	return getList[WatchedDomain](ctx, s.client(), "/intelfeed", &struct {
		WatchedDomainOptions
		Full bool `url:"fulldetails"`
	}{valueOf(opts), true})
}

// Sources returns the names of all sources, including empty ones. The default
// source is called "Default" or "default".
//
// Threat Visualizer API: GET /intelfeed.
func (s *WatchedDomainService) Sources(ctx context.Context) ([]string, error) {
	return getTexts(ctx, s.client(), "/intelfeed", &struct {
		Sources bool `url:"sources"`
	}{true})
}

// WatchedDomainAddOptions says how to add entries.
type WatchedDomainAddOptions struct {
	// Source is the source to add to, at most 63 characters; empty means the
	// default source. A missing source is created.
	Source string `url:"source,omitempty"`
	// Description says why the entries are watched, in at most 255 characters.
	Description string `url:"description,omitempty"`
	// Expires is when the entries end, to the second; zero means never.
	Expires time.Time `url:"expiry,omitempty" layout:"2006-01-02T15:04:05"`
	// ExactHostnames says that the entries are exact host names, not domains with
	// everything below them.
	ExactHostnames bool `url:"hostname,omitempty"`
	// Respond lets Autonomous Response act on the entries by itself; they must
	// not be ranges of addresses. Experimental: documented, and not seen on an
	// appliance.
	Respond bool `url:"iagn,omitempty"`
}

func (o *WatchedDomainAddOptions) check() error {
	switch {
	case utf8.RuneCountInString(o.Source) > 63:
		return argument("Source", "has more than 63 characters")
	case utf8.RuneCountInString(o.Description) > 255:
		return argument("Description", "has more than 255 characters")
	}
	return nil
}

// WatchedDomainResult counts added and updated entries.
type WatchedDomainResult struct {
	Response string  `json:"response,omitzero"` // "SUCCESS"; "" = the appliance did not tell.
	Added    int64   `json:"added"`             // New entries.
	Updated  int64   `json:"updated"`           // Entries that existed before, if the appliance tells.
	Extra    RawJSON `json:"-"`                 // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// watchedDomainsPerRequest limits a request to a size that appliances are known
// to accept.
const watchedDomainsPerRequest = 500

// Add adds entries, or updates existing ones. Nil options mean the default
// source. Entries are sent in requests of 500. If one of them fails, Add
// returns the result of the requests before it together with the error. Adding
// the same entries again is harmless. The counts of the appliance prove
// nothing: both can be 0 although it did its work.
//
// Threat Visualizer API: POST /intelfeed.
func (s *WatchedDomainService) Add(ctx context.Context, entries []string, opts *WatchedDomainAddOptions) (*WatchedDomainResult, error) {
	if len(entries) == 0 {
		return nil, argument("entries", "contains no entry")
	}
	o := valueOf(opts)
	o.Expires = o.Expires.UTC() // The appliance expects it without a zone.
	form, err := valuesOf(&o)
	if err != nil {
		return nil, err
	}
	return s.add(ctx, entries, form)
}

// ReplaceAll removes all entries of all sources, and then adds entries to the
// default source. The first 500 entries are sent in the same request that
// empties the list, the others afterwards: after an error the list may be empty
// or incomplete until ReplaceAll is called again. Without entries, ReplaceAll
// returns ErrArgument; use RemoveAll.
//
// Experimental: documented, and not seen on an appliance.
//
// Threat Visualizer API: POST /intelfeed.
func (s *WatchedDomainService) ReplaceAll(ctx context.Context, entries []string) (*WatchedDomainResult, error) {
	if len(entries) == 0 {
		return nil, argument("entries", "contains no entry; to empty the list, use RemoveAll")
	}
	return s.add(ctx, entries, url.Values{"removeall": {"true"}})
}

func (s *WatchedDomainService) add(ctx context.Context, entries []string, form url.Values) (*WatchedDomainResult, error) {
	if err := checkEntries(entries...); err != nil {
		return nil, err
	}
	var sum *WatchedDomainResult // of the requests that succeeded; nil = none
	for chunk := range slices.Chunk(entries, watchedDomainsPerRequest) {
		form.Set("addlist", strings.Join(chunk, ","))
		result, err := oneOrNone[WatchedDomainResult](ctx, s.client(), &Request{Method: http.MethodPost, Path: "/intelfeed", Form: form})
		if err != nil {
			return sum, err
		}
		if sum != nil {
			result.Added += sum.Added
			result.Updated += sum.Updated
		}
		sum = result
		form.Del("removeall")
	}
	return sum, nil
}

// Remove removes an entry from a source. With an empty source the appliance
// searches for the entry, which works if only one source has it. Removing a
// missing entry is not an error. A source without entries stays in the list.
//
// Threat Visualizer API: POST /intelfeed.
func (s *WatchedDomainService) Remove(ctx context.Context, entry, source string) error {
	if err := checkEntries(entry); err != nil {
		return err
	}
	form := url.Values{"removeentry": {entry}}
	if source != "" {
		form.Set("source", source)
	}
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: "/intelfeed", Form: form}, nil)
}

// RemoveAll removes all entries of all sources. It can't be undone.
//
// Experimental: documented, and not seen on an appliance.
//
// Threat Visualizer API: POST /intelfeed.
func (s *WatchedDomainService) RemoveAll(ctx context.Context) error {
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: "/intelfeed", Form: url.Values{"removeall": {"true"}}}, nil)
}

func checkEntries(entries ...string) error {
	for _, entry := range entries {
		if strings.TrimSpace(entry) == "" || strings.ContainsAny(entry, ",\r\n") {
			return argument("entry", "is %q; it must be one domain, host name or address", entry)
		}
	}
	return nil
}
