package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// serverCreate is the body of POST /servers in all microversions.
type serverCreate struct {
	Server   serverCreateBody `json:"server"`
	Hints    map[string]any   `json:"os:scheduler_hints"`
	OldHints map[string]any   `json:"OS-SCH-HNT:scheduler_hints"`
}

type serverCreateBody struct {
	Name          string            `json:"name"`
	Description   *string           `json:"description"`
	Hostname      string            `json:"hostname"`
	FlavorRef     anyText           `json:"flavorRef"`
	ImageRef      string            `json:"imageRef"`
	AdminPass     string            `json:"adminPass"`
	KeyName       string            `json:"key_name"`
	UserData      string            `json:"user_data"`
	ConfigDrive   boolish           `json:"config_drive"`
	DiskConfig    string            `json:"OS-DCF:diskConfig"`
	AccessIPv4    string            `json:"accessIPv4"`
	AccessIPv6    string            `json:"accessIPv6"`
	Metadata      map[string]string `json:"metadata"`
	Tags          []string          `json:"tags"`
	MinCount      *number           `json:"min_count"`
	MaxCount      *number           `json:"max_count"`
	Zone          string            `json:"availability_zone"`
	Host          string            `json:"host"`
	Node          string            `json:"hypervisor_hostname"`
	ReturnID      boolish           `json:"return_reservation_id"`
	Networks      json.RawMessage   `json:"networks"`
	Groups        json.RawMessage   `json:"security_groups"`
	Personality   []personality     `json:"personality"`
	Devices       []blockDevice     `json:"block_device_mapping_v2"`
	LegacyDevices []legacyDevice    `json:"block_device_mapping"`
	TrustedCerts  []string          `json:"trusted_image_certificates"`
}

// anyText is a text that a client may also write as a number.
type anyText string

// UnmarshalJSON reads "1" and 1.
func (t *anyText) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	*t = anyText(data)
	return nil
}

type personality struct {
	Path     string `json:"path"`
	Contents string `json:"contents"`
}

type blockDevice struct {
	Source      string          `json:"source_type"`
	Destination string          `json:"destination_type"`
	UUID        string          `json:"uuid"`
	ImageID     string          `json:"image_id"`
	VolumeID    string          `json:"volume_id"`
	SnapshotID  string          `json:"snapshot_id"`
	BootIndex   *number         `json:"boot_index"`
	SizeGB      number          `json:"volume_size"`
	GuestFormat string          `json:"guest_format"`
	NoDevice    json.RawMessage `json:"no_device"`
}

type legacyDevice struct {
	VolumeID    string          `json:"volume_id"`
	SnapshotID  string          `json:"snapshot_id"`
	VirtualName string          `json:"virtual_name"`
	SizeGB      number          `json:"volume_size"`
	NoDevice    json.RawMessage `json:"no_device"`
}

// createdServer is the answer to POST /servers.
type createdServer struct {
	Server struct {
		ID         string          `json:"id"`
		Links      []link          `json:"links"`
		DiskConfig string          `json:"OS-DCF:diskConfig"`
		Groups     json.RawMessage `json:"security_groups"`
		AdminPass  string          `json:"adminPass"`
	} `json:"server"`
}

// Headers tell where the server is.
func (v createdServer) Headers() http.Header {
	return http.Header{"Location": {v.Server.Links[0].Href}}
}

func (a *API) createServer(c *httpapi.Call, body serverCreate) (any, error) {
	req, err := a.serverRequest(c, body)
	if err != nil {
		return nil, err
	}
	made, err := a.svc.CreateServers(c.Ctx(), &req)
	if err != nil {
		return nil, err
	}
	if body.Server.ReturnID {
		return map[string]string{"reservation_id": made[0].ReservationID}, nil
	}
	var v createdServer
	v.Server.ID, v.Server.Links, v.Server.DiskConfig = made[0].ID, links(c, "servers", made[0].ID), made[0].DiskConfig
	v.Server.AdminPass, v.Server.Groups = req.AdminPass, body.Server.Groups
	if v.Server.Groups == nil {
		v.Server.Groups = json.RawMessage(`[{"name": "default"}]`)
	}
	return v, nil
}

