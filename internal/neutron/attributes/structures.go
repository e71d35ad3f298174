package attributes

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/oslo/fault"
)

// hasKeys demands exactly these keys.
func hasKeys(v any, keys ...string) string {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("Invalid input. '%s' must be a dictionary with keys: %s", Text(v), Repr(keys))
	}
	have := slices.Sorted(maps.Keys(m))
	slices.Sort(keys)
	if !slices.Equal(have, keys) {
		return fmt.Sprintf("Validation of dictionary's keys failed. Expected keys: %s Provided keys: %s", set(keys), set(have))
	}
	return ""
}

func set(keys []string) string {
	if len(keys) == 0 {
		return "set()"
	}
	return "{" + joined(keys, quote) + "}"
}

// AllocationPools takes a list of {start, end}.
func AllocationPools(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprintf("Invalid data format for IP pool: '%s'", Text(v))
	}
	for _, item := range list {
		if why := hasKeys(item, "end", "start"); why != "" {
			return why
		}
		pool := item.(map[string]any)
		for _, k := range []string{"start", "end"} {
			if why := Address(pool[k]); why != "" {
				return why
			}
		}
	}
	return ""
}

// FixedIPs takes a list of {subnet_id, ip_address}, each of them optional.
func FixedIPs(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprintf("Invalid data format for fixed IP: '%s'", Text(v))
	}
	var seen []string
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return fmt.Sprintf("Invalid data format for fixed IP: '%s'", Text(item))
		}
		if ip, ok := m["ip_address"]; ok {
			if slices.Contains(seen, Text(ip)) {
				return fmt.Sprintf("Duplicate IP address '%s'", Text(ip))
			}
			if why := Address(ip); why != "" {
				return why
			}
			seen = append(seen, Text(ip))
		}
		if id, ok := m["subnet_id"]; ok {
			if why := UUID(id); why != "" {
				return why
			}
		}
	}
	return ""
}

// Nameservers takes a list of different addresses.
func Nameservers(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprintf("Invalid data format for nameserver: '%s'", Text(v))
	}
	var seen []any
	for _, host := range list {
		if why := Address(host); why != "" {
			return fmt.Sprintf("'%s' is not a valid nameserver. %s", Text(host), why)
		}
		if slices.Contains(seen, host) {
			return fmt.Sprintf("Duplicate nameserver '%s'", Text(host))
		}
		seen = append(seen, host)
	}
	return ""
}

// Routes takes a list of different {destination, nexthop}.
func Routes(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprintf("Invalid data format for hostroute: '%s'", Text(v))
	}
	var seen []string
	for _, item := range list {
		if why := hasKeys(item, "destination", "nexthop"); why != "" {
			return why
		}
		route := item.(map[string]any)
		if why := destination(route["destination"]); why != "" {
			return why
		}
		if why := Address(route["nexthop"]); why != "" {
			return why
		}
		if slices.Contains(seen, Repr(item)) {
			return fmt.Sprintf("Duplicate hostroute '%s'", Text(item))
		}
		seen = append(seen, Repr(item))
	}
	return ""
}

// maxAddressPairs is how many address pairs a port may have.
const maxAddressPairs = 10

// AddressPairs takes a list of {ip_address, mac_address}.
func AddressPairs(v any) error {
	list, ok := v.([]any)
	if !ok {
		return neutron.Invalid("Allowed address pairs must be a list.")
	}
	if len(list) > maxAddressPairs {
		return fault.BadRequest("The number of allowed address pair exceeds the maximum %d.", maxAddressPairs).As("AllowedAddressPairExhausted")
	}
	var seen []string
	for _, item := range list {
		if err := addressPair(item); err != nil {
			return err
		}
		m := item.(map[string]any)
		key := Text(m["mac_address"]) + " " + Text(m["ip_address"])
		if slices.Contains(seen, key) {
			return fault.BadRequest("Request contains duplicate address pair: mac_address %s ip_address %s.",
				Text(m["mac_address"]), Text(m["ip_address"])).As("DuplicateAddressPairInRequest")
		}
		seen = append(seen, key)
	}
	return nil
}

