package ipam

import (
	"math/big"
	"net/netip"
	"slices"
)

// Merge sorts prefixes and joins neighbours to larger ones.
func Merge(ps []netip.Prefix) []netip.Prefix {
	out := slices.Clone(ps)
	for i := range out {
		out[i] = out[i].Masked()
	}
	for {
		slices.SortFunc(out, netip.Prefix.Compare)
		merged := mergeOnce(out)
		if len(merged) == len(out) {
			return merged
		}
		out = merged
	}
}

func mergeOnce(ps []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range ps {
		if len(out) > 0 {
			last := out[len(out)-1]
			if last.Bits() <= p.Bits() && last.Contains(p.Addr()) {
				continue
			}
			if up, ok := joined(last, p); ok {
				out[len(out)-1] = up
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

// joined is the prefix whose two halves are a and b.
func joined(a, b netip.Prefix) (netip.Prefix, bool) {
	if a.Bits() != b.Bits() || a.Bits() == 0 || a == b {
		return netip.Prefix{}, false
	}
	up := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
	return up, up.Contains(b.Addr()) && up.Addr() == a.Addr()
}

// Cut finds the lowest free prefix of the length within supply that does not
// overlap used; false when there is none.
func Cut(supply, used []netip.Prefix, length int) (netip.Prefix, bool) {
	slices.SortFunc(supply, netip.Prefix.Compare)
	for _, s := range supply {
		if p, ok := cutFrom(s.Masked(), used, length); ok {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

func cutFrom(s netip.Prefix, used []netip.Prefix, length int) (netip.Prefix, bool) {
	if s.Bits() > length {
		return netip.Prefix{}, false
	}
	for addr := s.Addr(); addr.IsValid() && s.Contains(addr); {
		p := netip.PrefixFrom(addr, length)
		busy, ok := overlapping(p, used)
		if !ok {
			return p, true
		}
		addr = Last(p).Next()
		if busy.Bits() < length {
			addr = Last(busy).Next()
		}
	}
	return netip.Prefix{}, false
}

func overlapping(p netip.Prefix, used []netip.Prefix) (netip.Prefix, bool) {
	for _, u := range used {
		if p.Overlaps(u) {
			return u, true
		}
	}
	return netip.Prefix{}, false
}

// Within tells whether p lies wholly in one of supply.
func Within(p netip.Prefix, supply []netip.Prefix) bool {
	for _, s := range supply {
		if s.Bits() <= p.Bits() && s.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// Subtract takes away cuts from supply; each cut must lie within supply.
func Subtract(supply, cuts []netip.Prefix) []netip.Prefix {
	out := Merge(supply)
	for _, c := range cuts {
		var next []netip.Prefix
		for _, s := range out {
			next = append(next, without(s, c)...)
		}
		out = next
	}
	return Merge(out)
}

// without splits s around c.
func without(s, c netip.Prefix) []netip.Prefix {
	switch {
	case !s.Overlaps(c):
		return []netip.Prefix{s}
	case c.Bits() <= s.Bits():
		return nil
	}
	low := netip.PrefixFrom(s.Addr(), s.Bits()+1)
	high := netip.PrefixFrom(Last(low).Next(), s.Bits()+1)
	return append(without(low, c), without(high, c)...)
}

// Units is how much of a pool's quota a prefix takes: addresses of IPv4, /64s of IPv6.
func Units(p netip.Prefix) *big.Int {
	host := p.Addr().BitLen() - p.Bits()
	if p.Addr().Is6() {
		host -= 64
	}
	if host < 0 {
		host = 0
	}
	return new(big.Int).Lsh(big.NewInt(1), uint(host))
}
