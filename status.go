package darktrace

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// StatusService reads the state of the appliance, and what it watches in
// numbers. It is the field Status of a [Client] and safe for concurrent use.
// See the example of [StatusService.Get].
type StatusService service

// Status is the state of an appliance, of a probe, or of a master below a
// Unified View. New versions add members: members without a field are in Extra.
//
// Threat Visualizer API: GET /status.
type Status struct {
	Hostname  string           `json:"hostname,omitzero"`        // Host name.
	Label     string           `json:"label,omitzero"`           // Name set by people.
	IPAddress string           `json:"ipAddress,omitzero"`       // Address.
	UUID      string           `json:"uuid,omitzero"`            // Id.
	ID        int64            `json:"id,omitzero"`              // Id of a probe.
	Type      string           `json:"type,omitzero"`            // "master", "unifiedview" and the like; an open set.
	Version   ApplianceVersion `json:"version,omitzero"`         // Version of the software.
	OSCode    string           `json:"applianceOSCode,omitzero"` // Release of the operating system.
	Installed string           `json:"installed,omitzero"`       // When it was installed, "2006-01-02".
	Time      string           `json:"time,omitzero"`            // Its clock, "2006-01-02 15:04" in UTC; see Clock.

	Error            bool            `json:"error,omitzero"`              // The probe does not work; most other fields are then empty.
	LastContact      string          `json:"lastContact,omitzero"`        // Last contact with a broken probe, such as "50 hours ago".
	ConfiguredServer string          `json:"configuredServer,omitzero"`   // Address of the probe.
	OSSensors        []string        `json:"osSensors,omitzero"`          // Sensors that report to a probe.
	OSPackets        RawJSON         `json:"osPacketsProcessed,omitzero"` // Packets from those sensors, as text.
	MaximumOSSensors int64           `json:"maximumOSSensors,omitzero"`   // Maximum number of sensors.
	Metadata         json.RawMessage `json:"metadata,omitzero"`           // Undocumented; nil = none.

	Probes    map[string]*Status `json:"probes,omitzero"`    // Probes by id; only with StatusOptions.IncludeChildren.
	Instances map[string]*Status `json:"instances,omitzero"` // Masters below a Unified View by id.

	BundleVersion       string `json:"bundleVersion,omitzero"`       // Version of the software bundle.
	BundleVariant       string `json:"bundleVariant,omitzero"`       // Variant of the software bundle.
	BundleDate          string `json:"bundleDate,omitzero"`          // When the bundle was created, "2006-01-02 15:04:05".
	BundleInstalledDate string `json:"bundleInstalledDate,omitzero"` // When the bundle was installed.
	ModelsUpdated       string `json:"modelsUpdated,omitzero"`       // When models were updated.
	ModelPackageVersion string `json:"modelPackageVersion,omitzero"` // Version of the models.

	License                string        `json:"license,omitzero"`                // End of the licence, "2006-01-02 15:04:05"; "" = none.
	SaaSConnectorLicense   string        `json:"saasConnectorLicense,omitzero"`   // End of the licence for SaaS; "" = none.
	AntigenaSaaSLicense    string        `json:"antigenaSaasLicense,omitzero"`    // End of the licence for Autonomous Response in SaaS; "" = none.
	CloudSecurityLicense   string        `json:"cloudSecurityLicense,omitzero"`   // End of the licence for cloud security; "" = none.
	AntigenaNetworkLicense string        `json:"antigenaNetworkLicense,omitzero"` // End of the licence for Autonomous Response in the network; "" = none.
	PreventE2ELicense      string        `json:"preventE2ELicense,omitzero"`      // End of the licence for PREVENT; "" = none.
	LicenseCounts          LicenseCounts `json:"licenseCounts,omitzero"`          // Use of the licences.

	Uptime              string          `json:"uptime,omitzero"`              // How long the software has been running, "84:06:52".
	SystemUptime        string          `json:"systemuptime,omitzero"`        // How long the system has been running; "systemUptime" on some versions.
	Load                float64         `json:"load,omitzero"`                // Load.
	CPU                 float64         `json:"cpu,omitzero"`                 // Use of the processors in percent.
	MemoryUsed          float64         `json:"memoryUsed,omitzero"`          // Use of the memory in percent.
	DiskUtilization     float64         `json:"diskUtilization,omitzero"`     // How busy the disks are in percent.
	DiskSpaceUsed       float64         `json:"diskSpaceUsed_,omitzero"`      // Use of the disks in percent.
	DataQueue           float64         `json:"dataQueue,omitzero"`           // Delay of processing in seconds.
	DarkflowQueue       float64         `json:"darkflowQueue,omitzero"`       // Delay of flow processing.
	ExcessTraffic       bool            `json:"excessTraffic,omitzero"`       // There is more traffic than it can process.
	Inoculation         bool            `json:"inoculation,omitzero"`         // It takes part in sharing threat data.
	MobileAppConfigured bool            `json:"mobileAppConfigured,omitzero"` // The mobile app is set up.
	FlowProcessingTimes json.RawMessage `json:"flowProcessingTimes,omitzero"` // Undocumented; nil = none.

	AntigenaNetworkEnabled            bool               `json:"antigenaNetworkEnabled,omitzero"`            // Autonomous Response is switched on.
	AntigenaNetworkRunning            bool               `json:"antigenaNetworkRunning,omitzero"`            // Autonomous Response is running.
	AntigenaNetworkConfirmationMode   bool               `json:"antigenaNetworkConfirmationMode,omitzero"`   // Actions wait for a person.
	AntigenaNetworkBlockedConnections BlockedConnections `json:"antigenaNetworkBlockedConnections,omitzero"` // Connections that it blocked.

	LogIngestionReplicated int64            `json:"logIngestionReplicated,omitzero"` // Forwarded log lines.
	LogIngestionProcessed  int64            `json:"logIngestionProcessed,omitzero"`  // Processed log lines.
	LogIngestionTCP        int64            `json:"logIngestionTCP,omitzero"`        // Log lines by TCP.
	LogIngestionUDP        int64            `json:"logIngestionUDP,omitzero"`        // Log lines by UDP.
	LogIngestionTypes      map[string]int64 `json:"logIngestionTypes,omitzero"`      // Log lines by type.
	LogIngestionMatches    map[string]int64 `json:"logIngestionMatches,omitzero"`    // Log lines by template.

	InterfaceStates      map[string]string `json:"-" wire:"prefix=networkInterfacesState_"`       // "up" or "down", by interface.
	InterfaceAddresses   map[string]string `json:"-" wire:"prefix=networkInterfacesAddress_"`     // Address, by interface.
	InterfaceReceived    map[string]int64  `json:"-" wire:"prefix=networkInterfacesReceived_"`    // Bytes received, by interface.
	InterfaceTransmitted map[string]int64  `json:"-" wire:"prefix=networkInterfacesTransmitted_"` // Bytes sent, by interface.

	Bandwidth              map[string]RawJSON `json:"-" wire:"prefix=bandwidth"`            // Traffic seen in kbit/s, by "Current", "Average", "7DayPeak" and "2WeekPeak", and as text by "CurrentString" and so on.
	ProcessedBandwidth     map[string]RawJSON `json:"-" wire:"prefix=processedBandwidth"`   // Traffic processed, in the same way.
	ConnectionsPerMinute   map[string]RawJSON `json:"-" wire:"prefix=connectionsPerMinute"` // Connections a minute, by "Current", "Average", "7DayPeak" and the like.
	EventsPerMinuteCurrent map[string]int64   `json:"eventsPerMinuteCurrent,omitzero"`      // Events a minute, by kind, such as "networkNotices".

	NewDevices           map[string]int64            `json:"-" wire:"prefix=newDevices"`    // Devices seen for the first time within "4Weeks", "7Days", "24Hours" and "Hour".
	ActiveDevices        map[string]int64            `json:"-" wire:"prefix=activeDevices"` // Devices seen within the same times.
	DevicesModeled       int64                       `json:"devicesModeled,omitzero"`       // Devices covered by models.
	DeviceHostnames      int64                       `json:"deviceHostnames,omitzero"`      // Devices with a host name.
	DeviceMACAddresses   int64                       `json:"deviceMACAddresses,omitzero"`   // Devices with a hardware address.
	DeviceRecentIPChange int64                       `json:"deviceRecentIPChange,omitzero"` // Devices whose address changed recently.
	OperatingSystems     int64                       `json:"operatingSystems,omitzero"`     // Operating systems seen.
	Credentials          int64                       `json:"credentials,omitzero"`          // User names seen.
	Credentials7Days     int64                       `json:"credentials7Days,omitzero"`     // User names seen in 7 days.
	CredentialSources    map[string]map[string]int64 `json:"credentialSources,omitzero"`    // User names by source, then by "4weeks" and "7days".
	Models               int64                       `json:"models,omitzero"`               // Models.
	ModelsBreached       int64                       `json:"modelsBreached,omitzero"`       // Model alerts.
	ModelsSuppressed     int64                       `json:"modelsSuppressed,omitzero"`     // Model alerts that were suppressed.

	MostRecentTraffic               map[string]string `json:"-" wire:"prefix=mostRecent"`               // Last traffic by protocol, such as "DHCPTraffic": "2006-01-02 15:04:05", or "Never".
	VLANs                           map[string]int64  `json:"VLANs,omitzero"`                           // Traffic by VLAN.
	InternalIPRanges                []string          `json:"internalIPRangeList,omitzero"`             // Ranges of addresses that count as internal.
	InternalIPRangeCount            int64             `json:"internalIPRanges,omitzero"`                // How many there are.
	InternalAndExternalDomains      []string          `json:"internalAndExternalDomainList,omitzero"`   // Domains that are both internal and external.
	InternalAndExternalDomainCount  int64             `json:"internalAndExternalDomains,omitzero"`      // How many there are.
	ProxyServerIPs                  []string          `json:"proxyServerIPs,omitzero"`                  // Addresses of proxies.
	ProxyServerCount                int64             `json:"proxyServers,omitzero"`                    // How many there are.
	RecentUnidirectionalConnections float64           `json:"recentUnidirectionalConnections,omitzero"` // Share of connections seen only in one direction, in percent.
	SubnetCount                     int64             `json:"subnets,omitzero"`                         // Subnets.
	Subnets                         []SubnetStatus    `json:"subnetData,omitzero"`                      // Quality of the data, by subnet.

	SyslogTLSSHA1   string `json:"syslogTLSSHA1Fingerprint,omitzero"`   // Fingerprint of the certificate for syslog.
	SyslogTLSSHA256 string `json:"syslogTLSSHA256Fingerprint,omitzero"` // Fingerprint of the certificate for syslog.

	Extra   map[string]json.RawMessage `json:"-"` // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped []string                   `json:"-"` // Paths of values of an unexpected type, at most 100; nil = none.

	unusual wideFieldSet
}

