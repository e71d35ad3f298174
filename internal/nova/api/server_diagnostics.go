package api

import (
	"fmt"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/oslo/httpapi"
)

// diagnosticsRoutes count what servers consume.
func (a *API) diagnosticsRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/servers/{server_id}/diagnostics", Status: 200, Rule: rule("os_compute_api:os-server-diagnostics", admin),
			Do: httpapi.On(a.svc.Server, a.showDiagnostics)},
	}
}

// diagnosticsView is the same for every hypervisor, since 2.48.
type diagnosticsView struct {
	State        string         `json:"state"`
	Driver       string         `json:"driver"`
	Hypervisor   string         `json:"hypervisor"`
	HypervisorOS string         `json:"hypervisor_os"`
	Uptime       int64          `json:"uptime"`
	ConfigDrive  bool           `json:"config_drive"`
	NumCPUs      int            `json:"num_cpus"`
	NumNICs      int            `json:"num_nics"`
	NumDisks     int            `json:"num_disks"`
	CPUs         []cpuView      `json:"cpu_details"`
	NICs         []nicView      `json:"nic_details"`
	Disks        []diskView     `json:"disk_details"`
	Memory       map[string]int `json:"memory_details"` // MB
}

type cpuView struct {
	ID          int   `json:"id"`
	Time        int64 `json:"time"`
	Utilisation *int  `json:"utilisation"`
}

type diskView struct {
	ReadBytes     int64 `json:"read_bytes"`
	ReadRequests  int64 `json:"read_requests"`
	WriteBytes    int64 `json:"write_bytes"`
	WriteRequests int64 `json:"write_requests"`
	Errors        int64 `json:"errors_count"`
}

type nicView struct {
	MAC       string `json:"mac_address"`
	RxOctets  int64  `json:"rx_octets"`
	RxErrors  int64  `json:"rx_errors"`
	RxDrop    int64  `json:"rx_drop"`
	RxPackets int64  `json:"rx_packets"`
	RxRate    *int64 `json:"rx_rate"`
	TxOctets  int64  `json:"tx_octets"`
	TxErrors  int64  `json:"tx_errors"`
	TxDrop    int64  `json:"tx_drop"`
	TxPackets int64  `json:"tx_packets"`
	TxRate    *int64 `json:"tx_rate"`
}

func (a *API) showDiagnostics(c *httpapi.Call, s nova.Server) (any, error) {
	d, err := a.svc.Diagnostics(c.Ctx(), s)
	if err != nil {
		return nil, err
	}
	if !c.Version.AtLeast("2.48") {
		return plainDiagnostics(d), nil
	}
	v := diagnosticsView{State: d.State, Driver: d.Driver, Hypervisor: d.Hypervisor, HypervisorOS: d.HypervisorOS, Uptime: d.UptimeSeconds,
		ConfigDrive: d.ConfigDrive, NumCPUs: len(d.CPUTimes), NumNICs: len(d.NICs), NumDisks: len(d.Disks),
		CPUs: []cpuView{}, NICs: []nicView{}, Disks: []diskView{}, Memory: map[string]int{"maximum": d.MemoryMB, "used": d.UsedMB}}
	for i, t := range d.CPUTimes {
		v.CPUs = append(v.CPUs, cpuView{ID: i, Time: int64(t)})
	}
	for _, x := range d.Disks {
		v.Disks = append(v.Disks, diskView(x))
	}
	for _, n := range d.NICs {
		v.NICs = append(v.NICs, nicView{MAC: n.MAC, RxOctets: n.RxOctets, RxErrors: n.RxErrors, RxDrop: n.RxDrop, RxPackets: n.RxPackets,
			TxOctets: n.TxOctets, TxErrors: n.TxErrors, TxDrop: n.TxDrop, TxPackets: n.TxPackets})
	}
	return v, nil
}

// plainDiagnostics is a flat list of counters, as before 2.48. Memory is in KiB.
func plainDiagnostics(d rpcapi.DiagnosticsReply) map[string]int64 {
	out := map[string]int64{"memory": int64(d.MemoryMB) * 1024, "memory-actual": int64(d.MemoryMB) * 1024}
	for i, t := range d.CPUTimes {
		out[fmt.Sprintf("cpu%d_time", i)] = int64(t)
	}
	for i, x := range d.Disks {
		name := "vd" + string(rune('a'+i))
		out[name+"_read"], out[name+"_read_req"] = x.ReadBytes, x.ReadRequests
		out[name+"_write"], out[name+"_write_req"], out[name+"_errors"] = x.WriteBytes, x.WriteRequests, x.Errors
	}
	for i, n := range d.NICs {
		name := fmt.Sprintf("vnet%d", i)
		out[name+"_rx"], out[name+"_rx_packets"], out[name+"_rx_errors"], out[name+"_rx_drop"] = n.RxOctets, n.RxPackets, n.RxErrors, n.RxDrop
		out[name+"_tx"], out[name+"_tx_packets"], out[name+"_tx_errors"], out[name+"_tx_drop"] = n.TxOctets, n.TxPackets, n.TxErrors, n.TxDrop
	}
	return out
}
