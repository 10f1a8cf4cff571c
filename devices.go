package darktrace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DeviceService finds the devices of the inventory, their connections and
// vulnerabilities, and changes labels, priorities and types. It is the field
// Devices of a [Client] and safe for concurrent use. See the example of
// [DeviceService.SearchAll].
type DeviceService service

const (
	devicesPath       = "/devices"
	deviceSearchPath  = "/devicesearch"
	deviceSummaryPath = "/devicesummary"
)

// DeviceListOptions selects devices. Fields combine as AND; zero fields are not
// sent.
//
// Threat Visualizer API: GET /devices.
type DeviceListOptions struct {
	// DID asks for one device.
	DID int64 `url:"did,omitempty"`
	// IP asks for the devices that have an address.
	IP string `url:"ip,omitempty"`
	// IPTime asks for the devices that had IP at a time, "2006-01-02 15:04:05".
	// Its time zone is not documented.
	IPTime string `url:"iptime,omitempty"`
	// MAC asks for the devices with a hardware address.
	MAC string `url:"mac,omitempty"`
	// SID asks for the devices of a subnet.
	SID int64 `url:"sid,omitempty"`
	// SeenSince asks for devices that were seen since then. It is sent as whole
	// seconds before now. Zero means the last 7 days.
	SeenSince time.Duration `url:"-"`
	// Count is how many devices to list at most; 0 means all. The choice of the
	// devices is not documented.
	Count int `url:"count,omitempty"`
	// IncludeTags asks for Device.Tags.
	IncludeTags bool `url:"includetags,omitempty"`
	// CloudSecurity asks for the devices of Darktrace/CLOUD.
	CloudSecurity bool `url:"cloudsecurity,omitempty"`
	// SaaSFilter asks for accounts of SaaS modules, such as "office365*". Each
	// must end in "*".
	SaaSFilter []string `url:"saasfilter,omitempty"`
}

func (o *DeviceListOptions) check() error {
	return firstError(checkAgo("SeenSince", o.SeenSince), checkCount("Count", o.Count), checkSaaSFilter(o.SaaSFilter))
}

// DeviceSearchOptions selects and orders devices. Zero fields are not sent.
//
// Threat Visualizer API: GET /devicesearch.
type DeviceSearchOptions struct {
	// Query says which devices; the zero query means all.
	Query DeviceQuery `url:"query"`
	// SeenSince asks for devices that were seen since then. It is sent as whole
	// seconds before now. Zero means the last 28 days.
	SeenSince time.Duration `url:"-"`
	// OrderBy is the field to order by: "lastSeen" (the default), "priority",
	// "hostname", "ip", "macaddress", "vendor", "os", "firstSeen",
	// "devicelabel" or "typelabel".
	OrderBy string `url:"orderBy,omitempty"`
	// Order is "asc" (the default) or "desc".
	Order string `url:"order,omitempty"`
	// Offset is how many devices to skip.
	Offset int `url:"offset,omitempty"`
	// Count is the number of devices on a page, at most 300; 0 means 100.
	Count int `url:"count,omitempty"`
}

// devicesPerPage is the most devices that the appliance returns at once.
const devicesPerPage = 300

func (o *DeviceSearchOptions) check() error {
	err := firstError(o.Query.check(), checkAgo("SeenSince", o.SeenSince), checkCount("Count", o.Count), checkCount("Offset", o.Offset))
	switch {
	case err != nil:
		return err
	case o.Count > devicesPerPage:
		return argument("Count", "is %d; a page has at most %d devices", o.Count, devicesPerPage)
	case o.Order != "" && o.Order != "asc" && o.Order != "desc":
		return argument("Order", "is %q; it must be asc or desc", o.Order)
	}
	return nil
}

// DevicePage is a page of devices.
//
// Threat Visualizer API: GET /devicesearch.
type DevicePage struct {
	TotalCount int64                      `json:"totalCount"` // Devices that match, on all pages.
	Devices    []*Device                  `json:"devices"`    // Devices of the page, with tags.
	Extra      map[string]json.RawMessage `json:"-"`          // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet
}

