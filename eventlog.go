package darktrace

import (
	"context"
	"iter"
	"time"
)

// EventLogService reads the event log: connections, notices, model alerts and
// changes of devices. It is the field EventLog of a [Client] and safe for
// concurrent use. See the example of [EventLogService.All].
type EventLogService service

const eventLogPath = "/details"

// Types of entries for EventLogOptions.
const (
	LogTypeConnection        = "connection"        // Connections; the default.
	LogTypeUnusualConnection = "unusualconnection" // Connections that are unusual for the device.
	LogTypeNewConnection     = "newconnection"     // Connections that are new for the device.
	LogTypeNotice            = "notice"            // Notices.
	LogTypeDeviceHistory     = "devicehistory"     // Changes of the device.
	LogTypeModelBreach       = "modelbreach"       // Model alerts.
)

// EventLogOptions selects entries of the event log. Exactly one of DID, PBID,
// Message and BlockedConnections is required. Fields combine as AND; zero
// fields are not sent.
//
// Threat Visualizer API: GET /details.
type EventLogOptions struct {
	// DID asks for the entries of a device. Accounts of SaaS services have only
	// notices.
	DID int64 `url:"did,omitempty"`
	// PBID asks for a model alert and its entries.
	PBID int64 `url:"pbid,omitempty"`
	// Message asks for the notices and alerts with this text.
	Message string `url:"msg,omitempty"`
	// BlockedConnections asks for connections that RESPOND blocked: "all", "true"
	// for those that it tried to block, or "failed".
	BlockedConnections string `url:"blockedconnections,omitempty"`
	// EventType is the type of entries, such as [LogTypeNotice]; empty means
	// connections.
	EventType string `url:"eventtype,omitempty"`
	// Start and End bound the window, in milliseconds. Only Start: until now.
	// Neither: the default is not documented.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; it needs Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// Count is how many entries to list at most, probably the newest. It can't
	// be combined with Start.
	Count int `url:"count,omitempty"`
	// DDID asks for connections to a device.
	DDID int64 `url:"ddid,omitempty"`
	// ODID asks for connections with another device.
	ODID int64 `url:"odid,omitempty"`
	// ExternalHostname asks for connections with an external host.
	ExternalHostname string `url:"externalhostname,omitempty"`
	// InternalExternal (intext) is "internal" or "external", for connections with
	// hosts inside or outside the network.
	InternalExternal string `url:"intext,omitempty"`
	// UID asks for one connection.
	UID string `url:"uid,omitempty"`
	// Port asks for connections with a port on either side.
	Port int `url:"port,omitempty"`
	// SourcePort asks for connections from a port.
	SourcePort int `url:"sourceport,omitempty"`
	// DestinationPort asks for connections to a port.
	DestinationPort int `url:"destinationport,omitempty"`
	// Protocol is the code of a transport; see ModelService.Enums.
	Protocol string `url:"protocol,omitempty"`
	// ApplicationProtocol is the code of an application; see
	// ModelService.Enums.
	ApplicationProtocol string `url:"applicationprotocol,omitempty"`
	// Deduplicate joins similar entries.
	Deduplicate bool `url:"deduplicate,omitempty"`
	// FullDeviceDetails asks for whole devices, with their tags.
	FullDeviceDetails bool `url:"fulldevicedetails,omitempty"`
	// IncludeTotalBytes asks for the amounts of data. Experimental: it is not
	// documented.
	IncludeTotalBytes bool `url:"includetotalbytes,omitempty"`
	// Order is "asc" or "desc". Experimental: it is not documented.
	Order string `url:"order,omitempty"`
	// Offset is how many entries to skip. Experimental: it is not documented.
	Offset int `url:"offset,omitempty"`
}

func (o *EventLogOptions) check() error {
	selectors := 0
	for _, set := range []bool{o.DID != 0, o.PBID != 0, o.Message != "", o.BlockedConnections != ""} {
		if set {
			selectors++
		}
	}
	switch {
	case selectors != 1:
		return argument("EventLogOptions", "must have exactly one of DID, PBID, Message and BlockedConnections, and has %d", selectors)
	case o.Count != 0 && !o.Start.IsZero():
		return argument("Count", "can't be combined with Start")
	}
	return firstError(checkPair(o.Start, o.End), checkCount("Count", o.Count), checkCount("Offset", o.Offset))
}