// serverRequest turns a body into what is asked for, in the original's order of checks.
func (a *API) serverRequest(c *httpapi.Call, body serverCreate) (req nova.ServerRequest, err error) {
	b := body.Server
	req = nova.ServerRequest{Name: strings.TrimSpace(b.Name), Description: b.Description, Hostname: b.Hostname,
		FlavorID: string(b.FlavorRef), ImageID: b.ImageRef, KeyName: b.KeyName, UserData: b.UserData,
		ConfigDrive: bool(b.ConfigDrive), DiskConfig: b.DiskConfig, AccessIPv4: b.AccessIPv4, AccessIPv6: canonical(b.AccessIPv6),
		AdminPass: b.AdminPass, Metadata: b.Metadata, Tags: b.Tags, TrustedCerts: b.TrustedCerts, MinCount: 1}
	if !c.Version.AtLeast("2.19") {
		req.Description = &req.Name
	}
	if b.MinCount != nil {
		req.MinCount = int(*b.MinCount)
	}
	req.MaxCount = req.MinCount
	if b.MaxCount != nil {
		req.MaxCount = int(*b.MaxCount)
	}
	if err := checkCount(req); err != nil {
		return req, err
	}
	for _, step := range []func() error{
		func() error {
			return a.trusted(c, b.TrustedCerts, "os_compute_api:servers:create:trusted_certs", ownTarget(c))
		},
		func() error { return a.place(c, b, &req.Wishes) },
		func() error { return a.devices(c, b, &req) },
		func() error { return a.wishNetworks(c, b, &req) },
		func() error { req.Files, err = injected(b.Personality); return err },
		func() error { return hints(body, &req.Wishes) },
	} {
		if err := step(); err != nil {
			return req, err
		}
	}
	req.ZeroDisk = c.Allowed("os_compute_api:servers:create:zero_disk_flavor", ownTarget(c))
	return req, nil
}

func checkCount(req nova.ServerRequest) error {
	for field, n := range map[string]int{"min_count": req.MinCount, "max_count": req.MaxCount} {
		if n < 1 {
			return fault.BadRequest("Invalid input for field/attribute %s. Value: %d. %d is less than the minimum of 1", field, n, n)
		}
	}
	if req.MinCount > req.MaxCount {
		return fault.BadRequest("min_count must be <= max_count")
	}
	return nil
}

// trusted refuses certificates: no signature of an image is verified here.
func (a *API) trusted(c *httpapi.Call, certs []string, rule string, target policy.Target) error {
	if len(certs) == 0 {
		return nil
	}
	if err := c.Enforce(rule, target); err != nil {
		return err
	}
	return fault.BadRequest("Image signature certificate validation failed for certificate: %s. This cloud does not verify image signatures.",
		strings.Join(certs, ", "))
}

// place reads zone[:host[:node]], host and hypervisor_hostname.
func (a *API) place(c *httpapi.Call, b serverCreateBody, w *nova.Wishes) error {
	w.Zone = b.Zone
	if zone, rest, forced := strings.Cut(b.Zone, ":"); forced {
		host, node, _ := strings.Cut(rest, ":")
		if strings.Contains(node, ":") {
			return fault.BadRequest("Invalid input received: Unable to parse availability_zone")
		}
		if err := c.Enforce("os_compute_api:servers:create:forced_host", ownTarget(c)); err != nil {
			return err
		}
		w.Zone, w.Host, w.Node, w.ForceHost = zone, host, node, true
	}
	if b.Host == "" && b.Node == "" {
		return nil
	}
	if err := c.Enforce("compute:servers:create:requested_destination", ownTarget(c)); err != nil {
		return err
	}
	if w.ForceHost {
		return fault.BadRequest("One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.")
	}
	w.Host, w.Node = b.Host, b.Node
	return nil
}

