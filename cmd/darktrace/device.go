package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// device prints the devices with an id, an address or a name.
func device(ctx context.Context, j *job) error {
	devices, err := j.findDevices(ctx, j.args[0])
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		return fmt.Errorf("%w: there is no device %q", darktrace.ErrNotFound, j.args[0])
	}
	if !j.out.table() || len(devices) > 1 {
		return list(j, "devices", withoutError(devices), []column[*darktrace.Device]{
			{"NAME", func(d *darktrace.Device) string { return short(d.Name(), 40) }},
			{"ADDRESS", func(d *darktrace.Device) string { return d.IP }},
			{"MAC", func(d *darktrace.Device) string { return d.MAC }},
			{"TYPE", func(d *darktrace.Device) string { return d.TypeLabel }},
			{"LAST SEEN (UTC)", func(d *darktrace.Device) string { _, last := d.Seen(); return minute(last) }},
			{"TAGS", func(d *darktrace.Device) string { return strings.Join(tagNames(d.Tags), ", ") }},
			{"ID", func(d *darktrace.Device) string { return fmt.Sprint(d.DID) }},
		})
	}
	d := devices[0]
	first, last := d.Seen()
	j.out.section(d.Name(),
		[]string{"id", fmt.Sprint(d.DID)},
		[]string{"host name", d.Hostname},
		[]string{"label", d.Label},
		[]string{"type", d.TypeLabel},
		[]string{"address", d.IP},
		[]string{"MAC", strings.TrimSpace(d.MAC + " " + d.Vendor)},
		[]string{"system", d.OS},
		[]string{"subnet id", strconv.FormatInt(d.SID, 10)},
		[]string{"priority", strconv.FormatInt(d.Priority, 10)},
		[]string{"seen", minute(first) + " – " + minute(last) + " UTC"},
		[]string{"tags", strings.Join(tagNames(d.Tags), ", ")},
		[]string{"link", j.client.DeviceURL(d.DID)})
	var rows [][]string
	for _, credential := range d.Credentials {
		rows = append(rows, []string{minute(credential.LastSeen), credential.Credential})
	}
	j.out.section("Users seen on it (UTC)", rows...)
	return nil
}

// findDevices finds devices by an address or a name, depending on the form of the
// text.
func (j *job) findDevices(ctx context.Context, name string) ([]*darktrace.Device, error) {
	one := func(d *darktrace.Device, err error) ([]*darktrace.Device, error) { return []*darktrace.Device{d}, err }
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		return one(j.client.Devices.Get(ctx, id))
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return one(j.client.Devices.FindByIP(ctx, name))
	}
	if _, err := net.ParseMAC(name); err == nil {
		return one(j.client.Devices.FindByMAC(ctx, name))
	}
	var devices []*darktrace.Device
	for d, err := range j.client.Devices.SearchAll(ctx, &darktrace.DeviceSearchOptions{Query: darktrace.DeviceQuery{Hostname: []string{name}}}) {
		if err != nil {
			return nil, err
		}
		devices = append(devices, d)
		j.out.progress.count(len(devices), "devices")
	}
	return devices, nil
}

func tagNames(tags []darktrace.Tag) []string {
	names := make([]string, len(tags))
	for i, tag := range tags {
		names[i] = tag.Name
	}
	return names
}