// List returns the entries that All yields, as a list. For wide windows, which
// need much memory, use All.
//
// Threat Visualizer API: GET /details.
func (s *EventLogService) List(ctx context.Context, opts *EventLogOptions) ([]*LogEntry, error) {
	return collect(s.All(ctx, opts))
}

// All streams entries of the event log, probably newest first: it yields each
// one as soon as it has arrived. With PBID the first entry is the alert itself.
// An error is yielded last, with a nil entry. All needs the permission
// "Unrestricted Devices", without which the appliance anonymises, and
// "Visualizer" or "Platform Accounts Console".
//
// Threat Visualizer API: GET /details.
func (s *EventLogService) All(ctx context.Context, opts *EventLogOptions) iter.Seq2[*LogEntry, error] {
	return func(yield func(*LogEntry, error) bool) {
		o := valueOf(opts)
		o.End = s.client().until(o.Start, o.End)
		getEach[LogEntry](ctx, s.client(), eventLogPath, &o)(yield)
	}
}

// LogEntry is an entry of the event log. The eventType of the entry, or else its
// action, decides which one of its fields is set; Other holds an entry of an
// unknown type.
//
// Threat Visualizer API: GET /details.
type LogEntry struct {
	Connection    *LogConnection    // A connection.
	Notice        *LogNotice        // A notice, of the appliance or of a SaaS service.
	PolicyBreach  *LogBreach        // A model alert.
	DeviceHistory *LogDeviceHistory // A change of a device.
	Other         RawJSON           // An entry of an unknown type; "" = none.
}

// Time returns when it happened; zero for an entry of an unknown type.
func (e *LogEntry) Time() Millis {
	switch {
	case e.Connection != nil:
		return e.Connection.Time
	case e.Notice != nil:
		return e.Notice.Time
	case e.PolicyBreach != nil:
		return e.PolicyBreach.Time
	case e.DeviceHistory != nil:
		return e.DeviceHistory.Time
	}
	return 0
}

