package darktrace

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Device is a device of the inventory: a host, a network range, an endpoint
// agent or an account of a SaaS service. Responses differ in what they contain,
// and any field may be empty. [EventDevice] is the device inside an AI Analyst
// event.
//
// Threat Visualizer API: GET /devices, GET /devicesearch.
type Device struct {
	DID             int64                        `json:"did,omitzero"`                            // Id; -1 is the system itself, 0 stands for everything external, other negative ids are network ranges.
	ID              int64                        `json:"id,omitzero"`                             // A second id, which usually equals DID.
	Hostname        string                       `json:"hostname,omitzero"`                       // Host name; "SaaS::<module>: <user>" for an account.
	Label           string                       `json:"devicelabel,omitzero"`                    // Label set by people.
	GeneratedLabel  bool                         `json:"generatedlabel,omitzero"`                 // The system made the label.
	IP              string                       `json:"ip,omitzero"`                             // Latest address; may be anonymised, so it isn't parsed.
	IPs             []DeviceAddress              `json:"ips,omitzero" wire:"addresses"`           // Addresses that it has had.
	MAC             string                       `json:"macaddress,omitzero"`                     // Hardware address.
	Vendor          string                       `json:"vendor,omitzero"`                         // Manufacturer of the network card.
	OS              string                       `json:"os,omitzero"`                             // Operating system, if it was recognised.
	SID             int64                        `json:"sid,omitzero"`                            // Subnet id; -9 for SaaS accounts, -6 for internal traffic, -11 for endpoint agents.
	FirstSeen       Millis                       `json:"firstSeen,omitzero"`                      // When it was first seen; see Seen.
	LastSeen        Millis                       `json:"lastSeen,omitzero"`                       // When it was last seen; see Seen.
	Time            Millis                       `json:"time,omitzero"`                           // FirstSeen, as /devices and /details call it; see Seen.
	EndTime         Millis                       `json:"endtime,omitzero"`                        // LastSeen, as /devices calls it; see Seen.
	TypeName        string                       `json:"typename,omitzero"`                       // Type, such as "desktop", "dnsserver" or "saasprovider"; an open set.
	TypeLabel       string                       `json:"typelabel,omitzero"`                      // Type for people.
	Priority        int64                        `json:"priority,omitzero"`                       // Priority, -5 to 5.
	Quarantine      Millis                       `json:"quarantine,omitzero"`                     // When RESPOND last acted on it; 0 = not recently.
	Tags            []Tag                        `json:"tags,omitzero"`                           // Tags, in responses that contain them.
	Credentials     []DeviceCredential           `json:"credentials,omitzero" wire:"credentials"` // Users seen on it.
	SaaSModule      string                       `json:"saasmodule,omitzero"`                     // Module of a SaaS account; not from /devices.
	CustomFields    map[string]map[string]string `json:"customFields,omitzero"`                   // Fields by group and name, all as text; notes are in "DT-MANUAL".
	VDIHosts        []VDIHost                    `json:"vdihost,omitzero"`                        // Hosts of a virtual desktop's user.
	AgentUUID       string                       `json:"aghuuid,omitzero"`                        // Endpoint agent: its id.
	AgentPublicIP   string                       `json:"aghpublicip,omitzero"`                    // Endpoint agent: address outside the network.
	AgentASN        string                       `json:"aghasn,omitzero"`                         // Endpoint agent: autonomous system of that address.
	AgentCountry    string                       `json:"aghcountry,omitzero"`                     // Endpoint agent: country of that address.
	Interfaces      []DeviceInterface            `json:"interfaces,omitzero"`                     // Endpoint agent: network cards.
	Likeness        Score                        `json:"score,omitzero"`                          // Similarity, 0 to 100; only from Similar.
	ObjectType      string                       `json:"objecttype,omitzero"`                     // "device"; old versions only.
	DeduplicatedIDs []int64                      `json:"deduplicated_ids,omitzero"`               // Ids that were merged into this one; old versions only.
	Extra           RawJSON                      `json:"-"`                                       // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Seen returns when the device was first and last seen, from whichever fields
// the response has. Zero means unknown.
func (d *Device) Seen() (first, last Millis) {
	return cmp.Or(d.FirstSeen, d.Time), cmp.Or(d.LastSeen, d.EndTime)
}

// Name returns the best name of the device: its label, host name, address or
// hardware address, or "device 42" with its id.
func (d *Device) Name() string {
	return cmp.Or(d.Label, d.Hostname, d.IP, d.MAC, "device "+strconv.FormatInt(d.DID, 10))
}

// String returns the best name of the device, as Name does.
func (d *Device) String() string { return d.Name() }

// DeviceAddress is an address that a device has had.
type DeviceAddress struct {
	IP       string  `json:"ip,omitzero"`     // Address; may be anonymised, so it isn't parsed.
	Time     Millis  `json:"timems,omitzero"` // When it was seen; 0 = unknown.
	TimeText string  `json:"time,omitzero"`   // The same as text, "2006-01-02 15:04:05" in UTC.
	SID      int64   `json:"sid,omitzero"`    // Subnet id.
	VLAN     int64   `json:"vlan,omitzero"`   // VLAN; 0 = none.
	Extra    RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceCredential is a user seen on a device.
type DeviceCredential struct {
	Credential string  `json:"credential,omitzero"` // User name in the spelling of the protocol.
	LastSeen   Millis  `json:"lastSeen,omitzero"`   // When it was last seen; 0 = unknown.
	Extra      RawJSON `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// VDIHost is a host on which a user of virtual desktops was seen.
type VDIHost struct {
	Type  string             `json:"type,omitzero"` // Kind of host, such as "vdi".
	IPs   []InterfaceAddress `json:"ips,omitzero"`  // Its addresses.
	Extra RawJSON            `json:"-"`             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceInterface is a network card of a device with an endpoint agent.
type DeviceInterface struct {
	MAC    string             `json:"mac,omitzero"`    // Hardware address.
	Vendor string             `json:"vendor,omitzero"` // Manufacturer.
	IPs    []InterfaceAddress `json:"ips,omitzero"`    // Its addresses.
	Extra  RawJSON            `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// InterfaceAddress is an address of a [VDIHost] or a [DeviceInterface]. Its time
// is in seconds, unlike the time of a [DeviceAddress].
type InterfaceAddress struct {
	IP       string  `json:"ip,omitzero"`       // Address.
	Time     Seconds `json:"time,omitzero"`     // When it was seen.
	SID      int64   `json:"sid,omitzero"`      // Subnet id.
	Hostname string  `json:"hostname,omitzero"` // Host name.
	Extra    RawJSON `json:"-"`                 // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceConnections tells what devices connected to in the last 4 weeks.
//
// Threat Visualizer API: GET /deviceinfo.
type DeviceConnections struct {
	DeviceInfo []DeviceInfo               `json:"deviceInfo,omitzero"` // An element for each requested device, and each similar one.
	Devices    []Device                   `json:"devices,omitzero"`    // The devices; only with FullDeviceDetails.
	Extra      map[string]json.RawMessage `json:"-"`                   // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet
}

// DeviceInfo tells what a device connected to.
type DeviceInfo struct {
	DID             int64            `json:"did,omitzero"`             // Device.
	SimilarityScore Score            `json:"similarityScore,omitzero"` // Similarity to the requested device, 0 to 100.
	Domain          string           `json:"domain,omitzero"`          // Requested external domain.
	GraphData       []DeviceInfoBar  `json:"graphData,omitzero"`       // Amounts over time; nil if nothing happened.
	Info            DeviceInfoTotals `json:"info,omitzero"`            // Amounts by port and by device.
	Extra           RawJSON          `json:"-"`                        // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceInfoBar is an amount in a span of time.
type DeviceInfoBar struct {
	Time  Millis  `json:"time,omitzero"` // Start.
	Count int64   `json:"count"`         // Connections or bytes, as requested.
	Extra RawJSON `json:"-"`             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceInfoTotals holds amounts by port and by device. Each Size is a share of
// the total in percent.
type DeviceInfoTotals struct {
	TotalUsed            int64             `json:"totalUsed,omitzero"`            // Amount as a client.
	TotalServed          int64             `json:"totalServed,omitzero"`          // Amount as a server.
	TotalDevicesAndPorts int64             `json:"totalDevicesAndPorts,omitzero"` // Amount both ways.
	DevicesAndPorts      []DeviceInfoShare `json:"devicesAndPorts,omitzero"`      // By device and port: see DeviceAndPort.
	PortsUsed            []DeviceInfoShare `json:"portsUsed,omitzero"`            // As a client, by Port.
	PortsServed          []DeviceInfoShare `json:"portsServed,omitzero"`          // As a server, by Port.
	DevicesUsed          []DeviceInfoShare `json:"devicesUsed,omitzero"`          // As a client, by DID.
	DevicesServed        []DeviceInfoShare `json:"devicesServed,omitzero"`        // As a server, by DID.
	ExternalDomains      []DeviceInfoShare `json:"externalDomains,omitzero"`      // Outside the network, by Domain; "Unknown" occurs.
	ExternalASNs         []DeviceInfoShare `json:"externalASNs,omitzero"`         // Outside the network, by ASN.
	Extra                RawJSON           `json:"-"`                             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceInfoShare is the share of a port, a device, a domain or an autonomous
// system.
type DeviceInfoShare struct {
	DeviceAndPort DeviceAndPort `json:"deviceAndPort,omitzero" wire:"deviceAndPort"` // Device and port.
	Port          RawJSON       `json:"port,omitzero"`                               // Port, a range such as "5001 - 10000", or "others"; Text returns it without quotes.
	DID           RawJSON       `json:"did,omitzero"`                                // Device id, or "others"; Text returns it without quotes.
	Domain        string        `json:"domain,omitzero"`                             // Domain.
	ASN           string        `json:"asn,omitzero"`                                // Autonomous system, number and name.
	Size          Percentage    `json:"size,omitzero"`                               // Share, 0 to 100.
	FirstTime     Millis        `json:"firstTime,omitzero"`                          // When it was first seen; 0 = unknown.
	Extra         RawJSON       `json:"-"`                                           // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceAndPort is a device with a port, or everything that is not listed.
type DeviceAndPort struct {
	Direction string  `json:"direction,omitzero"` // "out" or "in".
	Device    int64   `json:"device,omitzero"`    // Device id; may be negative.
	Port      RawJSON `json:"port,omitzero"`      // Port, or a range such as "5001 - 10000"; Text returns it without quotes.
	Others    bool    `json:"-"`                  // It stands for everything that is not listed.
	Extra     RawJSON `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceQuery is a query in the search language of devices. All fields must
// match; of the values of one field any may match. A value matches as a whole,
// and "*" stands for any characters. Values are sent in quotes. The language
// can't express a double quote, a backslash or a control character: if a value
// contains one, or is empty, the call returns ErrArgument. The zero query
// matches every device.
type DeviceQuery struct {
	// Text is searched in every field.
	Text []string
	// Label is the device's label.
	Label []string
	// Tag is the name of a tag that the device has.
	Tag []string
	// Type is the type's label, such as "Laptop".
	Type []string
	// Hostname is the host name.
	Hostname []string
	// IP is the address.
	IP []string
	// MAC is the hardware address.
	MAC []string
	// Vendor is the manufacturer of the network card.
	Vendor []string
	// OS is the operating system.
	OS []string
}

// String returns the query as it is sent, with fields in a fixed order.
func (q DeviceQuery) String() string {
	var terms []string
	for name, values := range q.fields {
		for _, value := range values {
			terms = append(terms, name+`"`+value+`"`)
		}
	}
	return strings.Join(terms, " ")
}

// fields yields the names of the fields in the query language, and their values.
func (q DeviceQuery) fields(yield func(name string, values []string) bool) {
	_ = yield("", q.Text) && yield("label:", q.Label) && yield("tag:", q.Tag) && yield("type:", q.Type) &&
		yield("hostname:", q.Hostname) && yield("ip:", q.IP) && yield("mac:", q.MAC) && yield("vendor:", q.Vendor) && yield("os:", q.OS)
}

// EncodeValues adds the query to the parameters of a request.
func (q DeviceQuery) EncodeValues(key string, values *url.Values) error {
	if text := q.String(); text != "" {
		values.Set(key, text)
	}
	return nil
}

func (q DeviceQuery) check() error {
	for name, values := range q.fields {
		for _, value := range values {
			switch {
			case strings.TrimSpace(value) == "":
				return argument("Query", "has an empty value")
			case !utf8.ValidString(value), strings.ContainsAny(value, `"\`), strings.ContainsFunc(value, unicode.IsControl):
				return argument("Query", "has the value %s%q; the search language can't express quotes, backslashes and control characters", name, value)
			}
		}
	}
	return nil
}
