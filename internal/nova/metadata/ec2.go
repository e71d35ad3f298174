package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ec2Metadata is the meta-data part of one version of the EC2 tree: strings, numbers, lists of strings and maps of the same.
func ec2Metadata(i Instance, version string) map[string]any {
	m := map[string]any{
		"ami-id":            i.EC2.ImageID,
		"ami-launch-index":  i.LaunchIndex,
		"ami-manifest-path": "FIXME", // the word that guests of the original read too
		"instance-id":       i.EC2.InstanceID,
		"hostname":          i.Hostname,
		"local-ipv4":        i.EC2.LocalIPv4,
		"reservation-id":    i.ReservationID,
		"security-groups":   i.SecurityGroups,
	}
	if len(i.Keys) > 0 {
		key := map[string]any{keyName: "0=" + i.Keys[0].Name, "openssh-key": i.Keys[0].Data}
		m["public-keys"] = map[string]any{"0": key}
	}
	for _, add := range ec2Additions {
		if has(add.since, version) {
			add.to(m, i)
		}
	}
	return m
}

// keyName is how a directory is listed by its parent when not by its own name.
const keyName = "_name"

// ec2Additions are what the versions brought.
var ec2Additions = []struct {
	since string
	to    func(m map[string]any, i Instance)
}{
	{"2007-01-19", func(m map[string]any, i Instance) {
		m["local-hostname"], m["public-hostname"], m["public-ipv4"] = i.Hostname, i.Hostname, i.EC2.PublicIPv4
	}},
	{"2007-08-29", func(m map[string]any, i Instance) { m["instance-type"] = i.Flavor }},
	{"2007-12-15", func(m map[string]any, i Instance) {
		devices := map[string]any{}
		for k, v := range i.EC2.Devices {
			devices[k] = v
		}
		m["block-device-mapping"] = devices
		if i.EC2.KernelID != "" {
			m["kernel-id"] = i.EC2.KernelID
		}
		if i.EC2.RamdiskID != "" {
			m["ramdisk-id"] = i.EC2.RamdiskID
		}
	}},
	{"2008-02-01", func(m map[string]any, i Instance) {
		m["placement"] = map[string]any{"availability-zone": i.AvailabilityZone}
	}},
	{"2008-09-01", func(m map[string]any, _ Instance) { m["instance-action"] = "none" }},
}

// ec2Item is what lies at a path of the EC2 tree; false when nothing does.
func ec2Item(i Instance, path []string) (string, bool) {
	version := path[0]
	if version != latest && !slices.Contains(EC2Versions, version) {
		return "", false
	}
	var at any = map[string]any{"meta-data": ec2Metadata(i, version)}
	if i.UserData != nil {
		at.(map[string]any)["user-data"] = string(i.UserData)
	}
	for _, name := range path[1:] {
		dir, ok := at.(map[string]any)
		if !ok {
			return "", false
		}
		if at, ok = dir[name]; !ok {
			return "", false
		}
	}
	return ec2Print(at), true
}

// ec2Print writes a directory as the names in it, directories with a slash.
func ec2Print(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var lines []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key != keyName {
				lines = append(lines, ec2Entry(key, v[key]))
			}
		}
		return strings.Join(lines, "\n")
	case []string:
		return strings.Join(v, "\n")
	default:
		return fmt.Sprint(v)
	}
}

func ec2Entry(key string, v any) string {
	dir, ok := v.(map[string]any)
	if !ok {
		return key
	}
	if name, ok := dir[keyName].(string); ok {
		return name
	}
	return key + "/"
}
