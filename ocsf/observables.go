package ocsf

import (
	"fmt"

	"github.com/darktrace-go/darktrace/internal/siem"
)

// observable is a type of observables.
type observable struct {
	id   int64
	name string
}

var (
	hostname   = observable{1, "Hostname"}
	ipAddress  = observable{2, "IP Address"}
	macAddress = observable{3, "MAC Address"}
	userName   = observable{4, "User Name"}
	mailbox    = observable{5, "Email Address"}
	urlString  = observable{6, "URL String"}
)

// observe lists what to search by. It walks over the finding, so that each
// observable names the attribute where its value stands.
func (f *DetectionFinding) observe() {
	seen := map[Observable]bool{}
	add := func(kind observable, value, name string) {
		o := Observable{TypeID: kind.id, Type: kind.name, Value: value}
		if value == "" || seen[o] {
			return
		}
		seen[o] = true
		o.Name = name
		f.Observables = append(f.Observables, o)
	}
	device := func(path string, d *Device) {
		if d != nil {
			add(hostname, d.Hostname, path+".hostname")
			add(ipAddress, d.IP, path+".ip")
			add(macAddress, d.MAC, path+".mac")
		}
	}
	user := func(path string, u *User) {
		if u != nil {
			add(userName, u.Name, path+".name")
			add(mailbox, u.EmailAddr, path+".email_addr")
		}
	}
	endpoint := func(path string, e *Endpoint) {
		if e != nil {
			add(hostname, e.Hostname, path+".hostname")
			add(ipAddress, e.IP, path+".ip")
		}
	}
	host := func(value, path string) {
		if _, ok := siem.Address(value); ok {
			add(ipAddress, value, path)
		} else if siem.Hostname(value) {
			add(hostname, value, path)
		}
	}
	// loose adds a text that says by itself what it is.
	loose := func(value, path string) {
		switch address, ok := siem.Address(value); {
		case ok && address == value:
			add(ipAddress, value, path)
		case siem.Mail(value):
			add(mailbox, value, path)
		case siem.URL(value):
			add(urlString, value, path)
		}
	}
	device("device", f.Device)
	for i, r := range f.Resources {
		path := fmt.Sprintf("resources[%d]", i)
		add(hostname, r.Hostname, path+".hostname")
		add(ipAddress, r.IP, path+".ip")
		user(path+".owner", r.Owner)
	}
	for i, e := range f.Evidences {
		path := fmt.Sprintf("evidences[%d]", i)
		device(path+".device", e.Device)
		endpoint(path+".src_endpoint", e.SrcEndpoint)
		endpoint(path+".dst_endpoint", e.DstEndpoint)
		user(path+".user", e.User)
		if e.Data != nil && e.Data.Component != nil {
			component := path + ".data.component"
			host(e.Data.Component.IP, component+".ip")
			for i, filter := range e.Data.Component.Filters {
				if siem.NamesHost(filter.FilterType, filter.Value) {
					host(filter.Value, fmt.Sprintf("%s.triggered_filters[%d].value", component, i))
				}
			}
		}
		if e.Email != nil && siem.Mail(e.Email.From) {
			add(mailbox, e.Email.From, path+".email.from")
		}
	}
	for i, e := range f.Evidences {
		if e.Data != nil {
			for j, detail := range e.Data.Details {
				for k, value := range detail.Values {
					loose(value, fmt.Sprintf("evidences[%d].data.details[%d].values[%d]", i, j, k))
				}
			}
		}
	}
}
