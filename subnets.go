package darktrace

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SubnetService reads subnets, changes their names and settings, and excludes
// them from monitoring. It is the field Subnets of a [Client] and safe for
// concurrent use. See the example of [SubnetService.Update].
//
// Reading needs one of the permissions "Visualizer", "Platform Accounts
// Console" and "Subnet Admin"; writing needs "Subnet Admin".
type SubnetService service

// Subnet is a range of addresses, and the devices in it.
//
// Threat Visualizer API: GET /subnets.
type Subnet struct {
	SID                  int64                      `json:"sid,omitzero"`                  // Subnet id; may be negative.
	SHID                 int64                      `json:"shid,omitzero"`                 // Id of this revision of the subnet.
	Label                string                     `json:"label,omitzero"`                // Name set by people; "" = none.
	Network              string                     `json:"network,omitzero"`              // Range in CIDR form.
	Auto                 bool                       `json:"auto,omitzero"`                 // The appliance found the subnet by itself.
	DHCP                 bool                       `json:"dhcp,omitzero"`                 // Devices get their addresses by DHCP.
	UniqueHostnames      bool                       `json:"uniqueHostnames,omitzero"`      // Devices are distinguished by host name.
	UniqueUsernames      bool                       `json:"uniqueUsernames,omitzero"`      // Devices are distinguished by user name.
	FirstSeen            Millis                     `json:"firstSeen,omitzero"`            // When the subnet was first seen.
	LastSeen             Millis                     `json:"lastSeen,omitzero"`             // When the subnet was last seen.
	LastDHCP             Millis                     `json:"lastDHCP,omitzero"`             // Last DHCP traffic; 0 = unknown.
	MostRecentTraffic    Millis                     `json:"mostRecentTraffic,omitzero"`    // Last traffic.
	Latitude             float64                    `json:"latitude,omitzero"`             // Where the subnet is, in degrees.
	Longitude            float64                    `json:"longitude,omitzero"`            // Where the subnet is, in degrees.
	Confidence           int64                      `json:"confidence,omitzero"`           // Undocumented; -1 occurs.
	RecentTrafficPercent int64                      `json:"recentTrafficPercent,omitzero"` // Share of the recent traffic in percent.
	DHCPCount            int64                      `json:"dhcpCount,omitzero"`            // DHCP transactions.
	DHCPQuality          int64                      `json:"dhcpQuality,omitzero"`          // How well devices are tracked by DHCP.
	KerberosCount        int64                      `json:"kerberosCount,omitzero"`        // Kerberos log-ins.
	KerberosQuality      int64                      `json:"kerberosQuality,omitzero"`      // How well devices are tracked by Kerberos.
	ClientDevices        int64                      `json:"clientDevices,omitzero"`        // Clients in the subnet.
	ServerDevices        int64                      `json:"serverDevices,omitzero"`        // Servers in the subnet.
	ICSDevices           int64                      `json:"icsDevices,omitzero"`           // Industrial devices in the subnet.
	Extra                map[string]json.RawMessage `json:"-"`                             // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped              []string                   `json:"-"`                             // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// SubnetListOptions selects subnets.
type SubnetListOptions struct {
	// SeenSince leaves out subnets without traffic for longer than this, at
	// most six months; 0 means the appliance's default. It is sent in seconds.
	SeenSince time.Duration `url:"-"`
}

func (o *SubnetListOptions) check() error { return checkAgo("SeenSince", o.SeenSince) }

// List returns the subnets. Nil options mean the appliance's defaults.
//
// Threat Visualizer API: GET /subnets.
func (s *SubnetService) List(ctx context.Context, opts *SubnetListOptions) ([]*Subnet, error) {
	o := valueOf(opts)
	return getList[Subnet](ctx, s.client(), "/subnets", &struct {
		SubnetListOptions
		SeenSince string `url:"seensince,omitempty"`
	}{o, ago(o.SeenSince)})
}

// Get returns a subnet. If the appliance has no such subnet, Get returns
// ErrNotFound.
//
// Threat Visualizer API: GET /subnets.
func (s *SubnetService) Get(ctx context.Context, subnetID int64) (*Subnet, error) {
	id := strconv.FormatInt(subnetID, 10)
	return lookUp(ctx, s.client(), &call{method: http.MethodGet, path: "/subnets", query: "sid=" + id}, decoderOf[Subnet](ctx), id,
		func(subnet *Subnet) bool { return subnet.SID == subnetID })
}

// SubnetUpdate changes a subnet. Nil fields probably keep their value: only a
// change of Label alone and of UniqueHostnames alone was seen on an appliance.
// The other fields are experimental.
type SubnetUpdate struct {
	// Label is the name of the subnet. Don't quote it: the appliance would store
	// the quotes.
	Label *string `url:"label,omitempty"`
	// UniqueHostnames says whether devices are distinguished by host name.
	UniqueHostnames *bool `url:"uniqueHostnames,omitempty"`
	// UniqueUsernames says whether devices are distinguished by user name.
	UniqueUsernames *bool `url:"uniqueUsernames,omitempty"`
	// DHCP says whether devices get their addresses by DHCP.
	DHCP *bool `url:"dhcp,omitempty"`
	// Network is the range in CIDR form.
	Network *string `url:"network,omitempty"`
	// Position is where the subnet is.
	Position *Position `url:"-"`
}

// Position is a place on the map, in degrees.
type Position struct {
	Latitude  float64 // North is positive; -90 to 90.
	Longitude float64 // East is positive; -180 to 180.
}

// Update changes a subnet. An update without fields returns ErrArgument.
//
// Experimental: for all fields but Label and UniqueHostnames.
//
// Threat Visualizer API: POST /subnets.
func (s *SubnetService) Update(ctx context.Context, subnetID int64, update *SubnetUpdate) error {
	if update == nil {
		return argument("update", "is nil")
	}
	form, err := valuesOf(update)
	if err != nil {
		return err
	}
	if p := update.Position; p != nil {
		if !(-90 <= p.Latitude && p.Latitude <= 90) || !(-180 <= p.Longitude && p.Longitude <= 180) {
			return argument("Position", "is %+v, which is not a place", *p)
		}
		form.Set("latitude", decimal(p.Latitude))
		form.Set("longitude", decimal(p.Longitude))
	}
	return s.post(ctx, "update", subnetID, form)
}

// SubnetExclusions says which monitoring of a subnet to stop. Nil fields probably
// keep their value.
type SubnetExclusions struct {
	// Excluded stops all monitoring of the subnet.
	Excluded *bool `url:"excluded,omitempty"`
	// ModelExcluded keeps models from alerting on the subnet.
	ModelExcluded *bool `url:"modelExcluded,omitempty"`
}

// ExcludeFromMonitoring stops or restarts the monitoring of a whole subnet. It
// blinds the product for every device there, and no response shows it
// afterwards: it can't be read back.
//
// Experimental: documented, and not seen on an appliance.
//
// Threat Visualizer API: POST /subnets.
func (s *SubnetService) ExcludeFromMonitoring(ctx context.Context, subnetID int64, exclusions SubnetExclusions) error {
	form, err := valuesOf(&exclusions)
	if err != nil {
		return err
	}
	return s.post(ctx, "exclusions", subnetID, form)
}

func (s *SubnetService) post(ctx context.Context, name string, subnetID int64, form url.Values) error {
	if len(form) == 0 {
		return argument(name, "changes nothing")
	}
	form.Set("sid", strconv.FormatInt(subnetID, 10))
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: "/subnets", Form: form}, nil)
}

// decimal encodes a coordinate with a decimal point: the appliance rejects it
// without one.
func decimal(degrees float64) string {
	text := strconv.FormatFloat(degrees, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
