package ipam

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"nacre/internal/neutron"
)

func TestDefaultPools(t *testing.T) {
	for _, tc := range []struct {
		cidr, gateway string
		auto          bool
		want          string
	}{
		{"10.7.0.0/24", "10.7.0.1", false, "[10.7.0.2-10.7.0.254]"},
		{"10.7.0.0/24", "10.7.0.9", false, "[10.7.0.1-10.7.0.8 10.7.0.10-10.7.0.254]"},
		{"10.7.0.0/24", "", false, "[10.7.0.1-10.7.0.254]"},
		{"10.7.0.0/31", "10.7.0.1", false, "[10.7.0.0-10.7.0.0]"},
		{"fd00:7::/64", "fd00:7::", true, "[fd00:7::1-fd00:7::ffff:ffff:ffff:ffff]"},
		{"fd00:7::/64", "fd00:7::1", false, "[fd00:7::2-fd00:7::ffff:ffff:ffff:ffff]"},
	} {
		var gw netip.Addr
		if tc.gateway != "" {
			gw = netip.MustParseAddr(tc.gateway)
		}
		p := netip.MustParsePrefix(tc.cidr)
		if got := text(DefaultPools(p, gw)); got != tc.want {
			t.Errorf("%s without %s: %s, want %s", tc.cidr, tc.gateway, got, tc.want)
		}
		if tc.gateway == "10.7.0.1" && p.Bits() == 24 && DefaultGateway(p, tc.auto) != gw {
			t.Errorf("gateway of %s: %s", p, DefaultGateway(p, tc.auto))
		}
	}
}

func text(rs []Range) string {
	s := "["
	for i, r := range rs {
		if i > 0 {
			s += " "
		}
		s += r.String()
	}
	return s + "]"
}

func TestChooseGivesEveryAddressOnce(t *testing.T) {
	rs, err := Ranges([]neutron.Pool{{Start: "10.0.0.2", End: "10.0.0.5"}, {Start: "10.0.0.100", End: "10.0.0.139"}})
	if err != nil {
		t.Fatal(err)
	}
	have := map[netip.Addr]bool{}
	taken := func(ip netip.Addr) (bool, error) { return have[ip], nil }
	used := func() ([]netip.Addr, error) {
		var out []netip.Addr
		for ip := range have {
			out = append(out, ip)
		}
		return out, nil
	}
	for range 44 {
		ip, err := Choose(rs, rand.Uint64N, taken, used)
		if err != nil || !ip.IsValid() || have[ip] || !rs[0].Contains(ip) && !rs[1].Contains(ip) {
			t.Fatalf("got %v, %v after %d", ip, err, len(have))
		}
		have[ip] = true
	}
	if ip, _ := Choose(rs, rand.Uint64N, taken, used); ip.IsValid() {
		t.Fatalf("a full pool gave %v", ip)
	}
}

func TestEUI64(t *testing.T) {
	ip, err := EUI64(netip.MustParsePrefix("fd00:7::/64"), "fa:16:3e:db:7c:73")
	if err != nil || ip.String() != "fd00:7::f816:3eff:fedb:7c73" {
		t.Fatal(ip, err)
	}
}

func TestCut(t *testing.T) {
	supply := []netip.Prefix{netip.MustParsePrefix("10.200.0.0/24")}
	var used []netip.Prefix
	for _, want := range []string{"10.200.0.0/26", "10.200.0.64/26", "10.200.0.128/26", "10.200.0.192/26"} {
		p, ok := Cut(supply, used, 26)
		if !ok || p.String() != want {
			t.Fatalf("got %v, want %s", p, want)
		}
		used = append(used, p)
	}
	if p, ok := Cut(supply, used, 28); ok {
		t.Fatalf("an empty pool gave %v", p)
	}
	if p, ok := Cut(supply, used[:3], 28); !ok || p.String() != "10.200.0.192/28" {
		t.Fatal(p, ok)
	}
}

func TestMergeAndSubtract(t *testing.T) {
	ps := func(s ...string) (out []netip.Prefix) {
		for _, x := range s {
			out = append(out, netip.MustParsePrefix(x))
		}
		return out
	}
	m := Merge(ps("10.0.1.0/24", "10.0.0.0/24", "10.0.0.128/25", "10.9.0.0/16"))
	if len(m) != 2 || m[0].String() != "10.0.0.0/23" {
		t.Fatal(m)
	}
	s := Subtract(ps("10.0.0.0/22"), ps("10.0.1.0/24"))
	if len(s) != 2 || s[0].String() != "10.0.0.0/24" || s[1].String() != "10.0.2.0/23" {
		t.Fatal(s)
	}
}
