package api

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// A list of servers is long and asked for often, so that its servers write
// themselves. What is written is what encoding/json makes of the same values.

// AppendJSON implements httpapi.Appender.
func (l detailList) AppendJSON(b []byte) []byte {
	b = slices.Grow(b, 2048*len(l.Servers)+256)
	b = append(b, `{"servers":[`...)
	for i, text := range l.Servers {
		b = append(comma(b, i), text...)
	}
	b = append(b, ']')
	if len(l.Links) > 0 {
		b = appendLinks(append(b, `,"servers_links":`...), l.Links)
	}
	return append(b, '}')
}

// append writes the fields in their order.
func (v *serverView) append(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), v.ID)
	b = appendText(append(b, `,"name":`...), v.Name)
	b = appendText(append(b, `,"status":`...), v.Status)
	b = appendText(append(b, `,"tenant_id":`...), v.TenantID)
	b = appendText(append(b, `,"user_id":`...), v.UserID)
	b = appendTexts(append(b, `,"metadata":`...), v.Metadata)
	b = appendText(append(b, `,"hostId":`...), v.HostID)
	b = appendAny(append(b, `,"image":`...), v.Image)
	b = appendAny(append(b, `,"flavor":`...), v.Flavor)
	b = v.Created.append(append(b, `,"created":`...))
	b = v.Updated.append(append(b, `,"updated":`...))
	b = appendAddresses(append(b, `,"addresses":`...), v.Addresses)
	b = appendText(append(b, `,"accessIPv4":`...), v.AccessIPv4)
	b = appendText(append(b, `,"accessIPv6":`...), v.AccessIPv6)
	b = appendLinks(append(b, `,"links":`...), v.Links)
	b = appendText(append(b, `,"OS-DCF:diskConfig":`...), v.DiskConfig)
	if v.Fault != nil {
		b = appendAny(append(b, `,"fault":`...), v.Fault)
	}
	for _, f := range []struct {
		key   string
		value *shown
	}{{"progress", &v.Progress}, {"OS-EXT-AZ:availability_zone", &v.Zone}, {"config_drive", &v.ConfigDrive}, {"key_name", &v.KeyName},
		{"OS-SRV-USG:launched_at", &v.Launched}, {"OS-SRV-USG:terminated_at", &v.Terminated}} {
		b = f.value.append(b, f.key)
	}
	if len(v.Groups) > 0 {
		b = append(b, `,"security_groups":[`...)
		for i, g := range v.Groups {
			b = append(appendText(append(comma(b, i), `{"name":`...), g.Name), '}')
		}
		b = append(b, ']')
	}
	for _, f := range []struct {
		key   string
		value *shown
	}{{"OS-EXT-SRV-ATTR:host", &v.Host}, {"OS-EXT-SRV-ATTR:instance_name", &v.GuestName}, {"OS-EXT-SRV-ATTR:hypervisor_hostname", &v.Node},
		{"OS-EXT-SRV-ATTR:hostname", &v.Hostname}, {"OS-EXT-SRV-ATTR:reservation_id", &v.ReservationID},
		{"OS-EXT-SRV-ATTR:launch_index", &v.LaunchIndex}, {"OS-EXT-SRV-ATTR:kernel_id", &v.KernelID},
		{"OS-EXT-SRV-ATTR:ramdisk_id", &v.RamdiskID}, {"OS-EXT-SRV-ATTR:root_device_name", &v.RootDevice},
		{"OS-EXT-SRV-ATTR:user_data", &v.UserData}, {"OS-EXT-STS:task_state", &v.TaskState}, {"OS-EXT-STS:vm_state", &v.VMState},
		{"OS-EXT-STS:power_state", &v.PowerState}, {"os-extended-volumes:volumes_attached", &v.Volumes}, {"host_status", &v.HostStatus},
		{"locked", &v.Locked}, {"locked_reason", &v.LockedReason}, {"description", &v.Description}, {"tags", &v.Tags},
		{"trusted_image_certificates", &v.TrustedCerts}, {"server_groups", &v.ServerGroups}} {
		b = f.value.append(b, f.key)
	}
	return append(b, '}')
}

// append writes the member of an object, unless it is left out.
func (s *shown) append(b []byte, key string) []byte {
	if !s.present {
		return b
	}
	b = append(append(append(b, `,"`...), key...), `":`...)
	return appendAny(b, s.value)
}

// appendAny writes the values that servers often have itself, and leaves the others to encoding/json.
func appendAny(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendText(b, v)
	case *string:
		if v == nil {
			return append(b, "null"...)
		}
		return appendText(b, *v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case nova.VMState:
		return appendText(b, string(v))
	case nova.PowerState:
		return strconv.AppendInt(b, int64(v), 10)
	case *stamp:
		if v == nil {
			return append(b, "null"...)
		}
		return time.Time(*v).UTC().AppendFormat(b, stampForm)
	case reference:
		b = appendText(append(b, `{"id":`...), v.ID)
		return append(appendLinks(append(b, `,"links":`...), v.Links), '}')
	case embeddedFlavor:
		return v.append(b)
	}
	text, err := httpapi.Encode(value)
	if err != nil {
		return append(b, "null"...) // no value of a server is such
	}
	return append(b, text...)
}

func (f embeddedFlavor) append(b []byte) []byte {
	for i, n := range []struct {
		key   string
		value int
	}{{`{"vcpus":`, f.VCPUs}, {`"ram":`, f.RAM}, {`"disk":`, f.Disk}, {`"ephemeral":`, f.Ephemeral}, {`"swap":`, f.Swap}} {
		b = strconv.AppendInt(append(comma(b, i), n.key...), int64(n.value), 10)
	}
	b = appendText(append(b, `,"original_name":`...), f.Name)
	if specs, ok := f.ExtraSpecs.value.(map[string]string); ok {
		b = appendTexts(append(b, `,"extra_specs":`...), specs)
	}
	return append(b, '}')
}

func appendAddresses(b []byte, byNetwork map[string][]addressView) []byte {
	b = append(b, '{')
	for i, network := range slices.Sorted(maps.Keys(byNetwork)) {
		b = append(appendText(comma(b, i), network), `:[`...)
		for j, a := range byNetwork[network] {
			b = strconv.AppendInt(append(comma(b, j), `{"version":`...), int64(a.Version), 10)
			b = appendText(append(b, `,"addr":`...), a.Addr)
			if a.Type != "" {
				b = appendText(append(b, `,"OS-EXT-IPS:type":`...), a.Type)
			}
			if a.MAC != "" {
				b = appendText(append(b, `,"OS-EXT-IPS-MAC:mac_addr":`...), a.MAC)
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendLinks(b []byte, list []link) []byte {
	b = append(b, '[')
	for i, l := range list {
		b = appendText(append(comma(b, i), `{"rel":`...), l.Rel)
		if l.Type != "" {
			b = appendText(append(b, `,"type":`...), l.Type)
		}
		b = append(appendText(append(b, `,"href":`...), l.Href), '}')
	}
	return append(b, ']')
}

// appendTexts writes an object of texts, sorted; nil is null.
func appendTexts(b []byte, items map[string]string) []byte {
	if items == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(items)) {
		b = appendText(append(appendText(comma(b, i), key), ':'), items[key])
	}
	return append(b, '}')
}

// comma separates the i-th element from the one before it.
func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendText quotes a text; what needs escaping is left to encoding/json.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := httpapi.Encode(text)
			if err != nil {
				return append(b, `""`...) // every string can be encoded
			}
			return append(b, quoted...)
		}
	}
	b = append(append(b, '"'), text...)
	return append(b, '"')
}
