package rpcapi

import "nacre/internal/oslo/messaging"

// FindGuest asks neutron-server whose address that is. The metadata proxy of a
// network or router asks it for guests of other hosts.
var FindGuest = messaging.Method[GuestRequest, Guest]{Name: "find_guest", Version: "1.0"}

// GuestRequest names an address on one of some networks.
type GuestRequest struct {
	NetworkIDs []string `json:"network_ids"`
	Address    string   `json:"address"`
}

// Guest is the port with the address and what it belongs to; the zero value
// means that no port of an instance has it.
type Guest struct {
	PortID    string `json:"port_id"`
	DeviceID  string `json:"device_id"`
	ProjectID string `json:"project_id"`
}
