package api

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// shown is a value that may be null, or be left out altogether.
type shown struct {
	present bool
	value   any
}

func show(v any) shown { return shown{true, v} }

// IsZero leaves the field out.
func (s shown) IsZero() bool { return !s.present }

// MarshalJSON writes the value.
func (s shown) MarshalJSON() ([]byte, error) { return httpapi.Encode(s.value) }

// isoTime is a time as servers show their creation: 2026-11-22T20:23:05Z.
type isoTime time.Time

// MarshalJSON writes whole seconds.
func (t isoTime) MarshalJSON() ([]byte, error) { return t.append(nil), nil }

func (t isoTime) append(b []byte) []byte {
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05Z"`)
}

// reference is a resource by its permanent address.
type reference struct {
	ID    string `json:"id"`
	Links []link `json:"links"`
}

// embeddedFlavor is the flavor a server was built with.
type embeddedFlavor struct {
	VCPUs      int    `json:"vcpus"`
	RAM        int    `json:"ram"`
	Disk       int    `json:"disk"`
	Ephemeral  int    `json:"ephemeral"`
	Swap       int    `json:"swap"`
	Name       string `json:"original_name"`
	ExtraSpecs shown  `json:"extra_specs,omitzero"`
}

type addressView struct {
	Version int    `json:"version"`
	Addr    string `json:"addr"`
	Type    string `json:"OS-EXT-IPS:type,omitempty"`
	MAC     string `json:"OS-EXT-IPS-MAC:mac_addr,omitempty"`
}

type faultView struct {
	Code    int     `json:"code"`
	Created isoTime `json:"created"`
	Message string  `json:"message"`
	Details string  `json:"details,omitempty"`
}

type named struct {
	Name string `json:"name"`
}

// serverView is a server in the newest microversion.
type serverView struct {
	ID          string                   `json:"id"`
	Name        string                   `json:"name"`
	Status      string                   `json:"status"`
	TenantID    string                   `json:"tenant_id"`
	UserID      string                   `json:"user_id"`
	Metadata    map[string]string        `json:"metadata"`
	HostID      string                   `json:"hostId"`
	Image       any                      `json:"image"`
	Flavor      any                      `json:"flavor"`
	Created     isoTime                  `json:"created"`
	Updated     isoTime                  `json:"updated"`
	Addresses   map[string][]addressView `json:"addresses"`
	AccessIPv4  string                   `json:"accessIPv4"`
	AccessIPv6  string                   `json:"accessIPv6"`
	Links       []link                   `json:"links"`
	DiskConfig  string                   `json:"OS-DCF:diskConfig"`
	Fault       *faultView               `json:"fault,omitempty"`
	Progress    shown                    `json:"progress,omitzero"`
	Zone        shown                    `json:"OS-EXT-AZ:availability_zone,omitzero"`
	ConfigDrive shown                    `json:"config_drive,omitzero"`
	KeyName     shown                    `json:"key_name,omitzero"`
	Launched    shown                    `json:"OS-SRV-USG:launched_at,omitzero"`
	Terminated  shown                    `json:"OS-SRV-USG:terminated_at,omitzero"`
	Groups      []named                  `json:"security_groups,omitempty"`

	Host          shown `json:"OS-EXT-SRV-ATTR:host,omitzero"`
	GuestName     shown `json:"OS-EXT-SRV-ATTR:instance_name,omitzero"`
	Node          shown `json:"OS-EXT-SRV-ATTR:hypervisor_hostname,omitzero"`
	Hostname      shown `json:"OS-EXT-SRV-ATTR:hostname,omitzero"`
	ReservationID shown `json:"OS-EXT-SRV-ATTR:reservation_id,omitzero"`
	LaunchIndex   shown `json:"OS-EXT-SRV-ATTR:launch_index,omitzero"`
	KernelID      shown `json:"OS-EXT-SRV-ATTR:kernel_id,omitzero"`
	RamdiskID     shown `json:"OS-EXT-SRV-ATTR:ramdisk_id,omitzero"`
	RootDevice    shown `json:"OS-EXT-SRV-ATTR:root_device_name,omitzero"`
	UserData      shown `json:"OS-EXT-SRV-ATTR:user_data,omitzero"`

	TaskState  shown `json:"OS-EXT-STS:task_state,omitzero"`
	VMState    shown `json:"OS-EXT-STS:vm_state,omitzero"`
	PowerState shown `json:"OS-EXT-STS:power_state,omitzero"`
	Volumes    shown `json:"os-extended-volumes:volumes_attached,omitzero"`

	HostStatus   shown `json:"host_status,omitzero"`
	Locked       shown `json:"locked,omitzero"`
	LockedReason shown `json:"locked_reason,omitzero"`
	Description  shown `json:"description,omitzero"`
	Tags         shown `json:"tags,omitzero"`
	TrustedCerts shown `json:"trusted_image_certificates,omitzero"`
	ServerGroups shown `json:"server_groups,omitzero"`

	flavor     nova.Flavor
	flavorMark link
}