// devices reads both forms of block device mappings.
func (a *API) devices(c *httpapi.Call, b serverCreateBody, req *nova.ServerRequest) error {
	if len(b.Devices) > 0 && len(b.LegacyDevices) > 0 {
		return fault.BadRequest("Using different block_device_mapping syntaxes is not allowed in the same request.")
	}
	for _, d := range b.Devices {
		dev := nova.BlockDevice{Source: d.Source, Destination: d.Destination, SizeGB: int(d.SizeGB), GuestFormat: d.GuestFormat,
			UUID: firstOf(d.UUID, d.ImageID, d.VolumeID, d.SnapshotID), NoDevice: truthy(d.NoDevice)}
		if d.BootIndex != nil {
			i := int(*d.BootIndex)
			dev.BootIndex = &i
		}
		if dev.Source == "" && !dev.NoDevice {
			return fault.BadRequest("Block Device Mapping is Invalid: Invalid source_type field.")
		}
		if dev.Destination == "" {
			dev.Destination = "local"
			if dev.Source == "volume" || dev.Source == "snapshot" {
				dev.Destination = "volume"
			}
		}
		req.BlockDevices = append(req.BlockDevices, dev)
	}
	for _, d := range b.LegacyDevices {
		dev := nova.BlockDevice{Source: "blank", Destination: "local", SizeGB: int(d.SizeGB), NoDevice: truthy(d.NoDevice)}
		switch {
		case d.VolumeID != "":
			dev.Source, dev.Destination, dev.UUID = "volume", "volume", d.VolumeID
		case d.SnapshotID != "":
			dev.Source, dev.Destination, dev.UUID = "snapshot", "volume", d.SnapshotID
		}
		req.BlockDevices = append(req.BlockDevices, dev)
	}
	if len(req.BlockDevices) > 0 {
		return c.Enforce("os_compute_api:servers:create:attach_volume", ownTarget(c))
	}
	if req.ImageID == "" {
		return fault.BadRequest("Missing imageRef attribute")
	}
	return nil
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// truthy is Python's idea of a value that counts as set.
func truthy(v json.RawMessage) bool {
	return len(v) > 0 && !slices.Contains([]string{"null", "false", `""`, "0", "{}", "[]"}, string(v))
}

// wishNetworks reads "auto", "none" or the list of networks and ports.
func (a *API) wishNetworks(c *httpapi.Call, b serverCreateBody, req *nova.ServerRequest) error {
	var groups []named
	if b.Groups != nil {
		if err := json.Unmarshal(b.Groups, &groups); err != nil {
			return err
		}
	}
	w := &req.Networks
	for _, g := range groups {
		if g.Name != "" && !slices.Contains(w.SecurityGroups, g.Name) {
			w.SecurityGroups = append(w.SecurityGroups, g.Name)
		}
	}
	w.External = c.Allowed("network:attach_external_network", ownTarget(c))
	switch text := string(b.Networks); text {
	case `"none"`:
		req.NoNetworks = true
		return nil
	case "", "null", `"auto"`:
		w.Auto, w.Allocate = true, text == `"auto"`
	default:
		if err := requestedNetworks(b.Networks, w); err != nil {
			return err
		}
	}
	if w.Allocate || len(w.Networks) > 0 {
		return c.Enforce("os_compute_api:servers:create:attach_network", ownTarget(c))
	}
	return nil
}

func requestedNetworks(body json.RawMessage, w *nova.NetworkWish) error {
	var list []struct {
		UUID    string  `json:"uuid"`
		Port    *string `json:"port"`
		FixedIP string  `json:"fixed_ip"`
		Tag     string  `json:"tag"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	w.Auto = len(list) == 0
	for _, n := range list {
		r := nova.NetworkRequest{NetworkID: n.UUID, FixedIP: n.FixedIP, Tag: n.Tag}
		switch {
		case n.Port != nil && *n.Port != "":
			r.PortID, r.NetworkID = *n.Port, ""
			if slices.ContainsFunc(w.Networks, func(had nova.NetworkRequest) bool { return had.PortID == r.PortID }) {
				return fault.BadRequest("Port ID '%s' was specified twice: you cannot attach a port multiple times.", r.PortID)
			}
			if r.FixedIP != "" {
				return fault.BadRequest("Specified Fixed IP '%s' cannot be used with port '%s': the two cannot be specified together.", r.FixedIP, r.PortID)
			}
		case n.UUID == "":
			return fault.BadRequest("Bad network format: missing 'uuid'")
		}
		w.Networks = append(w.Networks, r)
	}
	return nil
}

// injected reads the files of older microversions.
func injected(list []personality) (files []nova.InjectedFile, err error) {
	for _, p := range list {
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p.Contents), ""))
		if err != nil {
			return nil, fault.BadRequest("Personality content for %s cannot be decoded", p.Path)
		}
		files = append(files, nova.InjectedFile{Path: p.Path, Contents: data})
	}
	return files, nil
}

// hints reads the scheduler hints, under either name. There are no groups yet;
// a hint that the scheduler has no check for is kept and means nothing to it.
func hints(body serverCreate, w *nova.Wishes) error {
	w.Hints = body.Hints
	if w.Hints == nil {
		w.Hints = body.OldHints
	}
	switch group := w.Hints["group"].(type) {
	case string:
		return fault.BadRequest("Instance group %s could not be found.", group)
	case []any:
		if len(group) > 0 {
			return fault.BadRequest("Instance group %v could not be found.", group[0])
		}
	}
	return nil
}

// trimmed is a name without blanks around it.
func trimmed(name *string) *string {
	if name == nil {
		return nil
	}
	t := strings.TrimSpace(*name)
	return &t
}
