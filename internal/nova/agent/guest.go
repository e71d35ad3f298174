package agent

import (
	"strconv"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/fault"
)

// guest says a request in the driver's words.
func (a *Agent) guest(q rpcapi.SpawnRequest) (virt.Guest, error) {
	g := virt.Guest{ID: q.ServerID, Name: q.Name, VCPUs: q.Flavor.VCPUs, MemoryMB: q.Flavor.MemoryMB,
		Image: image(q.Image), RootGB: q.Flavor.RootGB, EphemeralGB: q.Flavor.EphemeralGB, SwapMB: q.Flavor.SwapMB,
		Paused: q.Paused, Hardware: hardware(q.Image.Properties, q.Flavor.ExtraSpecs), Metadata: virt.Metadata{
			ServerName: q.Instance.DisplayName, Flavor: q.Flavor.Name, ProjectID: q.Instance.ProjectID, ProjectName: q.Instance.ProjectName,
			UserID: q.Instance.UserID, UserName: q.Instance.UserName, CreatedAt: q.Instance.CreatedAt}}
	for _, pair := range []struct {
		from *nova.Image
		to   **virt.Image
	}{{q.Kernel, &g.Kernel}, {q.Ramdisk, &g.Ramdisk}} {
		if pair.from != nil {
			i := image(*pair.from)
			*pair.to = &i
		}
	}
	for _, v := range q.VIFs {
		if v.Bridge == "" || v.Tap == "" {
			return g, fault.New(500, "Virtual Interface creation failed").Cause(fault.New(500, "port %s has vif_type %q without a bridge", v.PortID, v.Type))
		}
		g.Interfaces = append(g.Interfaces, nic(v, q.Image.Properties))
	}
	if !q.ConfigDrive {
		return g, nil
	}
	var err error
	g.ConfigDrive, err = a.configDrive(q)
	return g, err
}

// image keeps what a driver needs. The newer hash goes before the MD5 checksum.
func image(i nova.Image) virt.Image {
	out := virt.Image{ID: i.ID, DiskFormat: i.DiskFormat, SizeBytes: i.SizeBytes, MinDiskGB: i.MinDiskGB, HashAlgo: i.HashAlgo, HashValue: i.HashValue}
	if out.HashValue == "" && i.Checksum != "" {
		out.HashAlgo, out.HashValue = "md5", i.Checksum
	}
	return out
}

func nic(v nova.VIF, properties map[string]string) virt.Interface {
	return virt.Interface{PortID: v.PortID, MAC: v.MAC, Bridge: v.Bridge, Tap: v.Tap, MTU: v.MTU, Model: properties["hw_vif_model"]}
}

// hardware reads image properties and extra specs; where both say something the flavor, which is the operator's, wins.
func hardware(properties, specs map[string]string) virt.Hardware {
	pick := func(property, spec string) string {
		if s := specs[spec]; s != "" {
			return s
		}
		return properties[property]
	}
	number := func(s string) int {
		n, _ := strconv.Atoi(s) // refused by the API if it is none
		return n
	}
	h := virt.Hardware{
		DiskBus:     properties["hw_disk_bus"],
		VideoModel:  properties["hw_video_model"],
		MachineType: properties["hw_machine_type"],
		Firmware:    properties["hw_firmware_type"],
		Pointer:     properties["hw_pointer_model"],
		CommandLine: properties["os_command_line"],
		GuestAgent:  yes(properties["hw_qemu_guest_agent"]),
		Watchdog:    pick("hw_watchdog_action", "hw:watchdog_action"),
		Sockets:     number(pick("hw_cpu_sockets", "hw:cpu_sockets")),
		Cores:       number(pick("hw_cpu_cores", "hw:cpu_cores")),
		Threads:     number(pick("hw_cpu_threads", "hw:cpu_threads")),
		CPUShares:   number(specs["quota:cpu_shares"]),
		CPUPeriod:   number(specs["quota:cpu_period"]),
		CPUQuota:    number(specs["quota:cpu_quota"]),
	}
	h.NoRNG = strings.EqualFold(specs["hw_rng:allowed"], "false")
	return h
}

// yes reads a boolean property as the original does.
func yes(s string) bool {
	switch strings.ToLower(s) {
	case "1", "t", "true", "on", "y", "yes":
		return true
	}
	return false
}
