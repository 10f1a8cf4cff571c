// Package siem holds the code that the mappings to the schemas of SIEMs share: it
// finds the devices, users and hosts of an event, and the texts that are addresses.
package siem

import (
	"iter"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/darktrace-go/darktrace"
)

// Entity is a device, host or user that takes part in an event. One of its fields
// is set.
type Entity struct {
	Device *darktrace.EventDevice  // A device, or an account of a SaaS service.
	Host   *darktrace.ExternalHost // A host outside the network.
	User   string                  // A user name.
}

// Entities yields the entities in the devices, the summary and the details of an
// event. An entity that is named twice is yielded twice.
func Entities(e *darktrace.IncidentEvent) iter.Seq[Entity] {
	return func(yield func(Entity) bool) {
		for i := range e.BreachDevices {
			if !yield(Entity{Device: &e.BreachDevices[i]}) {
				return
			}
		}
		if !inText(e.Summary, yield) {
			return
		}
		for _, detail := range e.AllDetails() {
			for _, value := range detail.Values {
				if entity, ok := Of(detail.Type, value); ok && !yield(entity) {
					return
				}
			}
		}
	}
}

func inText(t darktrace.Text, yield func(Entity) bool) bool {
	if entity, ok := Of(t.Type, t.Value); ok && !yield(entity) {
		return false
	}
	for _, replacement := range t.Replacements {
		if !inText(replacement, yield) {
			return false
		}
	}
	return true
}

// Of returns the entity that a value of a detail names, and whether it names one.
func Of(kind darktrace.DetailType, value darktrace.DetailValue) (Entity, bool) {
	switch v := value.(type) {
	case darktrace.EventDevice:
		return Entity{Device: &v}, true
	case darktrace.ExternalHost:
		return Entity{Host: &v}, true
	case darktrace.TextValue:
		return Entity{User: string(v)}, kind == darktrace.TypeUsername && v != ""
	default:
		return Entity{}, false
	}
}

// Address returns an IP address in its canonical form, without a zone. It returns
// false for an anonymised address, a range or a name.
func Address(s string) (string, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return "", false
	}
	return addr.Unmap().WithZone("").String(), true
}

// Masked returns the anonymised addresses and ranges that an event has in place of
// addresses, each once.
func Masked(e *darktrace.IncidentEvent) []string {
	var masked []string
	for entity := range Entities(e) {
		var ip string
		switch {
		case entity.Device != nil:
			ip = entity.Device.IP
		case entity.Host != nil:
			ip = entity.Host.IP
		}
		if _, ok := Address(ip); !ok && ip != "" && !slices.Contains(masked, ip) {
			masked = append(masked, ip)
		}
	}
	return masked
}

// EventURL returns the link to an event in the Threat Visualizer: the event's own
// link, or else one to the given appliance; "" without an appliance or an id.
func EventURL(baseURL string, e *darktrace.IncidentEvent) string {
	if URL(e.URL) {
		return e.URL
	}
	console := "/#aiaincidentevent/"
	if e.IsSaaS() {
		console = "/saas#aiaincidentevent/"
	}
	return Link(baseURL, console, e.ID)
}

// URL reports whether s is a URL with a host and a scheme of letters and digits, which
// OCSF accepts.
func URL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && !strings.ContainsAny(u.Scheme, "+-.") && u.Host != ""
}

// Link returns a link into the Threat Visualizer of an appliance; "" without an
// appliance or an id.
func Link(baseURL, console, id string) string {
	if baseURL == "" || id == "" {
		return ""
	}
	return strings.TrimRight(baseURL, "/") + console + url.PathEscape(id)
}

// BreachID returns the identity of a model alert. Its pbid is unique only on its
// appliance, so the identity includes the appliance's host if it is known.
func BreachID(host string, pbid int64) string {
	id := "modelbreach/" + strconv.FormatInt(pbid, 10)
	if host != "" {
		return host + "/" + id
	}
	return id
}

// Host returns the host of an appliance in lower case, without its port, from its base
// URL, or else from the Source of a change.
func Host(baseURL, source string) string {
	if base, err := url.Parse(baseURL); err == nil && base.Host != "" {
		source = base.Host
	}
	return strings.ToLower((&url.URL{Host: source}).Hostname())
}

// MAC returns an EUI-48 hardware address as RFC 7042 writes it: upper case, with
// hyphens. It returns false for anything else.
func MAC(s string) (string, bool) {
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 {
		return "", false
	}
	return strings.ToUpper(strings.ReplaceAll(mac.String(), ":", "-")), true
}

// Hostname reports whether s can be the name of a host: labels of letters, digits,
// hyphens and underscores. An address is not a name.
func Hostname(s string) bool {
	const longest = 253
	_, isAddress := Address(s)
	return !isAddress && len(s) <= longest && labels.MatchString(s) && strings.ContainsFunc(s, unicode.IsLetter)
}

var labels = regexp.MustCompile(`^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$`)

// Mail reports whether s has the form of an e-mail address that OCSF accepts: without
// quotes, in ASCII.
func Mail(s string) bool {
	_, domain, _ := strings.Cut(s, "@")
	return mail.MatchString(s) && Hostname(domain)
}

var mail = regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+@([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\\.)+[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$")

// Account returns the service and the user of an account of a SaaS service. It
// returns false for devices. If the name of the account has only one part, the
// service is empty.
func Account(d *darktrace.EventDevice) (module, user string, ok bool) {
	if module, user, ok := d.SaaS(); ok {
		return module, user, true
	}
	if d.IsSaaS() {
		return "", d.Name(), true
	}
	return "", "", false
}

// Score limits a score to 0 to 100; 0 for a value that is not a number.
func Score(s darktrace.Score) float64 {
	const most = 100
	if s > 0 {
		return float64(min(s, most))
	}
	return 0
}

// Valid reports whether a time is known, and in a year that RFC 3339 can write.
func Valid(m darktrace.Millis) bool {
	const lastYear = 9999
	year := m.Time().Year()
	return m != 0 && 1 <= year && year <= lastYear
}

// TacticURL returns the link to a tactic; "" for one without an id.
func TacticURL(t darktrace.Tactic) string {
	if t.ID() == "" {
		return ""
	}
	return "https://attack.mitre.org/tactics/" + t.ID() + "/"
}

// Texts copies texts of any string type.
func Texts[T ~string](list []T) []string {
	var texts []string
	for _, text := range list {
		texts = append(texts, string(text))
	}
	return texts
}

// Layout is RFC 3339 with milliseconds, in UTC.
const Layout = "2006-01-02T15:04:05.000Z"

// Timestamp returns the time in RFC 3339 with milliseconds; "" when it is unknown
// or in a year that RFC 3339 can't write.
func Timestamp(m darktrace.Millis) string {
	if !Valid(m) {
		return ""
	}
	return m.Time().Format(Layout)
}
