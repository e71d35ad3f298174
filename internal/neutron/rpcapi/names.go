package rpcapi

// BridgeName of a network on every host: "brq" and the start of its id.
func BridgeName(networkID string) string { return short("brq", networkID) }

// TapName of a port's interface on its host: "tap" and the start of its id.
func TapName(portID string) string { return short("tap", portID) }

// short keeps names within the kernel's 15 characters.
func short(prefix, id string) string {
	if len(id) > 11 {
		id = id[:11]
	}
	return prefix + id
}
