package binarycurve

// element is a polynomial over GF(2) of a degree below 576: bit i is the
// coefficient of x^i. Adding is XOR.
type element [words]uint64

const words = 9

// field is GF(2^bits).
type field struct {
	bits int
	taps []int // x^bits is the sum of x to the power of each; all are far smaller than bits
}

func (a element) plus(b element) element {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

func (a element) zero() bool { return a == element{} }

// timesX is a·x; the degree of a is below 575.
func (a element) timesX() element {
	for i := words - 1; i > 0; i-- {
		a[i] = a[i]<<1 | a[i-1]>>63
	}
	a[0] <<= 1
	return a
}

// times multiplies by four bits of a at a time.
func (f *field) times(a, b element) element {
	var multiples [16]element // of b, which has at most 571 bits, so that 3 more have room
	for i := 1; i < 16; i++ {
		if multiples[i] = multiples[i/2].timesX(); i%2 == 1 {
			multiples[i] = multiples[i].plus(b)
		}
	}
	var product [2 * words]uint64
	for shift := 60; shift >= 0; shift -= 4 {
		for i := len(product) - 1; i > 0; i-- {
			product[i] = product[i]<<4 | product[i-1]>>60
		}
		product[0] <<= 4
		for i := range a {
			row, times := (*element)(product[i:]), &multiples[a[i]>>shift&15]
			for j := range row {
				row[j] ^= times[j]
			}
		}
	}
	return f.reduce(&product)
}

// square puts a zero behind each bit.
func (f *field) square(a element) element {
	var product [2 * words]uint64
	for i, w := range a {
		product[2*i], product[2*i+1] = spread(w&(1<<32-1)), spread(w>>32)
	}
	return f.reduce(&product)
}

// spread puts bit i of a number of 32 bits to the place 2i.
func spread(w uint64) uint64 {
	w = (w | w<<16) & 0x0000ffff0000ffff
	w = (w | w<<8) & 0x00ff00ff00ff00ff
	w = (w | w<<4) & 0x0f0f0f0f0f0f0f0f
	w = (w | w<<2) & 0x3333333333333333
	return (w | w<<1) & 0x5555555555555555
}

// reduce is the remainder of a product.
func (f *field) reduce(p *[2 * words]uint64) (a element) {
	fold := func(w uint64, at int) {
		for _, tap := range f.taps {
			i, bit := (at+tap)/64, (at+tap)%64
			p[i] ^= w << bit
			p[i+1] ^= w >> (64 - bit) // nothing where bit is 0
		}
	}
	top := f.bits / 64
	for i := len(p) - 1; i > top; i-- {
		w := p[i]
		p[i] = 0
		fold(w, 64*i-f.bits)
	}
	w := p[top] >> (f.bits % 64)
	p[top] ^= w << (f.bits % 64)
	fold(w, 0)
	copy(a[:], p[:])
	return a
}

// inverse is a to the power of 2^bits-2.
func (f *field) inverse(a element) element {
	out := element{1}
	for range f.bits - 1 {
		a = f.square(a)
		out = f.times(out, a)
	}
	return out
}
