package darktrace

import (
	"cmp"
	"strconv"
	"strings"
)

// Device is a device, or an account of a SaaS service, that takes part in an
// event. Any field may be empty; the API sends null for what it doesn't know.
type Device struct {
	Identifier string  // The name that the appliance shows; "SaaS::<module>: <user>" for an account.
	Hostname   string  // Host name.
	IP         string  // Address; may be anonymised ("192.0.2.#28445") or a range ("192.0.2.0/24"), so it isn't parsed.
	MAC        string  // Hardware address.
	Subnet     string  // Subnet, as text.
	DID        int64   // Device id on the appliance; 0 = unknown.
	SID        int64   // Subnet id; 0 = unknown, -9 for accounts of SaaS services.
	Extra      RawJSON // What the fields above can't hold; see [RawJSON].
}

// ExternalHost is a host outside the network.
type ExternalHost struct {
	Hostname   string  // Host name; may hold an address.
	Identifier string  // What the block form has in place of a host name.
	IP         string  // Address; "" = unknown.
	Extra      RawJSON // What the fields above can't hold; see [RawJSON].
}

// Name returns the device's best name: identifier, host name, address, hardware
// address, or "device 42" by its id. It is empty only when nothing is known.
func (d Device) Name() string {
	if name := cmp.Or(d.Identifier, d.Hostname, d.IP, d.MAC); name != "" || d.DID == 0 {
		return name
	}
	return "device " + strconv.FormatInt(d.DID, 10)
}

// String returns the device's best name.
func (d Device) String() string { return d.Name() }

// IsSaaS tells whether the device is an account of a SaaS service.
func (d Device) IsSaaS() bool {
	const saasSubnet = -9
	return d.SID == saasSubnet || strings.HasPrefix(d.Identifier, "SaaS::")
}

// String returns the host's best name: host name, identifier or address.
func (h ExternalHost) String() string { return cmp.Or(h.Hostname, h.Identifier, h.IP) }
