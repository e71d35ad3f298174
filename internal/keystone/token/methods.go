package token

import (
	"maps"
	"slices"
)

// Methods are the methods of authentication that a cloud knows, in the order
// of its configuration: the place of each is its bit in a token, so clouds
// that share keys must have the same list.
type Methods []string

// DefaultMethods are the original's [auth] methods.
var DefaultMethods = Methods{"external", "password", "token", "oauth1", "mapped", "application_credential"}

// inner are ways to a token that no client can ask for as a method, and that
// the original forgets. Their bits are so high that it does not read them.
var inner = map[string]int{"ec2credential": 1 << 24, "oauth2_credential": 1 << 25}

// bits are those of names. What the cloud does not know has none.
func (m Methods) bits(names []string) (bits int) {
	for i, name := range m {
		if slices.Contains(names, name) {
			bits |= 1 << i
		}
	}
	for _, name := range names {
		bits |= inner[name]
	}
	return bits
}

// names lists methods from the highest bit down, as the original does.
func (m Methods) names(bits int) []string {
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		if bits&inner[name] != 0 {
			names = append(names, name)
		}
	}
	for i := len(m) - 1; i >= 0; i-- {
		if bits&(1<<i) != 0 {
			names = append(names, m[i])
		}
	}
	return names
}
