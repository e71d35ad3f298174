// Package ipam reckons with addresses, pools and prefixes. It is pure: who
// has which address is told by its caller.
package ipam

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"nacre/internal/neutron"
)

// Range is an inclusive range of addresses of one family.
type Range struct{ First, Last netip.Addr }

// String is "first-last".
func (r Range) String() string { return r.First.String() + "-" + r.Last.String() }

// Contains tells whether ip lies in r.
func (r Range) Contains(ip netip.Addr) bool {
	return ip.BitLen() == r.First.BitLen() && ip.Compare(r.First) >= 0 && ip.Compare(r.Last) <= 0
}

// Overlaps tells whether both have an address in common.
func (r Range) Overlaps(o Range) bool {
	return r.First.Compare(o.Last) <= 0 && o.First.Compare(r.Last) <= 0
}

// Size is the number of addresses.
func (r Range) Size() *big.Int {
	n := new(big.Int).Sub(number(r.Last), number(r.First))
	return n.Add(n, big.NewInt(1))
}

// Ranges reads pools; addresses that do not parse are an error.
func Ranges(pools []neutron.Pool) ([]Range, error) {
	out := make([]Range, len(pools))
	for i, p := range pools {
		first, err := netip.ParseAddr(p.Start)
		if err != nil {
			return nil, fmt.Errorf("pool start: %w", err)
		}
		last, err := netip.ParseAddr(p.End)
		if err != nil {
			return nil, fmt.Errorf("pool end: %w", err)
		}
		out[i] = Range{first, last}
	}
	return out, nil
}

// Pools writes ranges as pools.
func Pools(rs []Range) []neutron.Pool {
	out := make([]neutron.Pool, len(rs))
	for i, r := range rs {
		out[i] = neutron.Pool{Start: r.First.String(), End: r.Last.String()}
	}
	return out
}

// Whole is every address of the prefix.
func Whole(p netip.Prefix) Range { return Range{p.Masked().Addr(), Last(p)} }

// Last is the highest address of the prefix.
func Last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Usable is what hosts may have of the prefix: IPv4 without the network and
// broadcast addresses (but for /31 and /32), IPv6 without the subnet-router
// anycast address (but for /127 and /128).
func Usable(p netip.Prefix) Range {
	r := Whole(p)
	if p.Addr().BitLen()-p.Bits() <= 1 {
		return r
	}
	r.First = r.First.Next()
	if p.Addr().Is4() {
		r.Last = r.Last.Prev()
	}
	return r
}

// DefaultGateway is the address a subnet's gateway has when nobody says: the
// first one, for IPv6 the anycast address of SLAAC subnets.
func DefaultGateway(p netip.Prefix, auto bool) netip.Addr {
	if p.Addr().Is6() && auto || p.Addr().BitLen() == p.Bits() {
		return p.Masked().Addr()
	}
	return p.Masked().Addr().Next()
}

// DefaultPools is Usable without the gateway.
func DefaultPools(p netip.Prefix, gateway netip.Addr) []Range {
	r := Usable(p)
	if !gateway.IsValid() || !r.Contains(gateway) {
		return []Range{r}
	}
	var out []Range
	if gateway.Compare(r.First) > 0 {
		out = append(out, Range{r.First, gateway.Prev()})
	}
	if gateway.Compare(r.Last) < 0 {
		out = append(out, Range{gateway.Next(), r.Last})
	}
	return out
}

// probes is how many random addresses are tried before the gaps are listed.
const probes = 12

// Choose finds a free address of ranges: by chance, so that a released address
// is not handed out again at once; where few are left, the first gap. chance
// gives a number below its argument, taken asks about one address, used lists
// all of the subnet. An invalid Addr means that there is none.
func Choose(ranges []Range, chance func(below uint64) uint64, taken func(netip.Addr) (bool, error), used func() ([]netip.Addr, error)) (netip.Addr, error) {
	sizes, total := weights(ranges)
	if total > probes {
		for range probes {
			ip := pick(ranges, sizes, chance(total))
			if busy, err := taken(ip); err != nil {
				return netip.Addr{}, err
			} else if !busy {
				return ip, nil
			}
		}
	}
	have, err := used()
	if err != nil {
		return netip.Addr{}, err
	}
	return firstGap(ranges, have), nil
}

// weights are the sizes of ranges, cut to 2^32 each, and their sum.
func weights(ranges []Range) (sizes []uint64, total uint64) {
	for _, r := range ranges {
		n := uint64(1) << 32
		if s := r.Size(); s.IsUint64() {
			n = min(n, s.Uint64())
		}
		sizes = append(sizes, n)
		total += n
	}
	return sizes, total
}

func pick(ranges []Range, sizes []uint64, n uint64) netip.Addr {
	for i, s := range sizes {
		if n < s {
			return Add(ranges[i].First, n)
		}
		n -= s
	}
	return netip.Addr{}
}

// firstGap is the lowest address of ranges that is not in have.
func firstGap(ranges []Range, have []netip.Addr) netip.Addr {
	slices.SortFunc(have, netip.Addr.Compare)
	for _, r := range ranges {
		i, _ := slices.BinarySearchFunc(have, r.First, netip.Addr.Compare)
		for ip := r.First; r.Contains(ip); ip = ip.Next() {
			for i < len(have) && have[i].Less(ip) {
				i++
			}
			if i == len(have) || have[i] != ip {
				return ip
			}
		}
	}
	return netip.Addr{}
}

// Add is the address n after a.
func Add(a netip.Addr, n uint64) netip.Addr {
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	low, carry := bits.Add64(binary.BigEndian.Uint64(b[8:]), n, 0)
	binary.BigEndian.PutUint64(b[8:], low)
	binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])+carry)
	return netip.AddrFrom16(b)
}

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// EUI64 is the address that a MAC gives itself in an IPv6 prefix (RFC 4291).
func EUI64(p netip.Prefix, mac string) (netip.Addr, error) {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return netip.Addr{}, fmt.Errorf("address from MAC %q: not 48 bits", mac)
	}
	b := p.Masked().Addr().As16()
	copy(b[8:], []byte{hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5]})
	return netip.AddrFrom16(b), nil
}

// RandomMAC is a MAC with the three bytes that mark OpenStack ports.
func RandomMAC() string {
	n := rand.Uint32()
	return fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", byte(n), byte(n>>8), byte(n>>16))
}

// Lowest finds the lowest free address of ranges; invalid when there is none.
func Lowest(ranges []Range, used func() ([]netip.Addr, error)) (netip.Addr, error) {
	have, err := used()
	if err != nil {
		return netip.Addr{}, err
	}
	return firstGap(ranges, have), nil
}

// Back is the address n before a.
func Back(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Prev()
	}
	return a
}