// Clock returns the appliance's time to the minute, in UTC, or the zero time if
// it is unknown.
func (s *Status) Clock() time.Time { return clockTime(s.Time) }

// LicenseCounts is the use of the licences.
type LicenseCounts struct {
	SaaS     map[string]int64 `json:"saas,omitzero"`                // Accounts by service, and "total".
	IPCount  int64            `json:"licenseIPCount,omitzero"`      // Addresses.
	CloudIPs int64            `json:"licenseCloudIPCount,omitzero"` // Addresses in the cloud.
	Extra    RawJSON          `json:"-"`                            // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// BlockedConnections counts connections that Autonomous Response blocked.
type BlockedConnections struct {
	Attempted int64   `json:"attempted,omitzero"` // Attempts.
	Failed    int64   `json:"failed,omitzero"`    // Failures.
	Extra     RawJSON `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// SubnetStatus is the quality of the data about a subnet.
type SubnetStatus struct {
	SID                   int64   `json:"sid,omitzero"`                                // Subnet id; may be negative.
	Network               string  `json:"network,omitzero"`                            // Range in CIDR form.
	Devices               int64   `json:"devices,omitzero"`                            // Devices.
	ClientDevices         int64   `json:"clientDevices,omitzero"`                      // Clients among them.
	MostRecentTraffic     string  `json:"mostRecentTraffic,omitzero"`                  // Last traffic, "2006-01-02 15:04:05"; "Never" occurs.
	MostRecentDHCP        string  `json:"mostRecentDHCP,omitzero"`                     // Last DHCP traffic; "Never" occurs.
	DHCPQuality           float64 `json:"dhcpQuality,omitzero"`                        // How well devices are tracked by DHCP, in percent.
	KerberosQuality       float64 `json:"kerberosQuality,omitzero"`                    // How well devices are tracked by Kerberos, in percent.
	TrafficPercent        float64 `json:"recentTrafficPercent,omitzero"`               // Share of the recent traffic.
	UnidirectionalPercent float64 `json:"recentUnidirectionalTrafficPercent,omitzero"` // Share seen only in one direction.
	Extra                 RawJSON `json:"-"`                                           // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// StatusOptions says how much of the state to request.
type StatusOptions struct {
	// IncludeChildren asks for the probes.
	IncludeChildren bool `url:"includechildren,omitempty"`
	// Fast leaves out the connectivity of subnets, unless it is available at
	// once.
	Fast bool `url:"fast,omitempty"`
}

// Get returns the state of the appliance. Nil options mean the appliance's
// defaults. Get needs the permission "Status". It does not judge the state:
// look at Version, Clock, DataQueue, DiskSpaceUsed, the ends of licences, and
// probes with Error.
//
// Threat Visualizer API: GET /status.
func (s *StatusService) Get(ctx context.Context, opts *StatusOptions) (*Status, error) {
	return getOne[Status](ctx, s.client(), "/status", opts)
}

// ApplianceVersion is a version of the appliance's software in the spelling of
// the appliance: "7.1.0 (4ff13d8c)". Compare orders versions.
type ApplianceVersion string

// Parts returns the numbers of the version and its build. If the text is not a
// version, ok is false.
func (v ApplianceVersion) Parts() (major, minor, patch int, build string, ok bool) {
	numbers, rest, _ := strings.Cut(strings.TrimSpace(string(v)), " ")
	var parts [3]int
	fields := strings.SplitN(numbers, ".", len(parts))
	for i, field := range fields {
		digits := field[:len(field)-len(strings.TrimLeft(field, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil || digits != field && i < len(parts)-1 {
			return 0, 0, 0, "", false
		}
		parts[i] = n
	}
	return parts[0], parts[1], parts[2], strings.Trim(rest, "() "), len(fields) > 1
}

// AtLeast reports whether the version is major.minor or later. If the text is
// not a version, it returns false.
func (v ApplianceVersion) AtLeast(major, minor int) bool {
	return v.Compare(ApplianceVersion(fmt.Sprintf("%d.%d", major, minor))) >= 0
}

// Compare returns -1 if v is earlier than w, 0 if they have the same numbers,
// and 1 if v is later. A text that is not a version is earlier than any
// version.
func (v ApplianceVersion) Compare(w ApplianceVersion) int {
	major, minor, patch, _, ok := v.Parts()
	otherMajor, otherMinor, otherPatch, _, otherOK := w.Parts()
	switch {
	case ok && !otherOK:
		return 1
	case !ok && otherOK:
		return -1
	}
	return cmp.Or(cmp.Compare(major, otherMajor), cmp.Compare(minor, otherMinor), cmp.Compare(patch, otherPatch))
}

// clockTime parses a time that the appliance wrote as text: in UTC, with or
// without seconds, separated by a blank or a T. If it is not a time, clockTime
// returns the zero time.
func clockTime(text string) time.Time {
	text = strings.TrimSuffix(strings.Replace(strings.TrimSpace(text), "T", " ", 1), "Z")
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// now returns the time on the appliance's clock if it is known, otherwise the local
// time.
func (c *core) now() time.Time {
	now, _ := c.clock.Appliance()
	return now
}

// ceilSeconds returns t in seconds since 1970, rounded up.
func ceilSeconds(t time.Time) int64 { return t.Add(time.Second - time.Nanosecond).Unix() }

// Summary is what the appliance watches, in numbers.
//
// Threat Visualizer API: GET /summarystatistics.
type Summary struct {
	Credentials     int64                      `json:"usercredentialcount,omitzero"` // User names.
	Subnets         int64                      `json:"subnets,omitzero"`             // Subnets.
	Patterns        int64                      `json:"patterns,omitzero"`            // Patterns of life.
	AntigenaDevices int64                      `json:"antigenaDevices,omitzero"`     // Devices that Autonomous Response may act on.
	AntigenaActions int64                      `json:"antigenaActions,omitzero"`     // Actions of Autonomous Response.
	Bandwidth       []BandwidthDay             `json:"bandwidth,omitzero"`           // Traffic of each of the last 28 days.
	Devices         DeviceCounts               `json:"devicecount,omitzero"`         // Devices by type.
	Extra           map[string]json.RawMessage `json:"-"`                            // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped         []string                   `json:"-"`                            // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// BandwidthDay is the traffic of a day, or of an hour.
type BandwidthDay struct {
	Time  Millis  `json:"timems,omitzero"` // Start.
	Text  string  `json:"time,omitzero"`   // The same as text.
	KB    float64 `json:"kb,omitzero"`     // Traffic in kilobytes.
	Extra RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// DeviceCounts counts devices.
type DeviceCounts struct {
	Total           int64            `json:"total,omitzero"`               // All devices.
	TotalClients    int64            `json:"totalClient,omitzero"`         // Clients.
	TotalServers    int64            `json:"totalServer,omitzero"`         // Servers.
	TotalOthers     int64            `json:"totalOther,omitzero"`          // Neither.
	LicenseIPs      int64            `json:"licenseIPCount,omitzero"`      // Addresses that licences count.
	LicenseCloudIPs int64            `json:"licenseCloudIPCount,omitzero"` // Addresses in the cloud that licences count.
	SaaS            map[string]int64 `json:"saas,omitzero"`                // Accounts by service, and "total".
	Types           map[string]int64 `json:"-" wire:"rest"`                // By type of device, such as "laptop".
	Extra           RawJSON          `json:"-"`                            // Members of an unexpected type.

	unusual fieldSet
}

// Summary returns what the appliance watches, in numbers. It needs the
// permission "Visualizer".
//
// Threat Visualizer API: GET /summarystatistics.
func (s *StatusService) Summary(ctx context.Context) (*Summary, error) {
	return getOne[Summary](ctx, s.client(), "/summarystatistics", nil)
}

// Bandwidth is traffic over time.
//
// Threat Visualizer API: GET /summarystatistics.
type Bandwidth struct {
	CSensor bool                       `json:"csensor,omitzero"`   // Traffic of endpoint agents.
	Days    []BandwidthDay             `json:"bandwidth,omitzero"` // The traffic, day by day.
	Extra   map[string]json.RawMessage `json:"-"`                  // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped []string                   `json:"-"`                  // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// Bandwidth returns the traffic of the last 7 days: of endpoint agents if
// csensor is true, otherwise of the network. It needs the permission
// "Visualizer".
//
// Experimental: documented, and some appliances reject it with ErrInput.
//
// Threat Visualizer API: GET /summarystatistics.
func (s *StatusService) Bandwidth(ctx context.Context, csensor bool) (*Bandwidth, error) {
	return getOne[Bandwidth](ctx, s.client(), "/summarystatistics", &struct {
		CSensor bool `url:"csensor"`
	}{csensor})
}

// TacticSummary counts what models found, by MITRE ATT&CK tactic.
//
// Threat Visualizer API: GET /summarystatistics.
type TacticSummary struct {
	Tactics    []TacticCount              `json:"mitreTactics,omitzero"` // The tactics.
	ModelCount int64                      `json:"modelCount,omitzero"`   // Models.
	TotalCount int64                      `json:"totalCount,omitzero"`   // Everything that models examined.
	Start      Millis                     `json:"startTime,omitzero"`    // Start of the time that is counted.
	Extra      map[string]json.RawMessage `json:"-"`                     // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped    []string                   `json:"-"`                     // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// TacticCount is a tactic and how often it was seen.
type TacticCount struct {
	Tactic        Tactic  `json:"tactic,omitzero"`        // The tactic, such as "credential-access".
	Name          string  `json:"name,omitzero"`          // Its name in words.
	TotalCount    int64   `json:"totalCount,omitzero"`    // How often models examined it.
	ScoreCount    int64   `json:"scoreCount,omitzero"`    // How often it scored.
	ModelEstimate int64   `json:"modelEstimate,omitzero"` // Undocumented.
	ModelCount    int64   `json:"modelCount,omitzero"`    // Models for it.
	Extra         RawJSON `json:"-"`                      // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// TacticSummary returns what models found, by MITRE ATT&CK tactic. It needs the
// permission "Visualizer".
//
// Experimental: documented, and some appliances reject it with ErrInput.
//
// Threat Visualizer API: GET /summarystatistics.
func (s *StatusService) TacticSummary(ctx context.Context) (*TacticSummary, error) {
	return getOne[TacticSummary](ctx, s.client(), "/summarystatistics", &struct {
		Tactics bool `url:"mitreTactics"`
	}{true})
}

// EventSummary counts events over time.
//
// Threat Visualizer API: GET /summarystatistics.
type EventSummary struct {
	Events  bool                       `json:"events,omitzero"` // It counts events.
	Hours   []EventHour                `json:"data,omitzero"`   // The counts, hour by hour.
	Extra   map[string]json.RawMessage `json:"-"`               // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped []string                   `json:"-"`               // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// EventHour is an hour and its events.
type EventHour struct {
	Time   Millis  `json:"timems,omitzero"` // Start.
	Text   string  `json:"time,omitzero"`   // The same as text.
	Events int64   `json:"events,omitzero"` // How many events it had.
	Extra  RawJSON `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// EventSummaryOptions says which events to count.
type EventSummaryOptions struct {
	// Type is required. It is a category ("saas", "csensor", "network",
	// "loginput"), a kind ("notices", "devicedetails", "modelevents"), or both
	// in one word, such as "networkdevicedetails".
	Type string `url:"eventtype"`
	// End is the end of the time that is counted; zero means now.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// Hours is how long that time is; 0 means 28 days. Some appliances reject
	// any other value.
	Hours int `url:"hours,omitempty"`
}

func (o *EventSummaryOptions) check() error {
	if o.Type == "" {
		return argument("Type", "is empty")
	}
	return firstError(checkWindow(time.Time{}, o.End), checkCount("Hours", o.Hours))
}

// EventSummary returns the number of events, hour by hour. It needs the
// permission "Visualizer".
//
// Experimental: documented, and 7.0 and 7.1 appliances rejected it with
// ErrInput.
//
// Threat Visualizer API: GET /summarystatistics.
func (s *StatusService) EventSummary(ctx context.Context, opts *EventSummaryOptions) (*EventSummary, error) {
	o := valueOf(opts)
	return getOne[EventSummary](ctx, s.client(), "/summarystatistics", &o)
}