// serverChanges lists, newest first, what an older client must not see.
var serverChanges = httpapi.Changes[serverView]{
	httpapi.Since("2.90", "hostname for everybody", func(v *serverView) {
		if !v.Host.present {
			v.Hostname = shown{}
		}
	}),
	httpapi.Since("2.73", "why a server is locked", func(v *serverView) { v.LockedReason = shown{} }),
	httpapi.Since("2.71", "server groups", func(v *serverView) { v.ServerGroups = shown{} }),
	httpapi.Since("2.63", "trusted image certificates", func(v *serverView) { v.TrustedCerts = shown{} }),
	httpapi.Since("2.47", "flavor embedded, not linked", func(v *serverView) {
		v.Flavor = reference{ID: v.flavor.FlavorID, Links: []link{v.flavorMark}}
	}),
	httpapi.Since("2.26", "tags", func(v *serverView) { v.Tags = shown{} }),
	httpapi.Since("2.19", "description", func(v *serverView) { v.Description = shown{} }),
	httpapi.Since("2.16", "status of the host", func(v *serverView) { v.HostStatus = shown{} }),
	httpapi.Since("2.9", "lock", func(v *serverView) { v.Locked = shown{} }),
	httpapi.Since("2.3", "more attributes of the guest", func(v *serverView) {
		for _, f := range []*shown{&v.Hostname, &v.ReservationID, &v.LaunchIndex, &v.KernelID, &v.RamdiskID, &v.RootDevice, &v.UserData} {
			*f = shown{}
		}
	}),
}

// seen says what of a server the caller may see, and what was looked up for it.
type seen struct {
	extended   bool // host, node and the like
	hostStatus bool
	unknown    bool // the host's status only if it is UNKNOWN
	extraSpecs bool
	admin      bool
	groups     bool // server_groups: not in lists
	host       map[string]string
	security   map[string][]string // names of groups by server
}

func newServerView(c *httpapi.Call, s nova.Server, may seen) serverView {
	v := serverView{ID: s.ID, Name: s.Name, Status: s.Status(), TenantID: s.ProjectID, UserID: s.UserID,
		Metadata: s.Metadata, HostID: hostID(s), Image: "", Created: isoTime(s.CreatedAt), Updated: isoTime(s.Changed()),
		Addresses: addresses(s, true), AccessIPv4: s.AccessIPv4, AccessIPv6: s.AccessIPv6,
		Links: links(c, "servers", s.ID), DiskConfig: s.DiskConfig,
		Zone: show(s.Zone), ConfigDrive: show(""), KeyName: show(orNil(s.KeyName)),
		Launched: show(stampOf(s.LaunchedAt)), Terminated: show(stampOf(s.TerminatedAt)),
		TaskState: show(orNil(string(s.TaskState))), VMState: show(s.VMState), PowerState: show(s.PowerState), Volumes: show([]any{}),
		Locked: show(s.Locked), LockedReason: show(s.LockedReason), Description: show(s.Description), Tags: show(orEmpty(s.Tags)),
		TrustedCerts: show(s.TrustedCerts), Hostname: show(s.Hostname),
		flavor: s.Flavor, flavorMark: bookmark(c, "flavors", s.Flavor.FlavorID)}
	if s.Deleted() {
		v.Status = "DELETED"
	}
	if v.Metadata == nil {
		v.Metadata = map[string]string{}
	}
	if s.ConfigDrive {
		v.ConfigDrive = show("True")
	}
	if s.ImageID != "" {
		v.Image = reference{ID: s.ImageID, Links: []link{bookmark(c, "images", s.ImageID)}}
	}
	if s.VMState == nova.Building {
		v.Addresses = map[string][]addressView{}
	}
	v.Flavor = embedded(s.Flavor, may.extraSpecs)
	v.Fault = shownFault(s, v.Status, may.admin)
	switch v.Status {
	case "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING":
		v.Progress = show(s.Progress)
	}
	for _, g := range may.security[s.ID] {
		v.Groups = append(v.Groups, named{g})
	}
	if may.groups {
		v.ServerGroups = show([]string{})
	}
	if status := may.host[s.Host]; may.hostStatus || may.unknown && status == "UNKNOWN" {
		v.HostStatus = show(status)
	}
	if may.extended {
		v.extend(s)
	}
	return v
}

