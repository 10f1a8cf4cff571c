package darktrace

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// NetworkService reads how much traffic devices, subnets, ports and protocols
// had. It is the field Network of a [Client] and safe for concurrent use. See
// the example of [NetworkService.Get].
//
// It needs the permissions "Unrestricted Devices" and "Visualizer".
type NetworkService service

// Network is the traffic of a span of time, by device, subnet, port and protocol.
//
// Threat Visualizer API: GET /network.
type Network struct {
	Statistics      []map[string][]NetworkStatistic `json:"statistics,omitzero"`      // Tables, each with one name, such as "Remote Ports"; see Statistic.
	Devices         []NetworkDevice                 `json:"devices,omitzero"`         // Devices with their traffic.
	Subnets         []NetworkSubnet                 `json:"subnets,omitzero"`         // Subnets with their traffic.
	ExternalDevices []NetworkExternalDevice         `json:"externaldevices,omitzero"` // Hosts outside the network; only with IntExt "external".
	Connections     []NetworkConnection             `json:"connections,omitzero"`     // Who exchanged data with whom.
	Metric          Metric                          `json:"metric,omitzero"`          // Unit of the sizes: what they count.
	Extra           map[string]json.RawMessage      `json:"-"`                        // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped         []string                        `json:"-"`                        // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// Statistic returns the rows of the table with this name, such as "Remote
// Ports", "Local Ports", "devices", "protocols" or "applicationprotocols", or
// nil if there is none.
func (n *Network) Statistic(name string) []NetworkStatistic {
	for _, table := range n.Statistics {
		if rows, ok := table[name]; ok {
			return rows
		}
	}
	return nil
}

// NetworkStatistic is a row of a table of [Network]. The table decides which of
// its fields, besides In and Out, is set.
type NetworkStatistic struct {
	View                string  `json:"View,omitzero"`                // In the table "Views".
	Connections         string  `json:"Connections,omitzero"`         // In "Connection Status": "Normal" or "Breached".
	RemotePort          int64   `json:"rport,omitzero"`               // In "Remote Ports".
	LocalPort           int64   `json:"lport,omitzero"`               // In "Local Ports".
	Device              string  `json:"device,omitzero"`              // In "devices", together with IP.
	IP                  string  `json:"ip,omitzero"`                  // In "devices".
	Subnet              string  `json:"subnet,omitzero"`              // In "Subnets".
	IntExt              string  `json:"intext,omitzero"`              // In "intext": "Internal" or "External".
	Protocol            string  `json:"protocol,omitzero"`            // In "protocols".
	ApplicationProtocol string  `json:"applicationprotocol,omitzero"` // In "applicationprotocols".
	In                  RawJSON `json:"in,omitzero"`                  // Incoming, in the metric's unit; the flag false = none.
	Out                 RawJSON `json:"out,omitzero"`                 // Outgoing, in the metric's unit; the flag false = none.
	Extra               RawJSON `json:"-"`                            // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkDevice is a device with its share of the traffic; [DeviceService.Get]
// returns more about it.
type NetworkDevice struct {
	DID     int64    `json:"did,omitzero"`     // Device id.
	SID     int64    `json:"sid,omitzero"`     // Id of its subnet.
	IP      string   `json:"ip,omitzero"`      // Address.
	IPs     []string `json:"ips,omitzero"`     // All its addresses.
	Network string   `json:"network,omitzero"` // Its subnet in CIDR form.
	Size    float64  `json:"size,omitzero"`    // Traffic, in the metric's unit.
	Time    Millis   `json:"timems,omitzero"`  // Time of its last traffic.
	Extra   RawJSON  `json:"-"`                // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkSubnet is a subnet and its share of the traffic.
type NetworkSubnet struct {
	SID     int64   `json:"sid,omitzero"`     // Subnet id; may be negative.
	Label   string  `json:"label,omitzero"`   // Name set by people.
	Network string  `json:"network,omitzero"` // Range in CIDR form.
	Size    float64 `json:"size,omitzero"`    // Traffic, in the metric's unit.
	Time    Millis  `json:"timems,omitzero"`  // Time of its last traffic.
	Extra   RawJSON `json:"-"`                // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkExternalDevice is a host outside the network and its share of the
// traffic.
type NetworkExternalDevice struct {
	ID          RawJSON           `json:"id,omitzero"`          // Id within this response.
	Hostname    string            `json:"hostname,omitzero"`    // Host name.
	Name        string            `json:"name,omitzero"`        // The name that the appliance shows.
	Hostnames   []NetworkHostname `json:"hostnames,omitzero"`   // All host names.
	IP          string            `json:"ip,omitzero"`          // Address.
	Longitude   float64           `json:"longitude,omitzero"`   // Where it is, in degrees.
	Latitude    float64           `json:"latitude,omitzero"`    // Where it is, in degrees.
	Country     string            `json:"country,omitzero"`     // Country.
	CountryCode string            `json:"countrycode,omitzero"` // Country, as two letters.
	ASN         string            `json:"asn,omitzero"`         // Autonomous system.
	Region      string            `json:"region,omitzero"`      // Continent.
	Size        float64           `json:"size,omitzero"`        // Traffic, in the metric's unit.
	Time        Millis            `json:"timems,omitzero"`      // Time of its last traffic.
	Extra       RawJSON           `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkHostname is a host name and how often it was seen.
type NetworkHostname struct {
	Hostname string  `json:"hostname,omitzero"` // Host name.
	Count    int64   `json:"count,omitzero"`    // How often it was seen.
	Extra    RawJSON `json:"-"`                 // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkConnection is traffic between two ends.
type NetworkConnection struct {
	Source NetworkEnd `json:"source,omitzero"` // One end.
	Target NetworkEnd `json:"target,omitzero"` // The other end.
	Size   float64    `json:"size,omitzero"`   // Traffic, in the metric's unit.
	Time   Millis     `json:"timems,omitzero"` // Time of the last traffic.
	Score  float64    `json:"score,omitzero"`  // Score of a model alert on it; 0 = none.
	Extra  RawJSON    `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkEnd is an end of a connection.
type NetworkEnd struct {
	ID    RawJSON `json:"id,omitzero"`   // Device id or subnet id, depending on Type; absent for some.
	IP    string  `json:"ip,omitzero"`   // Address; "" for subnets.
	Type  string  `json:"type,omitzero"` // "device", "subnet" or "externaldevice"; an open set.
	Extra RawJSON `json:"-"`             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// NetworkOptions says which traffic to read. One of DeviceID, IP and SubnetID
// narrows it to a device or a subnet.
type NetworkOptions struct {
	// Start and End bound the window. Only Start: until now. Neither: the last
	// hour.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// DeviceID (did) is the device.
	DeviceID int64 `url:"did,omitempty"`
	// IP is the address of the device.
	IP string `url:"ip,omitempty"`
	// SubnetID (viewsubnet) is the subnet.
	SubnetID int64 `url:"viewsubnet,omitempty"`
	// Metric is the name of the metric that the sizes count; empty means
	// datatransfervolume. Metrics of SaaS services don't work here.
	Metric string `url:"metric,omitempty"`
	// Port is a port on either side.
	Port int `url:"port,omitempty"`
	// SourcePort is the port of the side that opens connections.
	SourcePort int `url:"sourceport,omitempty"`
	// DestinationPort is the port of the side that accepts connections.
	DestinationPort int `url:"destinationport,omitempty"`
	// Protocol is a network protocol, by its number in Models.Enums.
	Protocol string `url:"protocol,omitempty"`
	// ApplicationProtocol is an application protocol, by its number in
	// Models.Enums.
	ApplicationProtocol string `url:"applicationprotocol,omitempty"`
	// IntExt is "internal" or "external"; empty means the appliance's default,
	// which is internal for devices.
	IntExt string `url:"intext,omitempty"`
}

func (o *NetworkOptions) check() error { return checkPair(o.Start, o.End) }

// Get returns the traffic of a span of time. Nil options mean the last hour of
// the whole network.
//
// Threat Visualizer API: GET /network.
func (s *NetworkService) Get(ctx context.Context, opts *NetworkOptions) (*Network, error) {
	o := valueOf(opts)
	o.End = s.client().untilNow(o.Start, o.End)
	return getOne[Network](ctx, s.client(), "/network", &o)
}

// MetricService reads the metrics behind models and graphs, and their values
// over time. It is the field Metrics of a [Client] and safe for concurrent use.
// See the example of [MetricService.Data].
//
// Data needs the permission "Visualizer". List, All and Get need that one,
// "Platform Accounts Console", "View Models" or "Edit Models".
type MetricService service

// Metric is something that the appliance measures.
//
// Threat Visualizer API: GET /metrics.
type Metric struct {
	ID            int64    `json:"mlid,omitzero"`          // Metric id.
	Name          string   `json:"name,omitzero"`          // System name, for requests.
	Label         string   `json:"label,omitzero"`         // Name for people.
	Set           string   `json:"set,omitzero"`           // Undocumented; "C" marks metrics that models can't use.
	Units         string   `json:"units,omitzero"`         // Unit, such as "bytes"; "" = a count.
	FilterTypes   []string `json:"filtertypes,omitzero"`   // Filters that components can use with it.
	UnitsInterval int64    `json:"unitsinterval,omitzero"` // Default interval in seconds.
	LengthScale   int64    `json:"lengthscale,omitzero"`   // Undocumented.
	Extra         RawJSON  `json:"-"`                      // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// List returns all metrics.
//
// Threat Visualizer API: GET /metrics.
func (s *MetricService) List(ctx context.Context) ([]*Metric, error) {
	return getList[Metric](ctx, s.client(), "/metrics", nil)
}

// All streams all metrics, which are more than a megabyte.
//
// Threat Visualizer API: GET /metrics.
func (s *MetricService) All(ctx context.Context) iter.Seq2[*Metric, error] {
	return getEach[Metric](ctx, s.client(), "/metrics", nil)
}

// Get returns a metric by its id (mlid). If the appliance has no such metric, Get
// returns ErrNotFound.
//
// Threat Visualizer API: GET /metrics/{mlid}.
func (s *MetricService) Get(ctx context.Context, metricID int64) (*Metric, error) {
	return getByID(ctx, s.client(), pathOf("metrics", metricID), nil, metricID, func(m *Metric) int64 { return m.ID })
}

// MetricDataOptions says what Data returns.
type MetricDataOptions struct {
	// Metrics are the names of one or more metrics; at least one is required.
	Metrics []string `url:"-"`
	// Start and End bound the window. Only Start: until now. Neither: the
	// appliance's default, which is not documented.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// Interval is the width of a bar in whole seconds; 0 means a minute. The
	// value of a bar is the maximum of its time, not the sum.
	Interval time.Duration `url:"-"`
	// DeviceID (did) is the device.
	DeviceID int64 `url:"did,omitempty"`
	// DestinationDeviceID (ddid) is the destination of the connections.
	DestinationDeviceID int64 `url:"ddid,omitempty"`
	// OtherDeviceID (odid) is the device on the other side.
	OtherDeviceID int64 `url:"odid,omitempty"`
	// Port is a port on either side.
	Port int `url:"port,omitempty"`
	// SourcePort is the port of the side that opens connections.
	SourcePort int `url:"sourceport,omitempty"`
	// DestinationPort is the port of the side that accepts connections.
	DestinationPort int `url:"destinationport,omitempty"`
	// Protocol is a network protocol, by its number in Models.Enums.
	Protocol string `url:"protocol,omitempty"`
	// ApplicationProtocol is an application protocol, by its number in
	// Models.Enums.
	ApplicationProtocol string `url:"applicationprotocol,omitempty"`
	// BreachTimes asks for the model alerts in the window, which come first.
	BreachTimes bool `url:"breachtimes,omitempty"`
}

func (o *MetricDataOptions) check() error {
	if len(o.Metrics) == 0 {
		return argument("Metrics", "contains no name of a metric")
	}
	return firstError(checkAgo("Interval", o.Interval), checkPair(o.Start, o.End))
}

// MetricData is the series of one metric, or the model alerts of the window.
//
// Threat Visualizer API: GET /metricdata.
type MetricData struct {
	Metric      string                     `json:"metric,omitzero"`      // Name of the metric; "" in the element with the model alerts.
	Data        []MetricBar                `json:"data,omitzero"`        // The series.
	BreachTimes []MetricBreach             `json:"breachtimes,omitzero"` // Model alerts; only with BreachTimes, in an element of their own.
	Extra       map[string]json.RawMessage `json:"-"`                    // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped     []string                   `json:"-"`                    // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// MetricBar is one bar of a series.
type MetricBar struct {
	Time  Millis  `json:"timems,omitzero"` // Start of the bar.
	Text  string  `json:"time,omitzero"`   // The same as text.
	Size  float64 `json:"size,omitzero"`   // Maximum, in the unit of the metric.
	In    float64 `json:"in,omitzero"`     // Incoming share.
	Out   float64 `json:"out,omitzero"`    // Outgoing share.
	Extra RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// MetricBreach is a model alert within a series.
type MetricBreach struct {
	PBID  int64       `json:"pbid,omitzero"`  // Id of the model alert, for ModelBreaches.Get.
	PID   int64       `json:"pid,omitzero"`   // Id of its model.
	Name  string      `json:"name,omitzero"`  // Name of its model.
	Score Probability `json:"score,omitzero"` // Score of the alert, 0 to 1.
	Time  Millis      `json:"time,omitzero"`  // When it happened.
	Extra RawJSON     `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Data returns the series of one or more metrics.
//
// Threat Visualizer API: GET /metricdata.
func (s *MetricService) Data(ctx context.Context, opts *MetricDataOptions) ([]*MetricData, error) {
	o := valueOf(opts)
	o.End = s.client().untilNow(o.Start, o.End)
	return getList[MetricData](ctx, s.client(), "/metricdata", &struct {
		MetricDataOptions
		Names    metricNames `url:"metric"`
		Interval string      `url:"interval,omitempty"`
	}{o, o.Metrics, ago(o.Interval)})
}

// metricNames are sent as metric, or as metric1, metric2 and so on.
type metricNames []string

// EncodeValues sets the parameters.
func (names metricNames) EncodeValues(key string, values *url.Values) error {
	for i, name := range names {
		if len(names) > 1 {
			values.Set(key+strconv.Itoa(i+1), name)
		} else {
			values.Set(key, name)
		}
	}
	return nil
}
