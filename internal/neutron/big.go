package neutron

import "math/big"

// Big is a count that may exceed 64 bits, as that of an IPv6 subnet does. It
// is a plain JSON number.
type Big struct{ n big.Int }

// NewBig is n as a Big.
func NewBig(n *big.Int) Big {
	var b Big
	b.n.Set(n)
	return b
}

// Plus is the sum.
func (b Big) Plus(o Big) Big {
	var sum Big
	sum.n.Add(&b.n, &o.n)
	return sum
}

// MarshalJSON writes all digits.
func (b Big) MarshalJSON() ([]byte, error) { return []byte(b.n.String()), nil }

// UnmarshalJSON reads all digits.
func (b *Big) UnmarshalJSON(data []byte) error { return b.n.UnmarshalJSON(data) }
