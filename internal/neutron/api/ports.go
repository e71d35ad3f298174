package api

import (
	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type (
	portT   = neutron.Port
	portReq = neutron.PortRequest
)

// vnicTypes are the kinds of card that the API knows; a driver binds those it can.
var vnicTypes = attributes.OneOf("normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic",
	"vdpa", "accelerator-direct", "accelerator-direct-physical", "remote-managed")

// portAttributes is the table of ports.
func portAttributes() []attribute {
	return join([]attribute{
		idAttribute(), nameAttribute(),
		{Name: "network_id", Post: true, Required: true, Check: attributes.UUID, Filter: true, Sort: true},
		adminStateAttribute(),
		{Name: "mac_address", Post: true, Put: true, Convert: attributes.MAC, Check: macOrNull, Filter: true, Sort: true, Policy: true},
		{Name: "fixed_ips", Post: true, Put: true, Check: attributes.FixedIPs, Filter: true, Policy: true, Parts: []string{"ip_address", "subnet_id"}},
		{Name: "device_id", Post: true, Put: true, Default: "", Check: attributes.String(255), Filter: true, Sort: true, Policy: true},
		{Name: "device_owner", Post: true, Put: true, Default: "", Check: attributes.String(255), Filter: true, Sort: true, Policy: true},
		{Name: "status", Filter: true, Sort: true},
		{Name: "allowed_address_pairs", Post: true, Put: true, Convert: attributes.ListIfNull, Refuse: attributes.AddressPairs, Policy: true,
			Parts: []string{"mac_address", "ip_address"}},
		{Name: "extra_dhcp_opts", Post: true, Put: true, Refuse: attributes.DHCPOpts},
		{Name: "security_groups", Post: true, Put: true, Convert: attributes.ListIfNull, Check: attributes.ListOf(attributes.UUID), Filter: true},
		{Name: "port_security_enabled", Post: true, Put: true, Convert: attributes.Bool, Filter: true, Policy: true},
		{Name: "binding:vnic_type", Post: true, Put: true, Default: "normal", Check: vnicTypes, Filter: true, Policy: true},
		{Name: "binding:profile", Post: true, Put: true, Check: attributes.OrNull(attributes.Dict), Policy: true},
		{Name: "binding:host_id", Post: true, Put: true, Convert: attributes.EmptyIfNull, Check: attributes.String(255), Filter: true, Policy: true},
		{Name: "binding:vif_type"},
		{Name: "binding:vif_details"},
		{Name: "dns_name", Post: true, Put: true, Default: "", Convert: attributes.Lower, Check: attributes.DNSName, Filter: true},
		{Name: "dns_assignment"},
	}, ownerAttributes(), standardAttributes())
}

// macOrNull lets null pass, which asks for a new MAC.
var macOrNull = attributes.OrNull(attributes.HardwareAddress)

func (a *API) portResource() *resource[portT, portReq] {
	r := &resource[portT, portReq]{path: "/ports",
		Resource: &attributes.Resource{Name: "port", Collection: "ports", Tagged: true, Attributes: portAttributes()},
		list:     a.svc.Ports, find: a.svc.Port, create: a.svc.CreatePorts, update: a.svc.UpdatePort, remove: a.svc.DeletePort,
		target: func(p *portT) policy.Target {
			return withAccess(policy.Target{"id": p.ID, "project_id": p.ProjectID, "tenant_id": p.ProjectID, "network_id": p.NetworkID,
				"device_owner": p.DeviceOwner, "device_id": p.DeviceID}, p.Network)
		},
		prepare: a.onNetwork,
	}
	return r.finish()
}

func (a *API) portRoutes() httpapi.Table { return a.ports.routes() }
