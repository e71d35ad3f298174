// Package metadata is what a guest can learn about itself: the files that the metadata service answers at
// 169.254.169.254 and that a config drive carries. What the files say is a pure function of an Instance; the Handler
// serves it to the proxies of the networking service and trusts nothing that a guest could have written.
package metadata

import "encoding/json"

// Instance is everything about one server that its guest may know.
type Instance struct {
	ID               string
	ProjectID        string
	Name             string // as the tenant wrote it
	Hostname         string // with domain: web-1.novalocal
	AvailabilityZone string
	Flavor           string // its name
	ReservationID    string
	LaunchIndex      int
	Keys             []Key
	Metadata         map[string]string
	UserData         []byte // decoded; nil when there is none
	AdminPass        string // told on config drives only; "" leaves it out
	Password         string // what the guest posted, encrypted for its owner
	SecurityGroups   []string
	RandomSeed       []byte // fresh for every reading, 512 bytes
	DedicatedCPUs    []int

	EC2        EC2
	Devices    []Device
	Interfaces []Interface
	VendorData json.RawMessage // of the operator; nil is {}
}

// EC2 holds what only the EC2 tree tells.
type EC2 struct {
	InstanceID string            // i-0000001d
	ImageID    string            // ami-00000007
	KernelID   string            // "" for none
	RamdiskID  string            // "" for none
	Devices    map[string]string // block-device-mapping: ami, root, ephemeral0, swap, ebs0 …
	LocalIPv4  string
	PublicIPv4 string
}

// Key is a public key for the guest's first user.
type Key struct {
	Name string `json:"name"`
	Type string `json:"type"` // ssh or x509
	Data string `json:"data"`
}

// Device tells which of the guest's devices carries which tag.
type Device struct {
	Type    string   `json:"type"`              // nic or disk
	Bus     string   `json:"bus,omitempty"`     // pci, scsi, ide, usb, xen
	Address string   `json:"address,omitempty"` // on the bus
	MAC     string   `json:"mac,omitempty"`
	VLAN    int      `json:"vlan,omitempty"`
	Serial  string   `json:"serial,omitempty"`
	Path    string   `json:"path,omitempty"`
	Tags    []string `json:"tags"`
}

// Interface is a port as the guest sees it.
type Interface struct {
	PortID    string
	NetworkID string
	Device    string // tap device on the host, the link's id
	Type      string // the port's vif_type: bridge, ovs …
	MAC       string
	MTU       int // of the network; 0 when unknown
	Subnets   []Subnet
}

// Subnet is one subnet of a port with the port's addresses on it.
type Subnet struct {
	Version         int    // 4 or 6
	CIDR            string // 10.0.0.0/24
	DHCP            bool   // some DHCP server answers on it
	IPv6AddressMode string // slaac, dhcpv6-stateful, dhcpv6-stateless or ""
	Gateway         string
	Addresses       []string
	DNS             []string
	Routes          []Route
}

// Route is a route beside the default one.
type Route struct{ CIDR, Gateway string }