// Get returns a device with its tags. If the appliance has no such device, Get
// returns ErrNotFound. It needs the permission "Unrestricted Devices", without
// which the appliance anonymises, and one of "Visualizer", "Platform Accounts
// Console", "View Models", "Edit Models" and "Device Admin".
//
// Threat Visualizer API: GET /devices.
func (s *DeviceService) Get(ctx context.Context, did int64) (*Device, error) {
	if did == 0 {
		return nil, argument("did", "is 0, which stands for everything external")
	}
	devices, err := s.List(ctx, &DeviceListOptions{DID: did, IncludeTags: true})
	for _, device := range devices {
		if device.DID == did {
			return device, nil
		}
	}
	return nil, cmp.Or(err, s.client().missing(devicesPath, "device %d", did))
}

// FindByIP returns the device with an address, with its tags, if the device was
// seen in the last 7 days; List with SeenSince finds older ones. If there are
// several, FindByIP returns the one that was seen last; List returns them all.
// If there is none, it returns ErrNotFound. Permissions are as for Get.
//
// Threat Visualizer API: GET /devices.
func (s *DeviceService) FindByIP(ctx context.Context, ip string) (*Device, error) {
	return s.find(ctx, "ip", ip, &DeviceListOptions{IP: ip, IncludeTags: true}, func(d *Device) bool {
		return d.IP == ip || slices.ContainsFunc(d.IPs, func(a DeviceAddress) bool { return a.IP == ip })
	})
}

// FindByMAC returns the device with a hardware address, as FindByIP does.
//
// Threat Visualizer API: GET /devices.
func (s *DeviceService) FindByMAC(ctx context.Context, mac string) (*Device, error) {
	return s.find(ctx, "mac", mac, &DeviceListOptions{MAC: mac, IncludeTags: true}, func(d *Device) bool {
		return strings.EqualFold(d.MAC, mac)
	})
}

// find returns the device that was seen last, among those for which has returns
// true: an appliance that ignores a parameter lists every device.
func (s *DeviceService) find(ctx context.Context, name, value string, opts *DeviceListOptions, has func(*Device) bool) (*Device, error) {
	if strings.TrimSpace(value) == "" {
		return nil, argument(name, "is empty")
	}
	devices, err := s.List(ctx, opts)
	if err != nil {
		return nil, err
	}
	if len(devices) > 1 {
		devices = slices.DeleteFunc(devices, func(d *Device) bool { return !has(d) })
	}
	if len(devices) == 0 {
		return nil, s.client().missing(devicesPath, "device with the %s %s", name, value)
	}
	return slices.MaxFunc(devices, func(a, b *Device) int {
		_, x := a.Seen()
		_, y := b.Seen()
		return cmp.Compare(x, y)
	}), nil
}

// List returns devices. Nil options mean those of the last 7 days. Permissions
// are as for Get.
//
// Threat Visualizer API: GET /devices.
func (s *DeviceService) List(ctx context.Context, opts *DeviceListOptions) ([]*Device, error) {
	o := valueOf(opts)
	return getList[Device](ctx, s.client(), devicesPath, &struct {
		DeviceListOptions
		SeenSince string `url:"seensince,omitempty"`
	}{o, ago(o.SeenSince)})
}

// Search returns one page of the devices that match. Nil options mean the first
// 100 of the last 28 days. The order changes with the data: to get every
// device, use SearchAll. Search needs the permissions "Visualizer" and
// "Unrestricted Devices".
//
// Threat Visualizer API: GET /devicesearch.
func (s *DeviceService) Search(ctx context.Context, opts *DeviceSearchOptions) (*DevicePage, error) {
	o := valueOf(opts)
	return getOne[DevicePage](ctx, s.client(), deviceSearchPath, &struct {
		DeviceSearchOptions
		SeenSince string `url:"seensince,omitempty"`
	}{o, ago(o.SeenSince)})
}

