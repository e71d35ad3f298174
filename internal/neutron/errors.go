package neutron

import (
	"strings"

	"nacre/internal/oslo/fault"
)

// Invalid is a request that no attribute table can serve: the original's HTTPBadRequest.
func Invalid(format string, a ...any) *fault.Fault {
	return fault.BadRequest(format, a...).As("HTTPBadRequest")
}

// InvalidInput says "Invalid input for operation: … ."
func InvalidInput(format string, a ...any) *fault.Fault {
	f := fault.BadRequest(format, a...).As("InvalidInput")
	f.Message = "Invalid input for operation: " + f.Message + "."
	return f
}

// BadRequest says "Bad RESOURCE request: … ."
func BadRequest(resource, format string, a ...any) *fault.Fault {
	f := fault.BadRequest(format, a...).As("BadRequest")
	f.Message = "Bad " + resource + " request: " + f.Message + "."
	return f
}

// NotFound is the 404 of a kind of resource.
func NotFound(kind, id string) *fault.Fault {
	n := notFound[kind]
	return fault.NotFound(n.sentence, id).As(n.typ)
}

var notFound = map[string]struct{ typ, sentence string }{
	"network":             {"NetworkNotFound", "Network %s could not be found."},
	"subnet":              {"SubnetNotFound", "Subnet %s could not be found."},
	"subnetpool":          {"SubnetPoolNotFound", "Subnet pool %s could not be found."},
	"port":                {"PortNotFound", "Port %s could not be found."},
	"router":              {"RouterNotFound", "Router %s could not be found"},
	"floatingip":          {"FloatingIPNotFound", "Floating IP %s could not be found"},
	"security_group":      {"SecurityGroupNotFound", "Security group %s does not exist"},
	"security_group_rule": {"SecurityGroupRuleNotFound", "Security group rule %s does not exist"},
	"agent":               {"AgentNotFound", "Agent %s could not be found."},
	"rbac_policy":         {"RbacPolicyNotFound", "RBAC policy of type unknown with ID %s not found"},
}

// OverQuota names the kinds of which the project has too many.
func OverQuota(resources ...string) *fault.Fault {
	return fault.Conflict("Quota exceeded for resources: ['%s'].", strings.Join(resources, "', '")).As("OverQuota")
}

// StaleRevision is the 412 of an If-Match that does not hold any more.
func StaleRevision(wanted string, current int) *fault.Fault {
	return fault.New(412, "Constrained to %s, but current revision is %d", wanted, current).As("RevisionNumberConstraintFailed")
}

// NetworkInUse names the ports that keep a network from being deleted.
func NetworkInUse(id string, ports []string) *fault.Fault {
	return fault.Conflict("Unable to complete operation on network %s. There are one or more ports still in use on the network, id for these ports is: %s.",
		id, strings.Join(ports, ",")).As("NetworkInUse")
}

// SubnetInUse says why a subnet cannot go.
func SubnetInUse(id, reason string) *fault.Fault {
	return fault.Conflict("Unable to complete operation on subnet %s: %s.", id, reason).As("SubnetInUse")
}

// AddressTaken is a wish for an address that somebody has.
func AddressTaken(ip, subnet string) *fault.Fault {
	return fault.Conflict("IP address %s already allocated in subnet %s", ip, subnet).As("IpAddressAlreadyAllocated")
}

// NoAddress means that a network's pools are empty.
func NoAddress(network string) *fault.Fault {
	return fault.Conflict("No more IP addresses available on network %s.", network).As("IpAddressGenerationFailure")
}

// MACTaken is a wish for a MAC that a port of the network has.
func MACTaken(network, mac string) *fault.Fault {
	return fault.Conflict("Unable to complete operation for network %s. The mac address %s is in use.", network, mac).As("MacAddressInUse")
}
