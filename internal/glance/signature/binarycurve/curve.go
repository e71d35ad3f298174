package binarycurve

import (
	"encoding/binary"
	"encoding/hex"
	"math/big"
)

// curve is y² + xy = x³ + ax² + b over a field.
type curve struct {
	field
	a, b element // a is 0 or 1
	g    point   // the base point
	n    *big.Int
}

// point is a point of a curve. The one at infinity is (0, 0), which is on none of them.
type point struct{ x, y element }

func (p point) infinite() bool { return p == point{} }

// projective is the point (X/Z, Y/Z²), by López and Dahab; where Z is 0 it is at infinity.
type projective struct{ x, y, z element }

func (p point) projective() projective {
	if p.infinite() {
		return projective{x: element{1}}
	}
	return projective{p.x, p.y, element{1}}
}

func (c *curve) affine(p projective) point {
	if p.z.zero() {
		return point{}
	}
	inverse := c.inverse(p.z)
	return point{c.times(p.x, inverse), c.times(p.y, c.square(inverse))}
}

func (c *curve) on(p point) bool {
	left := c.times(p.y, p.y.plus(p.x))
	right := c.times(c.square(p.x), p.x.plus(c.a)).plus(c.b)
	return left == right
}

// timesA is a·e.
func (c *curve) timesA(e element) element {
	if c.a.zero() {
		return element{}
	}
	return e
}

func (c *curve) double(p projective) projective {
	xx, zz := c.square(p.x), c.square(p.z)
	bz := c.times(c.b, c.square(zz))
	z := c.times(xx, zz)
	x := c.square(xx).plus(bz)
	y := c.times(bz, z).plus(c.times(x, c.timesA(z).plus(c.square(p.y)).plus(bz)))
	return projective{x, y, z}
}

func (c *curve) add(p projective, q point) projective {
	switch {
	case q.infinite():
		return p
	case p.z.zero():
		return q.projective()
	}
	zz := c.square(p.z)
	dy, dx := p.y.plus(c.times(q.y, zz)), p.x.plus(c.times(q.x, p.z))
	if dx.zero() { // the same point, or its opposite
		if dy.zero() {
			return c.double(p)
		}
		return projective{x: element{1}}
	}
	zdx := c.times(p.z, dx)
	d := c.times(c.square(dx), zdx.plus(c.timesA(zz)))
	z := c.square(zdx)
	e := c.times(dy, zdx)
	x := c.square(dy).plus(d).plus(e)
	y := c.times(e.plus(z), x.plus(c.times(q.x, z))).plus(c.times(q.x.plus(q.y), c.square(z)))
	return projective{x, y, z}
}

// sum is u·G + v·q, both doubled at once.
func (c *curve) sum(u, v *big.Int, q point) point {
	both := c.affine(c.add(c.g.projective(), q))
	addends := [4]point{1: c.g, 2: q, 3: both}
	r := point{}.projective()
	for i := max(u.BitLen(), v.BitLen()) - 1; i >= 0; i-- {
		r = c.add(c.double(r), addends[u.Bit(i)|v.Bit(i)<<1])
	}
	return c.affine(r)
}

// size is the bytes of a coordinate.
func (c *curve) size() int { return (c.bits + 7) / 8 }

// point reads an uncompressed point that is on the curve.
func (c *curve) point(b []byte) (p point, ok bool) {
	if len(b) != 1+2*c.size() || b[0] != 4 {
		return p, false
	}
	p = point{elementOf(b[1 : 1+c.size()]), elementOf(b[1+c.size():])}
	fits := func(e element) bool { return e[c.bits/64]>>(c.bits%64) == 0 }
	return p, fits(p.x) && fits(p.y) && c.on(p)
}

// elementOf reads big-endian bytes, at most 72.
func elementOf(b []byte) (e element) {
	var all [8 * words]byte
	copy(all[len(all)-len(b):], b)
	for i := range e {
		e[i] = binary.BigEndian.Uint64(all[len(all)-8*(i+1):])
	}
	return e
}

// number is the integer with the same bits.
func (a element) number() *big.Int {
	var all [8 * words]byte
	for i, w := range a {
		binary.BigEndian.PutUint64(all[len(all)-8*(i+1):], w)
	}
	return new(big.Int).SetBytes(all[:])
}

// newCurve makes a curve of the parameters as SEC 2 has them, in hexadecimal digits.
func newCurve(f field, a uint64, b, x, y, n string) *curve {
	read := func(digits string) []byte {
		out, err := hex.DecodeString(digits)
		if err != nil {
			panic(err)
		}
		return out
	}
	return &curve{f, element{a}, elementOf(read(b)), point{elementOf(read(x)), elementOf(read(y))}, new(big.Int).SetBytes(read(n))}
}