// SearchAll yields every device that matches, once. It orders pages by when
// devices were first seen, which does not change, and lets them overlap, so
// that it misses none if devices come and go meanwhile. OrderBy, Order and
// Offset have no effect. If the appliance returns fewer devices than it counts,
// SearchAll reads again, and finally returns ErrServer. An error is yielded
// last, with a nil device. Permissions are as for Search.
//
// Threat Visualizer API: GET /devicesearch.
func (s *DeviceService) SearchAll(ctx context.Context, opts *DeviceSearchOptions) iter.Seq2[*Device, error] {
	return func(yield func(*Device, error) bool) {
		o := valueOf(opts)
		o.OrderBy, o.Order, o.Offset = "firstSeen", "asc", 0
		if o.Count = cmp.Or(o.Count, devicesPerPage); o.Count == 1 {
			o.Count = 2 // Pages overlap.
		}
		const overlap, passes = 10, 2
		seen := map[int64]bool{}
		before, fruitless := 0, 0 // Devices seen when the pass began, and passes in a row without a new one.
		back := -1                // Devices seen at the last step back.
		for {
			page, err := s.Search(ctx, &o)
			if err != nil {
				yield(nil, err)
				return
			}
			known, given := 0, len(page.Devices)
			for _, device := range page.Devices {
				if seen[device.DID] {
					known++
				}
			}
			next := o.Offset + max(given-overlap, given/2, 1)
			if known == 0 && o.Offset > 0 && back < len(seen) { // Devices were removed, and others may have moved to a page before this one.
				next, back = max(o.Offset-o.Count, 0), len(seen)
			} else {
				for _, device := range page.Devices {
					if !seen[device.DID] && !yield(device, nil) {
						return
					}
					seen[device.DID] = true
				}
				if given == 0 || int64(o.Offset+given) >= page.TotalCount && (given < o.Count || known == given) {
					if int64(len(seen)) >= page.TotalCount {
						return
					}
					next = 0 // Devices first seen at the same time come in any order.
				}
			}
			if o.Offset = next; next > 0 {
				continue
			}
			fruitless++
			if len(seen) > before {
				before, fruitless = len(seen), 0
			}
			if fruitless == passes {
				c := s.client()
				yield(nil, failed(ErrServer, http.MethodGet, deviceSearchPath, fmt.Sprintf("the appliance returned %d of %d devices", len(seen), page.TotalCount), nil, c.redact))
				return
			}
		}
	}
}

// DeviceSummary is what the appliance shows about a device on one page. Any
// part may be empty.
//
// Threat Visualizer API: GET /devicesummary.
type DeviceSummary struct {
	Device         *Device                    `json:"devices,omitzero" wire:"part"`         // The device; nil = not sent.
	SimilarDevices []*Device                  `json:"similardevices,omitzero" wire:"parts"` // Devices that are like it.
	Connections    *DeviceConnections         `json:"deviceinfo,omitzero" wire:"part"`      // What it connects to; nil = not sent.
	EventLog       []*LogEntry                `json:"details,omitzero" wire:"parts"`        // Its event log.
	ModelBreaches  []*ModelBreach             `json:"modelbreaches,omitzero" wire:"parts"`  // Its model alerts, acknowledged ones too, without a device.
	Extra          map[string]json.RawMessage `json:"-"`                                    // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet
}

// Summary returns what the appliance shows about a device on one page, for the
// last 28 days. Version 6.3.18 fails with ErrServer. Permissions are as for
// Get.
//
// Threat Visualizer API: GET /devicesummary. Experimental before 7.1.
func (s *DeviceService) Summary(ctx context.Context, did int64) (*DeviceSummary, error) {
	if did == 0 {
		return nil, argument("did", "is 0, which stands for everything external")
	}
	decode := decoderOf[deviceSummaryResponse](ctx)
	wrapped, err := getParts(ctx, s.client(), deviceSummaryPath, &struct {
		DID int64 `url:"did"`
	}{did}, func(element []byte) (*deviceSummaryResponse, error) {
		r, err := decode(element)
		if r != nil && r.Data == nil {
			err = errors.New("it has no summary under data")
		}
		return r, err
	}, nil, nil)
	if err != nil {
		return nil, err
	}
	addExtra(&wrapped.Data.Extra, wrapped.Extra)
	return wrapped.Data, nil
}

