package linux

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/neutron/rpcapi"
)

// dhcpFiles are what dnsmasq reads again when told to.
type dhcpFiles struct {
	hosts string // --dhcp-hostsfile: who gets what
	opts  string // --dhcp-optsfile: options by subnet and by port
	names string // --addn-hosts: names of guests
}

// print tells files apart.
func (f dhcpFiles) print() []byte {
	return fmt.Appendf(nil, "%x\n", fingerprint([]string{f.hosts, f.opts, f.names}))
}

// renderDHCP writes dnsmasq's files for a network.
func renderDHCP(cfg Config, n rpcapi.Network) dhcpFiles {
	w := dhcpWriter{cfg: cfg, network: n, subnets: map[string]rpcapi.Subnet{}}
	for _, s := range n.Subnets {
		w.subnets[s.ID] = s
		if s.EnableDHCP {
			w.subnet(s)
		}
	}
	for _, h := range n.DHCP.Hosts {
		w.host(h)
	}
	return dhcpFiles{hosts: w.hosts.String(), opts: w.opts.String(), names: w.names.String()}
}

type dhcpWriter struct {
	cfg                Config
	network            rpcapi.Network
	subnets            map[string]rpcapi.Subnet
	hosts, opts, names strings.Builder
}

func (w *dhcpWriter) option(tag, name string, values ...string) {
	fmt.Fprintf(&w.opts, "tag:%s,%s", tag, name)
	for _, v := range values {
		w.opts.WriteString("," + v)
	}
	w.opts.WriteByte('\n')
}

// subnet writes the options that all its guests get.
func (w *dhcpWriter) subnet(s rpcapi.Subnet) {
	tag := subnetTag(s.ID)
	if s.IPVersion == 6 {
		if dns := w.dns(s); len(dns) > 0 {
			w.option(tag, "option6:dns-server", bracket(dns)...)
		}
		w.option(tag, "option6:domain-search", w.domain())
		return
	}
	if dns := w.dns(s); len(dns) > 0 {
		w.option(tag, "option:dns-server", dns...)
	}
	if routes := w.classless(s); len(routes) > 0 {
		w.option(tag, "option:classless-static-route", routes...)
		w.option(tag, "249", routes...) // the same for old Windows
	}
	if s.GatewayIP != "" {
		w.option(tag, "option:router", s.GatewayIP)
	} else {
		w.option(tag, "option:router") // none: else dnsmasq would name itself
	}
}

// dns servers of a subnet: its own, else this DHCP server, which asks the
// configured ones. 0.0.0.0 or :: alone means none, as in Neutron.
func (w *dhcpWriter) dns(s rpcapi.Subnet) []string {
	if len(s.DNSNameservers) == 1 && (s.DNSNameservers[0] == "0.0.0.0" || s.DNSNameservers[0] == "::") {
		return nil
	}
	if len(s.DNSNameservers) > 0 {
		return s.DNSNameservers
	}
	return w.serverIPs(s)
}

func (w *dhcpWriter) serverIPs(s rpcapi.Subnet) []string {
	var ips []string
	for _, ip := range w.network.DHCP.Port.FixedIPs {
		if ip.SubnetID == s.ID {
			ips = append(ips, ip.IPAddress)
		}
	}
	return ips
}

// classless routes of an IPv4 subnet (RFC 3442): the subnet's own, the way to
// the metadata service where no router shows it, the network's other subnets,
// and the default route, which clients take only from here if the option is there.
func (w *dhcpWriter) classless(s rpcapi.Subnet) []string {
	var routes []string
	for _, r := range s.HostRoutes {
		routes = append(routes, r.Destination, r.NextHop)
	}
	if ips := w.serverIPs(s); len(ips) > 0 && w.isolated(s) && w.cfg.Metadata != nil {
		routes = append(routes, metadataAddress+"/32", ips[0])
	}
	for _, other := range w.network.Subnets {
		if other.ID != s.ID && other.IPVersion == 4 {
			routes = append(routes, other.CIDR, "0.0.0.0")
		}
	}
	if len(routes) > 0 && s.GatewayIP != "" {
		routes = append(routes, "0.0.0.0/0", s.GatewayIP)
	}
	return routes
}

// isolated tells a subnet whose gateway is not a router of ours.
func (w *dhcpWriter) isolated(s rpcapi.Subnet) bool {
	return s.GatewayIP == "" || !slices.Contains(w.network.RouterIPs[s.ID], s.GatewayIP)
}

func (w *dhcpWriter) domain() string {
	if d := plainName(strings.TrimSuffix(w.network.DNSDomain, ".")); d != "" {
		return d
	}
	return w.cfg.DNSDomain
}

// host writes what one port gets.
func (w *dhcpWriter) host(h rpcapi.DHCPHost) {
	tag := ""
	if w.hostOptions(h) {
		tag = ",set:" + portTag(h.PortID)
	}
	for _, ip := range h.FixedIPs {
		s, ok := w.subnets[ip.SubnetID]
		addr, err := netip.ParseAddr(ip.IPAddress)
		if !ok || err != nil {
			continue
		}
		name := plainName(h.Hostname)
		if name == "" {
			name = "host-" + strings.NewReplacer(".", "-", ":", "-").Replace(ip.IPAddress)
		}
		domain := plainName(strings.TrimSuffix(h.Domain, "."))
		if domain == "" {
			domain = w.domain()
		}
		fmt.Fprintf(&w.names, "%s\t%s.%s %s\n", addr, name, domain, name)
		if s.EnableDHCP && addr.Is4() {
			fmt.Fprintf(&w.hosts, "%s%s,%s.%s,%s\n", h.MAC, tag, name, domain, addr)
		} else if s.EnableDHCP && s.IPv6AddressMode == "dhcpv6-stateful" {
			fmt.Fprintf(&w.hosts, "%s%s,%s.%s,[%s]\n", h.MAC, tag, name, domain, addr)
		}
	}
}

// hostOptions writes a port's extra options; a value with a line break or in an
// unknown form is left out, for it could write any other line.
func (w *dhcpWriter) hostOptions(h rpcapi.DHCPHost) (any bool) {
	for _, o := range h.Options {
		if !optionName.MatchString(o.Name) || strings.ContainsFunc(o.Value, func(c rune) bool { return c < ' ' }) {
			continue
		}
		prefix := pick(o.IPVersion == 6, "option6:", "option:")
		if _, err := strconv.Atoi(o.Name); err == nil && o.IPVersion != 6 {
			prefix = ""
		}
		w.option(portTag(h.PortID), prefix+o.Name, o.Value)
		any = true
	}
	return any
}

var optionName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// plainName keeps a name that is safe in a line of dnsmasq's files, "" otherwise.
func plainName(s string) string {
	if dnsName.MatchString(s) {
		return strings.ToLower(s)
	}
	return ""
}

var dnsName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

func subnetTag(id string) string { return "subnet-" + id }
func portTag(id string) string   { return "port-" + id }

func bracket(ips []string) []string {
	out := make([]string, len(ips))
	for i, ip := range ips {
		out[i] = "[" + ip + "]"
	}
	return out
}