// LogConnection is a connection in the event log.
type LogConnection struct {
	Time                  Millis   `json:"timems,omitzero"`                // When it was seen.
	TimeText              string   `json:"time,omitzero"`                  // The same as text, "2006-01-02 15:04:05" in UTC.
	EventType             string   `json:"eventType,omitzero"`             // Type of the entry.
	Action                string   `json:"action,omitzero"`                // Type of the entry, again.
	UID                   string   `json:"uid,omitzero"`                   // Id of the connection, as in Advanced Search.
	NID                   int64    `json:"nid,omitzero"`                   // Id of a notice that belongs to it; 0 = none.
	Status                string   `json:"status,omitzero"`                // "failed" or "ongoing"; "" = complete.
	SourceDID             int64    `json:"sdid,omitzero"`                  // Source device; 0 = external.
	DestinationDID        int64    `json:"ddid,omitzero"`                  // Destination device; 0 = external.
	Port                  int64    `json:"port,omitzero"`                  // Port of the service.
	SourcePort            int64    `json:"sourcePort,omitzero"`            // Port of the source.
	DestinationPort       int64    `json:"destinationPort,omitzero"`       // Port of the destination.
	Direction             string   `json:"direction,omitzero"`             // "in" or "out", from the view of the device.
	Protocol              string   `json:"protocol,omitzero"`              // Transport, such as "TCP".
	ApplicationProtocol   string   `json:"applicationprotocol,omitzero"`   // Application, such as "DNS"; "Unknown" occurs.
	Info                  string   `json:"info,omitzero"`                  // What is new or unusual about it.
	Source                string   `json:"source,omitzero"`                // Name of the source.
	Destination           string   `json:"destination,omitzero"`           // Name of the destination.
	SourceDevice          *LogHost `json:"sourceDevice,omitzero"`          // The source; nil = not sent.
	DestinationDevice     *LogHost `json:"destinationDevice,omitzero"`     // The destination; nil = not sent.
	Proxy                 string   `json:"proxy,omitzero"`                 // Name of the proxy; "" = none.
	ProxyPort             int64    `json:"proxyPort,omitzero"`             // Port of the proxy.
	ProxyDevice           *Device  `json:"proxyDevice,omitzero"`           // The proxy; nil = none.
	DNS                   *LogDNS  `json:"dns,omitzero"`                   // The requested name; nil = none.
	AntigenaBlocked       bool     `json:"antigenablocked,omitzero"`       // RESPOND blocked it.
	AntigenaConnectionEnd bool     `json:"antigenaconnectionend,omitzero"` // RESPOND ended it.
	AntigenaEmail         bool     `json:"antigena-email,omitzero"`        // Darktrace/EMAIL knows the name.
	RecentBytesSince      Millis   `json:"recentbytessincems,omitzero"`    // Start of the recent bytes; only with IncludeTotalBytes.
	RecentBytesSinceText  string   `json:"recentbytessince,omitzero"`      // The same as text.
	RecentBytesIn         int64    `json:"recentbytesin,omitzero"`         // Recent bytes received.
	RecentBytesOut        int64    `json:"recentbytesout,omitzero"`        // Recent bytes sent.
	TotalBytesSince       Millis   `json:"totalbytessincems,omitzero"`     // Start of all bytes; only with IncludeTotalBytes.
	TotalBytesSinceText   string   `json:"totalbytessince,omitzero"`       // The same as text.
	TotalBytesIn          int64    `json:"totalbytesin,omitzero"`          // All bytes received.
	TotalBytesOut         int64    `json:"totalbytesout,omitzero"`         // All bytes sent.
	Extra                 RawJSON  `json:"-"`                              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// LogDNS is the name that a connection looked up.
type LogDNS struct {
	Hostname           string     `json:"hostname,omitzero"`           // Name.
	Success            bool       `json:"success,omitzero"`            // It was found.
	Internal           bool       `json:"internal,omitzero"`           // It is a name inside the network.
	HostnamePopularity Percentage `json:"hostnamepopularity,omitzero"` // How common the name is, 0 to 100.
	AntigenaEmail      bool       `json:"antigena-email,omitzero"`     // Darktrace/EMAIL knows the name.
	Extra              RawJSON    `json:"-"`                           // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// LogNotice is a notice in the event log: something that the appliance noticed
// in traffic, or that a SaaS service reported.
type LogNotice struct {
	Time              Millis   `json:"timems,omitzero"`            // When it happened.
	TimeText          string   `json:"time,omitzero"`              // The same as text, "2006-01-02 15:04:05" in UTC.
	EventType         string   `json:"eventType,omitzero"`         // Type of the entry.
	Action            string   `json:"action,omitzero"`            // Type of the entry, again.
	NID               int64    `json:"nid,omitzero"`               // Id of the notice.
	UID               string   `json:"uid,omitzero"`               // Id of its connection; "" = none.
	NUID              string   `json:"nuid,omitzero"`              // Id of a notice without a connection; "" = none.
	MLID              int64    `json:"mlid,omitzero"`              // Id of the metric that it counts for.
	Type              string   `json:"type,omitzero"`              // Type, such as "Saas::Login" or "DT::ModelBreach"; an open set.
	Message           string   `json:"msg,omitzero"`               // What was noticed.
	Size              int64    `json:"size,omitzero"`              // Size; for an alert, its score in percent.
	Direction         string   `json:"direction,omitzero"`         // "in" or "out", from the view of the device.
	DestinationPort   int64    `json:"destinationPort,omitzero"`   // Port of the destination.
	DPCode            string   `json:"dpcode,omitzero"`            // Code of the type, a number beyond 2^53 as text.
	DPCodeTitle       string   `json:"dpcodetitle,omitzero"`       // The type in words.
	Details           string   `json:"details,omitzero"`           // Details as text.
	Detail            RawJSON  `json:"detail,omitzero"`            // Details as text or object: what a SaaS service reported, or the ids of an alert.
	SimilarDevices    string   `json:"similardevices,omitzero"`    // Token for what changed among similar devices.
	Source            string   `json:"source,omitzero"`            // Name of the source.
	Destination       string   `json:"destination,omitzero"`       // Name of the destination.
	SourceDevice      *LogHost `json:"sourceDevice,omitzero"`      // The source; nil = not sent.
	DestinationDevice *LogHost `json:"destinationDevice,omitzero"` // The destination; nil = not sent.
	Proxy             string   `json:"proxy,omitzero"`             // Name of the proxy; "" = none.
	ProxyPort         int64    `json:"proxyPort,omitzero"`         // Port of the proxy.
	ProxyDevice       *Device  `json:"proxyDevice,omitzero"`       // The proxy; nil = none.
	AntigenaEmail     bool     `json:"antigena-email,omitzero"`    // Darktrace/EMAIL knows the name.
	Extra             RawJSON  `json:"-"`                          // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// LogBreach is a model alert in the event log.
type LogBreach struct {
	Time                 Millis      `json:"timems,omitzero"`               // First activity that belongs to it.
	TimeText             string      `json:"time,omitzero"`                 // The same as text, "2006-01-02 15:04:05" in UTC.
	EventType            string      `json:"eventType,omitzero"`            // Type of the entry.
	Action               string      `json:"action,omitzero"`               // Type of the entry, again.
	PBID                 int64       `json:"pbid,omitzero"`                 // Id of the alert.
	PID                  int64       `json:"pid,omitzero"`                  // Id of its model.
	PHID                 int64       `json:"phid,omitzero"`                 // Id of the model's revision.
	Name                 string      `json:"name,omitzero"`                 // Name of the model; folders are joined by "::".
	CreationTime         Millis      `json:"creationTime,omitzero"`         // When the alert was created.
	CreationTimestamp    string      `json:"creationTimestamp,omitzero"`    // The same as text.
	Score                Probability `json:"score,omitzero"`                // Score, 0 to 1.
	Acknowledged         *bool       `json:"acknowledged,omitzero"`         // Somebody acknowledged it; nil = unknown. If the appliance sends more, it is in Extra.
	State                string      `json:"state,omitzero"`                // State, such as "New"; an open set.
	CommentCount         int64       `json:"commentCount,omitzero"`         // Number of comments.
	Components           []int64     `json:"components,omitzero"`           // Ids of the model's components.
	ComponentBreaches    []int64     `json:"componentBreaches,omitzero"`    // Ids of the components that matched.
	ComponentBreachTimes []Millis    `json:"componentBreachTimes,omitzero"` // When they matched.
	DIDRestrictions      []int64     `json:"didRestrictions,omitzero"`      // Devices that the model is restricted to.
	DIDExclusions        []int64     `json:"didExclusions,omitzero"`        // Devices that the model leaves out.
	Throttle             int64       `json:"throttle,omitzero"`             // Seconds that pass before the model alerts again.
	Interval             int64       `json:"interval,omitzero"`             // Seconds within which its components must come together.
	SharedEndpoints      bool        `json:"sharedEndpoints,omitzero"`      // Its components must share an endpoint.
	Sequenced            bool        `json:"sequenced,omitzero"`            // Its components must come in order.
	Active               bool        `json:"active,omitzero"`               // The model is switched on.
	Retired              bool        `json:"retired,omitzero"`              // The model is retired.
	InstanceID           int64       `json:"instanceID,omitzero"`           // Id of the instance.
	Devices              []int64     `json:"devices,omitzero"`              // Ids of the devices.
	DeviceLabels         []string    `json:"deviceLabels,omitzero"`         // Labels of the devices; an element may be "".
	Source               string      `json:"source,omitzero"`               // Name of the source.
	Destination          string      `json:"destination,omitzero"`          // Name of the destination.
	SourceDevice         *LogHost    `json:"sourceDevice,omitzero"`         // The source; nil = not sent.
	DestinationDevice    *LogHost    `json:"destinationDevice,omitzero"`    // The destination; nil = not sent.
	Proxy                string      `json:"proxy,omitzero"`                // Name of the proxy; "" = none.
	ProxyPort            int64       `json:"proxyPort,omitzero"`            // Port of the proxy.
	ProxyDevice          *Device     `json:"proxyDevice,omitzero"`          // The proxy; nil = none.
	AntigenaEmail        bool        `json:"antigena-email,omitzero"`       // Darktrace/EMAIL knows the name.
	Extra                RawJSON     `json:"-"`                             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// LogDeviceHistory is a change of a device in the event log.
type LogDeviceHistory struct {
	Time              Millis   `json:"timems,omitzero"`            // When it changed.
	TimeText          string   `json:"time,omitzero"`              // The same as text, "2006-01-02 15:04:05" in UTC.
	EventType         string   `json:"eventType,omitzero"`         // Type of the entry.
	Action            string   `json:"action,omitzero"`            // Type of the entry; usually "".
	Name              string   `json:"name,omitzero"`              // What changed, such as "mac", "removetag" or "removehostname"; an open set.
	Value             string   `json:"value,omitzero"`             // The value that was added or removed.
	Reason            string   `json:"reason,omitzero"`            // Reason.
	Device            *Device  `json:"device,omitzero"`            // The device; nil = not sent.
	DeviceName        string   `json:"deviceName,omitzero"`        // Name of the device.
	Source            string   `json:"source,omitzero"`            // Name of the source.
	Destination       string   `json:"destination,omitzero"`       // Name of the destination.
	SourceDevice      *LogHost `json:"sourceDevice,omitzero"`      // The source; nil = not sent.
	DestinationDevice *LogHost `json:"destinationDevice,omitzero"` // The destination; nil = not sent.
	Proxy             string   `json:"proxy,omitzero"`             // Name of the proxy; "" = none.
	ProxyPort         int64    `json:"proxyPort,omitzero"`         // Port of the proxy.
	ProxyDevice       *Device  `json:"proxyDevice,omitzero"`       // The proxy; nil = none.
	AntigenaEmail     bool     `json:"antigena-email,omitzero"`    // Darktrace/EMAIL knows the name.
	Extra             RawJSON  `json:"-"`                          // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// LogHost is one side of a connection: a device, or a host outside the network.
// One of its fields is set.
type LogHost struct {
	Device   *Device      // A device; nil for a host outside.
	External *LogExternal // A host outside the network; nil for a device.
}

// LogExternal is a host outside the network in the event log.
type LogExternal struct {
	IP                           string     `json:"ip,omitzero"`                           // Address.
	Hostname                     string     `json:"hostname,omitzero"`                     // Host name.
	Domain                       string     `json:"domain,omitzero"`                       // Domain.
	Longitude                    float64    `json:"longitude,omitzero"`                    // Longitude.
	Latitude                     float64    `json:"latitude,omitzero"`                     // Latitude.
	Country                      string     `json:"country,omitzero"`                      // Country.
	CountryCode                  string     `json:"countrycode,omitzero"`                  // Country code of ISO 3166.
	City                         string     `json:"city,omitzero"`                         // City.
	Region                       string     `json:"region,omitzero"`                       // Part of the world.
	ASN                          string     `json:"asn,omitzero"`                          // Autonomous system, number and name.
	IPPopularity                 Percentage `json:"ippopularity,omitzero"`                 // How common the address is, 0 to 100.
	ConnectionIPPopularity       Percentage `json:"connectionippopularity,omitzero"`       // The same for this kind of connection.
	HostnamePopularity           Percentage `json:"hostnamepopularity,omitzero"`           // How common the host name is, 0 to 100.
	ConnectionHostnamePopularity Percentage `json:"connectionhostnamepopularity,omitzero"` // The same for this kind of connection.
	DomainPopularity             Percentage `json:"domainpopularity,omitzero"`             // How common the domain is, 0 to 100.
	ConnectionDomainPopularity   Percentage `json:"connectiondomainpopularity,omitzero"`   // The same for this kind of connection.
	Extra                        RawJSON    `json:"-"`                                     // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}