func addressPair(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return neutron.Invalid("Invalid input for allowed_address_pairs. Reason: %s.", Dict(v))
	}
	mac, hasMAC := m["mac_address"]
	if why := HardwareAddress(mac); hasMAC && why != "" {
		return neutron.Invalid("%s", why)
	}
	ip, hasIP := m["ip_address"]
	if !hasIP {
		return fault.BadRequest("AllowedAddressPair must contain ip_address").As("AllowedAddressPairsMissingIP")
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "mac_address" && k != "ip_address" {
			return neutron.Invalid("Unrecognized attribute(s) '%s'", k)
		}
	}
	check := Address
	if strings.Contains(Text(ip), "/") {
		check = Prefix
	}
	if why := check(ip); why != "" {
		return neutron.Invalid("%s", why)
	}
	return nil
}

// DHCPOpts takes null or a list of {opt_name, opt_value, ip_version}.
func DHCPOpts(v any) error {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return neutron.InvalidInput("'%s' is not a list", Text(v))
	}
	for _, item := range list {
		if !dhcpOpt(item) {
			return neutron.InvalidInput("No valid key specs matched for: %s", Text(item))
		}
	}
	return nil
}

// blankOpts may have an empty value.
var blankOpts = []string{"router", "classless-static-route"}

func dhcpOpt(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	name, hasName := m["opt_name"]
	value, hasValue := m["opt_value"]
	for k := range m {
		if !slices.Contains([]string{"opt_name", "opt_value", "ip_version"}, k) {
			return false
		}
	}
	if version, sent := m["ip_version"]; sent {
		n, ok := integer(version)
		if !ok || n != 4 && n != 6 {
			return false
		}
		m["ip_version"] = n
	} else {
		m["ip_version"] = 4
	}
	if !hasName || !hasValue || OneLine(64)(name) != "" {
		return false
	}
	if slices.Contains(blankOpts, Text(name)) {
		return OrNull(String(255))(value) == ""
	}
	return OrNull(OneLine(255))(value) == ""
}

// Gateway takes null, {} or {network_id, enable_snat, external_fixed_ips}.
func Gateway(v any) error {
	m, ok := v.(map[string]any)
	if v == nil || ok && len(m) == 0 {
		return nil
	}
	if !ok {
		return neutron.Invalid("Invalid input for external_gateway_info. Reason: %s.", Dict(v))
	}
	why := gateway(m)
	if why != "" {
		return neutron.Invalid("Invalid input for external_gateway_info. Reason: %s.", why)
	}
	if snat, sent := m["enable_snat"]; sent {
		b, err := Bool(snat)
		if err != nil {
			return err
		}
		m["enable_snat"] = b
	}
	return nil
}

