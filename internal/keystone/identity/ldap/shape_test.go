package ldap

import (
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// same wants two filters to differ in one value only: x in the first is value in the second.
func same(t *testing.T, plain, got *ber.Packet, value string) {
	t.Helper()
	if plain.Tag != got.Tag || plain.ClassType != got.ClassType || len(plain.Children) != len(got.Children) {
		t.Fatalf("%q changes the filter", value)
	}
	for i := range plain.Children {
		same(t, plain.Children[i], got.Children[i], value)
	}
	if len(plain.Children) > 0 {
		return
	}
	if was, is := plain.Data.String(), got.Data.String(); was == "x" && is != value || was != "x" && is != was {
		t.Fatalf("%q becomes %q in the place of %q", value, is, was)
	}
}
