package store

import (
	"strconv"
	"time"

	"nacre/internal/nova"
)

// field is a column of a server as text, for regular expressions.
func field(s nova.Server, column string) string {
	switch column {
	case "display_name":
		return s.Name
	case "display_description":
		return text(s.Description)
	case "hostname":
		return s.Hostname
	case "kernel_id":
		return s.KernelID
	case "ramdisk_id":
		return s.RamdiskID
	case "key_name":
		return s.KeyName
	case "node":
		return s.Node
	case "reservation_id":
		return s.ReservationID
	case "availability_zone":
		return s.Zone
	case "locked_by":
		return s.LockedBy
	case "root_device_name":
		return s.RootDeviceName
	case "config_drive":
		return boolText(s.ConfigDrive)
	case "access_ip_v4":
		return s.AccessIPv4
	case "access_ip_v6":
		return s.AccessIPv6
	case "disk_config":
		return s.DiskConfig
	case "power_state":
		return strconv.Itoa(int(s.PowerState))
	case "progress":
		return strconv.Itoa(s.Progress)
	case "launch_index":
		return strconv.Itoa(s.LaunchIndex)
	case "created_at":
		return s.CreatedAt.Format("2006-01-02 15:04:05")
	case "launched_at":
		return timeText(s.LaunchedAt)
	case "terminated_at":
		return timeText(s.TerminatedAt)
	}
	return ""
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func boolText(b bool) string {
	if b {
		return "True"
	}
	return ""
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format("2006-01-02 15:04:05")
}