func gateway(m map[string]any) string {
	id, ok := m["network_id"]
	if !ok {
		return fmt.Sprintf("Validation of dictionary's keys failed. Expected keys: {'network_id'} Provided keys: %s", set(slices.Sorted(maps.Keys(m))))
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains([]string{"network_id", "enable_snat", "external_fixed_ips"}, k) {
			return "Unexpected keys supplied: " + k
		}
	}
	if why := UUID(id); why != "" {
		return why
	}
	if ips, sent := m["external_fixed_ips"]; sent {
		return FixedIPs(ips)
	}
	return ""
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9A-Z-]{1,63}$`)

// DNSName takes a host name, relative or not.
func DNSName(v any) string {
	if why := String(255)(v); why != "" {
		return why
	}
	return dnsFormat(v.(string))
}

// DNSLabel takes a relative host name.
func DNSLabel(v any) string {
	if s, ok := v.(string); ok && strings.HasSuffix(s, ".") {
		return fmt.Sprintf("'%s' is a FQDN. It should be a relative domain name", s)
	}
	return DNSName(v)
}

// DNSDomain takes a domain name that ends with a period.
func DNSDomain(v any) string {
	if why := String(255)(v); why != "" || v == "" {
		return why
	}
	if s := v.(string); !strings.HasSuffix(s, ".") {
		return fmt.Sprintf("'%s' is not a FQDN", s)
	}
	return dnsFormat(v.(string))
}

func dnsFormat(s string) string {
	if s == "" {
		return ""
	}
	refuse := func(why string) string {
		return fmt.Sprintf("'%s' not a valid PQDN or FQDN. Reason: %s", s, why)
	}
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, l := range labels {
		switch {
		case l == "":
			return refuse("Encountered an empty component")
		case strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-"):
			return refuse("Name '" + l + "' must not start or end with a hyphen")
		case !dnsLabel.MatchString(l):
			return refuse("Name '" + l + "' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen")
		}
	}
	if last := labels[len(labels)-1]; len(labels) > 1 && strings.Trim(last, "0123456789") == "" {
		return refuse("TLD '" + last + "' must not be all numeric")
	}
	return ""
}

// ServiceTypes takes a list of device owners of ports.
func ServiceTypes(v any) error {
	list, ok := v.([]any)
	if !ok {
		return neutron.InvalidInput("Subnet service types must be a list")
	}
	var seen []any
	for _, t := range list {
		s, ok := t.(string)
		if !ok {
			return fault.BadRequest("Subnet service type %s is not a string.", Text(t)).As("InvalidInputSubnetServiceType")
		}
		if !serviceType.MatchString(s) {
			return fault.BadRequest("Subnet service type %s does not correspond to a valid device owner.", s).As("InvalidSubnetServiceType")
		}
		if slices.Contains(seen, t) {
			return neutron.InvalidInput("Duplicate service types in request")
		}
		seen = append(seen, t)
	}
	return nil
}

// serviceType is what the original takes for a device owner: neutron's own
// prefixes, or any word that begins with a letter of "compute:".
var serviceType = regexp.MustCompile(`^(network:|neutron:|[compute:])`)

// Protocol takes a protocol's name or number; null, "any" and 0 are any.
func Protocol(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	s := strings.ToLower(Text(v))
	if s == "any" || s == "" || s == "0" {
		return nil, nil
	}
	if n, ok := integer(v); ok && n > 0 && n <= 255 {
		return fmt.Sprint(n), nil
	}
	if slices.Contains(protocols, s) {
		return s, nil
	}
	return nil, fault.BadRequest("Security group rule protocol %s not supported. Only protocol values [None, %s] and integer representations [0 to 255] are supported.",
		Text(v), joined(protocols, quote)).As("SecurityGroupRuleInvalidProtocol")
}

var protocols = []string{"ah", "dccp", "egp", "esp", "gre", "hopopt", "icmp", "igmp", "ip", "ipip", "ipv6-encap", "ipv6-frag",
	"ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "ospf", "pgm", "rsvp", "sctp", "tcp", "udp", "udplite", "vrrp"}

// EtherType takes IPv4 and IPv6 in any case.
func EtherType(v any) (any, error) {
	for _, t := range []string{"IPv4", "IPv6"} {
		if s, ok := v.(string); ok && strings.EqualFold(s, t) {
			return t, nil
		}
	}
	return nil, fault.BadRequest("Security group rule for ethertype '%s' not supported. Allowed values are ['IPv4', 'IPv6'].", Text(v)).As("SecurityGroupRuleInvalidEtherType")
}

// PortNumber takes null and 0 to 65535.
func PortNumber(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if n, ok := integer(v); ok && n >= 0 && n <= 65535 {
		return n, nil
	}
	return nil, fault.BadRequest("Invalid value for port %s", Text(v)).As("SecurityGroupInvalidPortValue")
}

// RemotePrefix takes null, an address or a prefix.
func RemotePrefix(v any) (any, error) {
	if v == nil || v == "" {
		return nil, nil
	}
	s, _ := v.(string)
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()).String(), nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.String(), nil
	}
	return nil, fault.BadRequest("Invalid CIDR %s given as IP prefix.", Text(v)).As("InvalidCIDR")
}

// GroupName takes any name but that of the default group.
func GroupName(v any) error {
	if why := String(255)(v); why != "" {
		return neutron.Invalid("Invalid input for name. Reason: %s.", why)
	}
	if strings.EqualFold(v.(string), neutron.DefaultGroup) {
		return fault.Conflict("Default security group already exists.").As("SecurityGroupDefaultAlreadyExists")
	}
	return nil
}
