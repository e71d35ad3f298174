package libvirt

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/digitalocean/go-libvirt"

	"nacre/internal/nova/virt"
)

// Diagnostics reads all counters of a domain in one call.
func (d *Driver) Diagnostics(ctx context.Context, id string) (out virt.Diagnostics, err error) {
	err = d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		if out.Power, err = c.power(dom); err != nil {
			return err
		}
		if out.Power != virt.Running && out.Power != virt.Paused {
			return virt.ErrState
		}
		def, err := c.definition(dom, 0)
		if err != nil {
			return err
		}
		records, err := c.ConnectGetAllDomainStats([]libvirt.Domain{dom}, uint32(libvirt.DomainStatsVCPU|libvirt.DomainStatsBalloon|
			libvirt.DomainStatsInterface|libvirt.DomainStatsBlock), 0)
		if err != nil {
			return gone(err)
		}
		for _, r := range records {
			read(&out, def, stats(r.Params))
		}
		out.Driver, out.Hypervisor, out.MemoryMB = "libvirt", def.Type, def.Memory.megabytes()
		out.ConfigDrive = exists(d.dir(id), configFile)
		out.Uptime = d.uptime(dom)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("diagnostics of %s: %w", id, err)
	}
	return out, nil
}

// stats are a domain's counters by libvirt's names.
func stats(params []libvirt.TypedParam) map[string]int64 {
	out := map[string]int64{}
	for _, p := range params {
		switch v := p.Value.I.(type) {
		case int32:
			out[p.Field] = int64(v)
		case uint32:
			out[p.Field] = int64(v)
		case int64:
			out[p.Field] = v
		case uint64:
			out[p.Field] = int64(v)
		}
	}
	return out
}

// read puts counters into their places.
func read(out *virt.Diagnostics, def *domain, s map[string]int64) {
	for i := range s["vcpu.maximum"] {
		out.CPUTimes = append(out.CPUTimes, time.Duration(s[fmt.Sprintf("vcpu.%d.time", i)]))
	}
	if available, ok := s["balloon.available"]; ok {
		out.UsedMB = int((available - s["balloon.unused"]) >> 10)
	}
	for i := range s["block.count"] {
		at := func(name string) int64 { return s[fmt.Sprintf("block.%d.%s", i, name)] }
		out.Disks = append(out.Disks, virt.DiskCounters{ReadBytes: at("rd.bytes"), ReadRequests: at("rd.reqs"),
			WriteBytes: at("wr.bytes"), WriteRequests: at("wr.reqs"), Errors: at("errors")})
	}
	for i := range s["net.count"] {
		at := func(name string) int64 { return s[fmt.Sprintf("net.%d.%s", i, name)] }
		n := virt.InterfaceCounters{RxOctets: at("rx.bytes"), RxPackets: at("rx.pkts"), RxErrors: at("rx.errs"), RxDrop: at("rx.drop"),
			TxOctets: at("tx.bytes"), TxPackets: at("tx.pkts"), TxErrors: at("tx.errs"), TxDrop: at("tx.drop")}
		if int(i) < len(def.Devices.Interfaces) {
			n.MAC = def.Devices.Interfaces[i].MAC.Address
		}
		out.Interfaces = append(out.Interfaces, n)
	}
}

// uptime is the age of the emulator's pid file.
func (d *Driver) uptime(dom libvirt.Domain) time.Duration {
	info, err := os.Stat(d.cfg.Daemon.Path("/run/libvirt/qemu/" + dom.Name + ".pid"))
	if err != nil {
		return 0
	}
	return time.Since(info.ModTime())
}