// extend adds what only administrators see.
func (v *serverView) extend(s nova.Server) {
	name := s.GuestName()
	if s.Host == "" && s.VMState == nova.Building {
		name = ""
	}
	v.Host, v.Node, v.GuestName = show(orNil(s.Host)), show(orNil(s.Node)), show(name)
	v.ReservationID, v.LaunchIndex = show(s.ReservationID), show(s.LaunchIndex)
	v.KernelID, v.RamdiskID = show(s.KernelID), show(s.RamdiskID)
	v.RootDevice, v.UserData = show(orNil(s.RootDeviceName)), show(orNil(s.UserData))
}

func embedded(f nova.Flavor, extraSpecs bool) embeddedFlavor {
	e := embeddedFlavor{VCPUs: f.VCPUs, RAM: f.MemoryMB, Disk: f.RootGB, Ephemeral: f.EphemeralGB, Swap: f.SwapMB, Name: f.Name}
	if extraSpecs {
		specs := f.ExtraSpecs
		if specs == nil {
			specs = map[string]string{}
		}
		e.ExtraSpecs = show(specs)
	}
	return e
}

func shownFault(s nova.Server, status string, admin bool) *faultView {
	if s.Fault == nil || status != "ERROR" && status != "DELETED" {
		return nil
	}
	f := &faultView{Code: s.Fault.Code, Created: isoTime(s.Fault.Created), Message: s.Fault.Message}
	if admin || f.Code != 500 {
		f.Details = s.Fault.Details
	}
	return f
}

// addresses of a server by network.
func addresses(s nova.Server, extended bool) map[string][]addressView {
	out := map[string][]addressView{}
	for _, a := range s.Addresses() {
		v := addressView{Version: a.Version, Addr: a.Address}
		if extended {
			v.Type, v.MAC = "fixed", a.MAC
			if a.Floating {
				v.Type = "floating"
			}
		}
		out[a.Network] = append(out[a.Network], v)
	}
	return out
}

// hostID tells the owner whether two servers share a host, and no more.
func hostID(s nova.Server) string {
	if s.Host == "" {
		return ""
	}
	sum := sha256.Sum224([]byte(s.ProjectID + s.Host))
	return hex.EncodeToString(sum[:])
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// serverLookup decides what the caller may see of servers and looks it up.
func (a *API) serverLookup(c *httpapi.Call, list []nova.Server, single bool) (may seen, err error) {
	target := ownTarget(c)
	if single && len(list) == 1 {
		target = list[0].PolicyTarget()
	}
	may.admin, may.groups = c.Caller.Admin, single
	may.extended = c.Allowed("os_compute_api:os-extended-server-attributes", target)
	may.extraSpecs = c.Allowed("os_compute_api:servers:show:flavor-extra-specs", target)
	may.hostStatus = c.Allowed("os_compute_api:servers:show:host_status", target)
	may.unknown = c.Allowed("os_compute_api:servers:show:host_status:unknown-only", target)
	if (may.hostStatus || may.unknown) && c.Version.AtLeast("2.16") {
		if may.host, err = a.svc.HostStatus(c.Ctx(), hostsOf(list)); err != nil {
			return may, err
		}
	}
	if single {
		may.security, err = a.svc.GroupNamesNow(c.Ctx(), list[0])
	} else {
		may.security, err = a.svc.GroupNames(c.Ctx(), list)
	}
	return may, err
}

func hostsOf(list []nova.Server) (hosts []string) {
	known := map[string]bool{"": true}
	for _, s := range list {
		if !known[s.Host] {
			known[s.Host] = true
			hosts = append(hosts, s.Host)
		}
	}
	return hosts
}

// serverView is one server as the caller may see it in its microversion.
func (a *API) serverView(c *httpapi.Call, s nova.Server) (serverView, error) {
	may, err := a.serverLookup(c, []nova.Server{s}, true)
	if err != nil {
		return serverView{}, err
	}
	v := newServerView(c, s, may)
	serverChanges.Before(c.Version, &v)
	return v, nil
}
