package policy

import (
	"testing"

	"nacre/internal/oslo/auth"
)

func TestFieldChecks(t *testing.T) {
	e, err := New([]Rule{
		{Name: "shared", Check: "field:networks:shared=True"},
		{Name: "external", Check: "field:networks:router:external=True"},
		{Name: "device", Check: "not field:port:device_owner=~^network:"},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		rule   string
		target Target
		want   bool
	}{
		{"shared", Target{"shared": true}, true},
		{"shared", Target{"shared": false}, false},
		{"shared", Target{}, false},
		{"external", Target{"router:external": true}, true},
		{"device", Target{"device_owner": "network:dhcp"}, false},
		{"device", Target{"device_owner": "compute:nova"}, true},
	} {
		if got := e.Allowed(auth.Identity{}, tc.rule, tc.target); got != tc.want {
			t.Errorf("%s of %v: %v", tc.rule, tc.target, got)
		}
	}
}
