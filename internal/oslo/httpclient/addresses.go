package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// closed are the networks that are not anybody's on the internet: RFC 6890 and
// its registries, without those of which the addresses below are made.
var closed = networks("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"::/128", "::1/128", "100::/64", "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8")

// Prefixes under which an IPv6 address leads to an IPv4 one, and where that begins.
var embedded = []struct {
	prefix netip.Prefix
	at     int
}{{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("64:ff9b:1::/48"), 12}, {netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12}}

func networks(texts ...string) []netip.Prefix {
	out, err := parseNetworks(texts)
	if err != nil {
		panic(err)
	}
	return out
}

func parseNetworks(texts []string) (out []netip.Prefix, err error) {
	for _, text := range texts {
		p, perr := netip.ParsePrefix(text)
		if perr != nil || p.Addr().Is4In6() { // addresses are compared as IPv4 then
			err = errors.Join(err, fmt.Errorf("%q is no network: want one such as 10.0.0.0/8", text))
		}
		out = append(out, p)
	}
	return out, err
}

// ownNetworks are those that this host's interfaces are in.
func ownNetworks() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("networks of this host: %w", err)
	}
	var out []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out, nil
}

// dialer connects to addresses that are allowed.
type dialer struct {
	resolver Resolver
	allowed  []netip.Prefix
	own      func() ([]netip.Prefix, error)
	net      net.Dialer
}

// dial resolves a name, once, and connects to the first allowed address that answers.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range addrs {
		conn, err := d.net.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// addresses are those of host that are allowed; *Refused if none is.
func (d *dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		found = append(found, a)
	} else if found, err = d.resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, err
	}
	own, err := d.own()
	if err != nil {
		return nil, err
	}
	var allowed []netip.Addr
	for _, a := range found {
		if a = a.Unmap().WithZone(""); d.allows(a, own) {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) == 0 {
		return nil, &Refused{host, fmt.Sprintf("its addresses %v are not allowed: they are inside of the cloud or nobody's on the internet", found)}
	}
	return allowed, nil
}

func (d *dialer) allows(a netip.Addr, own []netip.Prefix) bool {
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(d.allowed, holds) {
		return true
	}
	if slices.ContainsFunc(closed, holds) || slices.ContainsFunc(own, holds) {
		return false
	}
	for _, e := range embedded {
		if e.prefix.Contains(a) {
			b := a.As16()
			return d.allows(netip.AddrFrom4([4]byte(b[e.at:e.at+4])), own)
		}
	}
	return true
}
