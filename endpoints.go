package darktrace

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
)

// EndpointService looks up hosts outside the network: when the appliance first
// saw them, how common they are, and which devices connected to them. It is the
// field Endpoints of a [Client] and safe for concurrent use. See the example of
// [EndpointService.Get].
type EndpointService service

// Endpoint is what the appliance knows about an address or a host name. For a
// name that it has never seen, nearly everything is empty.
//
// Threat Visualizer API: GET /endpointdetails.
type Endpoint struct {
	Hostname      string                     `json:"hostname,omitzero"`      // Requested host name.
	IP            string                     `json:"ip,omitzero"`            // Requested address.
	FirstTime     Millis                     `json:"firsttime,omitzero"`     // When it was first seen; 0 = never.
	Name          string                     `json:"name,omitzero"`          // Name; "internal_ip" for an address inside the network.
	Country       string                     `json:"country,omitzero"`       // Country.
	City          string                     `json:"city,omitzero"`          // City.
	Region        string                     `json:"region,omitzero"`        // Part of the world.
	ASN           string                     `json:"asn,omitzero"`           // Autonomous system, number and name.
	Longitude     float64                    `json:"longitude,omitzero"`     // Longitude.
	Latitude      float64                    `json:"latitude,omitzero"`      // Latitude.
	SubnetLabel   string                     `json:"subnetlabel,omitzero"`   // Inside the network: label of the subnet.
	SID           int64                      `json:"subnetid,omitzero"`      // Inside the network: subnet id.
	SubnetNetwork string                     `json:"subnetnetwork,omitzero"` // Inside the network: the subnet, such as "192.0.2.0/24".
	IPTime        string                     `json:"iptime,omitzero"`        // When the address was first used, "2006-01-02 15:04:05"; only with AdditionalInfo.
	IPAge         float64                    `json:"ipage,omitzero"`         // The same in seconds before now.
	IPs           []EndpointAddress          `json:"ips,omitzero"`           // Addresses of the name; only with AdditionalInfo.
	Locations     []EndpointLocation         `json:"locations,omitzero"`     // Where they are; only with AdditionalInfo.
	Popularity    Percentage                 `json:"popularity,omitzero"`    // How common it is, 0 to 100; only with Score.
	DGAScore      Score                      `json:"dgascore,omitzero"`      // How much the name looks generated, 0 to 100; only with Score.
	Devices       []Device                   `json:"devices,omitzero"`       // Devices that connected to it; only with Devices.
	Extra         map[string]json.RawMessage `json:"-"`                      // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped       []string                   `json:"-"`                      // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// EndpointAddress is an address that a host name had.
type EndpointAddress struct {
	IP        string  `json:"ip,omitzero"`        // Address.
	FirstTime Millis  `json:"firsttime,omitzero"` // When it was first seen.
	LastTime  Millis  `json:"lasttime,omitzero"`  // When it was last seen.
	Extra     RawJSON `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// EndpointLocation is a place where an address of a host name is.
type EndpointLocation struct {
	Longitude float64 `json:"longitude,omitzero"` // Longitude.
	Latitude  float64 `json:"latitude,omitzero"`  // Latitude.
	Country   string  `json:"country,omitzero"`   // Country.
	City      string  `json:"city,omitzero"`      // City; "" = unknown.
	Extra     RawJSON `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// EndpointOptions says what else Get asks for. The zero value asks for the
// least.
//
// Threat Visualizer API: GET /endpointdetails.
type EndpointOptions struct {
	// AdditionalInfo asks for the addresses and places of a host name, and for the
	// age of an address.
	AdditionalInfo bool `url:"additionalinfo,omitempty"`
	// Devices asks for the devices that connected to it.
	Devices bool `url:"devices,omitempty"`
	// Score asks for popularity and DGA score.
	Score bool `url:"score,omitempty"`
}

// Get returns what the appliance knows about an address or a host name. It
// knows nothing about most of them, which is not an error: see [Endpoint]. Get
// needs the permissions "Unrestricted Devices" and "Visualizer".
//
// Threat Visualizer API: GET /endpointdetails.
func (s *EndpointService) Get(ctx context.Context, ipOrHost string, opts *EndpointOptions) (*Endpoint, error) {
	if strings.TrimSpace(ipOrHost) == "" {
		return nil, argument("ipOrHost", "is empty")
	}
	query := struct {
		IP       string `url:"ip,omitempty"`
		Hostname string `url:"hostname,omitempty"`
		EndpointOptions
	}{EndpointOptions: valueOf(opts)}
	if _, err := netip.ParseAddr(ipOrHost); err == nil {
		query.IP = ipOrHost
	} else {
		query.Hostname = ipOrHost
	}
	return getOne[Endpoint](ctx, s.client(), "/endpointdetails", &query)
}