type deviceSummaryResponse struct {
	Data  *DeviceSummary             `json:"data,omitzero"`
	Extra map[string]json.RawMessage `json:"-"`

	unusual fieldSet
}

// DeviceConnectionsOptions says which connections to look at. Zero fields are not
// sent.
//
// Threat Visualizer API: GET /deviceinfo.
type DeviceConnectionsOptions struct {
	// DataType is what is counted: "co" for connections, the default, "sizeout" or
	// "sizein" for bytes.
	DataType string `url:"datatype,omitempty"`
	// OtherDeviceID (odid) asks for the connections with one device. A pointer
	// to 0 means everything external.
	OtherDeviceID *int64 `url:"odid,omitempty"`
	// ExternalDomain asks for the connections with one domain.
	ExternalDomain string `url:"externaldomain,omitempty"`
	// Port asks for the connections with one port.
	Port int `url:"port,omitempty"`
	// IntervalHours is the width of a bar of DeviceInfo.GraphData.
	IntervalHours int `url:"intervalhours,omitempty"`
	// SimilarDevices is how many similar devices to return besides the device
	// itself.
	SimilarDevices int `url:"similardevices,omitempty"`
	// ShowAllGraphData asks for empty bars too.
	ShowAllGraphData bool `url:"showallgraphdata,omitempty"`
	// FullDeviceDetails asks for DeviceConnections.Devices.
	FullDeviceDetails bool `url:"fulldevicedetails,omitempty"`
}

func (o *DeviceConnectionsOptions) check() error {
	return firstError(checkCount("IntervalHours", o.IntervalHours), checkCount("SimilarDevices", o.SimilarDevices))
}

// Connections returns what a device connected to in the last 4 weeks. Nil
// options count connections. It needs the permissions "Unrestricted Devices"
// and "Visualizer".
//
// Threat Visualizer API: GET /deviceinfo.
func (s *DeviceService) Connections(ctx context.Context, did int64, opts *DeviceConnectionsOptions) (*DeviceConnections, error) {
	o := valueOf(opts)
	o.DataType = cmp.Or(o.DataType, "co") // The appliance's default is not known.
	return getOne[DeviceConnections](ctx, s.client(), "/deviceinfo", &struct {
		DID int64 `url:"did"`
		DeviceConnectionsOptions
	}{did, o})
}

// SimilarDevicesOptions says which similar devices to list.
//
// Threat Visualizer API: GET /similardevices.
type SimilarDevicesOptions struct {
	// Count is how many devices to list at most; 0 means the appliance's default.
	Count int `url:"count,omitempty"`
	// FullDeviceDetails asks for Device.Tags.
	FullDeviceDetails bool `url:"fulldevicedetails,omitempty"`
}

func (o *SimilarDevicesOptions) check() error { return checkCount("Count", o.Count) }

// Similar returns the devices that are most alike, with their Likeness. It needs
// the permission "Visualizer".
//
// Threat Visualizer API: GET /similardevices.
func (s *DeviceService) Similar(ctx context.Context, did int64, opts *SimilarDevicesOptions) ([]*Device, error) {
	return getList[Device](ctx, s.client(), "/similardevices", &struct {
		DID int64 `url:"did"`
		SimilarDevicesOptions
	}{did, valueOf(opts)})
}

// DeviceUpdate changes a device. Nil fields probably keep their value: only a
// change of the label alone was seen on an appliance.
type DeviceUpdate struct {
	// Label is the name that people give the device.
	Label *string `url:"label,omitempty"`
	// Priority goes from -5 to 5.
	Priority *int64 `url:"priority,omitempty"`
	// Type is the number of a type in Models.Enums that is not hidden. Since
	// 6.1, the appliance no longer changes it by itself.
	Type *int64 `url:"type,omitempty"`
}

