package token

import "slices"

// Methods are the methods of authentication that a cloud knows, in the order
// of its configuration: the place of each is its bit in a token, so clouds
// that share keys must have the same list.
type Methods []string

// DefaultMethods are the original's [auth] methods.
var DefaultMethods = Methods{"external", "password", "token", "oauth1", "mapped", "application_credential"}

// bits are those of names. What the cloud does not know has none.
func (m Methods) bits(names []string) (bits int) {
	for i, name := range m {
		if slices.Contains(names, name) {
			bits |= 1 << i
		}
	}
	return bits
}

// names lists methods from the highest bit down, as the original does.
func (m Methods) names(bits int) []string {
	names := []string{}
	for i := len(m) - 1; i >= 0; i-- {
		if bits&(1<<i) != 0 {
			names = append(names, m[i])
		}
	}
	return names
}