func (u *DeviceUpdate) check() error {
	switch {
	case *u == DeviceUpdate{}:
		return argument("update", "changes nothing")
	case u.Priority != nil && (*u.Priority < -5 || *u.Priority > 5):
		return argument("Priority", "is %d; priorities go from -5 to 5", *u.Priority)
	}
	return nil
}

// Update changes a device. After ErrOutcomeUnknown, look at it with Get. It
// needs the permissions "Device Admin" and "Unrestricted Devices".
//
// Threat Visualizer API: POST /devices.
func (s *DeviceService) Update(ctx context.Context, did int64, update *DeviceUpdate) error {
	if did == 0 {
		return argument("did", "is 0, which stands for everything external")
	}
	u := valueOf(update)
	form, err := valuesOf(&u)
	if err != nil {
		return err
	}
	form.Set("did", strconv.FormatInt(did, 10))
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: devicesPath, Form: form}, nil)
}

// CVEOptions says which devices to report on.
//
// Threat Visualizer API: GET /cves.
type CVEOptions struct {
	// DID asks for one device.
	DID int64 `url:"did,omitempty"`
	// FullDeviceDetails asks for CVEReport.Devices.
	FullDeviceDetails bool `url:"fulldevicedetails,omitempty"`
}

// CVEReport lists the known vulnerabilities of devices.
//
// Threat Visualizer API: GET /cves.
type CVEReport struct {
	Results []DeviceCVEs               `json:"results,omitzero"` // By device.
	Devices []*Device                  `json:"devices,omitzero"` // The devices; only with FullDeviceDetails.
	Extra   map[string]json.RawMessage `json:"-"`                // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped []string                   `json:"-"`                // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// DeviceCVEs are the known vulnerabilities of a device.
type DeviceCVEs struct {
	DID       int64         `json:"did,omitzero"`                      // Device id.
	Platforms []CVEPlatform `json:"platform mappings (CPEs),omitzero"` // By hardware and software.
	CVEs      []CVE         `json:"cves,omitzero"`                     // All of them.
	Extra     RawJSON       `json:"-"`                                 // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// CVEPlatform is hardware or software with its known vulnerabilities.
type CVEPlatform struct {
	Vendor    string   `json:"vendor,omitzero"`     // Manufacturer.
	Product   string   `json:"product,omitzero"`    // Product.
	Version   string   `json:"version,omitzero"`    // Version as recognised, possibly with blanks around it.
	Patch     string   `json:"patch,omitzero"`      // Patch level.
	CVEs      []CVE    `json:"cves,omitzero"`       // Its vulnerabilities.
	AppliesTo []string `json:"applies to,omitzero"` // Their ids.
	Extra     RawJSON  `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// CVE is a known vulnerability.
type CVE struct {
	ID           string  `json:"CVE_ID,omitzero"`             // Id, such as "CVE-1999-0001".
	Severity     string  `json:"BASE_SEVERITY,omitzero"`      // Severity, such as "Medium".
	Description  string  `json:"DESCRIPTION,omitzero"`        // Description.
	LastModified string  `json:"LAST_MODIFIED_DATE,omitzero"` // "2006-01-02" or "02/01/2006".
	Extra        RawJSON `json:"-"`                           // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// CVEs returns the known vulnerabilities of devices, on appliances with
// Darktrace/OT. Nil options mean all devices. It needs the permission
// "Visualizer".
//
// Experimental: documented only. A 7.1.0 appliance without Darktrace/OT failed
// with ErrServer.
//
// Threat Visualizer API: GET /cves.
func (s *DeviceService) CVEs(ctx context.Context, opts *CVEOptions) (*CVEReport, error) {
	return getOne[CVEReport](ctx, s.client(), "/cves", opts)
}
