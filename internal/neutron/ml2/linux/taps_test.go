package linux

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"nacre/internal/neutron/rpcapi"
)

// seen is a tap as the kernel tells of it.
func seen(name string, master int) netlink.Link {
	return &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, Index: 5, MasterIndex: master, Flags: net.FlagUp}}
}

// TestNewsWhileARoundReads: what the kernel tells of a tap after a round asked
// for the list of links is newer than that list.
func TestNewsWhileARoundReads(t *testing.T) {
	const bridge = 7
	wanted := func() map[string]*tap { return map[string]*tap{"tap1": {port: "p", bridge: bridge, ready: true}} }
	for name, tc := range map[string]struct {
		before, listed netlink.Link
		news           func(*taps)
		want           string
	}{
		"plugged":   {nil, seen("tap1", 0), func(s *taps) { s.see(seen("tap1", bridge), false) }, "ACTIVE"},
		"made":      {nil, nil, func(s *taps) { s.see(seen("tap1", bridge), false) }, "ACTIVE"},
		"unplugged": {seen("tap1", bridge), seen("tap1", bridge), func(s *taps) { s.see(seen("tap1", 0), false) }, "DOWN"},
		"removed":   {seen("tap1", bridge), seen("tap1", bridge), func(s *taps) { s.see(seen("tap1", bridge), true) }, "DOWN"},
		"no news":   {seen("tap1", bridge), nil, func(s *taps) { s.see(seen("tap2", bridge), false) }, "DOWN"},
	} {
		s := newTaps()
		if tc.before != nil {
			s.see(tc.before, false)
		}
		for range 2 { // the news of one round are old in the next
			s.begin()
			listed := map[string]netlink.Link{}
			if tc.listed != nil {
				listed["tap1"] = tc.listed
			}
			tc.news(s)
			s.want(wanted(), listed)
			if got := s.statuses(); len(got) != 1 || got[0].Status != tc.want {
				t.Errorf("%s: %+v, want %s", name, got, tc.want)
			}
		}
		s.begin()
		s.want(wanted(), map[string]netlink.Link{"tap1": seen("tap1", bridge)})
		if got := s.statuses(); got[0].Status != "ACTIVE" {
			t.Errorf("%s: the list of a later round counts for nothing: %+v", name, got)
		}
	}
}

// TestNewsInOrder: of two changes at once the one told last is the last one.
func TestNewsInOrder(t *testing.T) {
	s, done := newTaps(), make(chan struct{})
	s.want(map[string]*tap{"tap1": {port: "p", bridge: 7, ready: true, status: "DOWN"}}, nil)
	var told []string
	s.listen(func(p rpcapi.PortStatus) {
		if p.Status == "ACTIVE" {
			go func() { defer close(done); s.see(seen("tap1", 7), true) }()
			time.Sleep(20 * time.Millisecond) // for that to come first, if it can
		}
		told = append(told, p.Status)
	})
	s.see(seen("tap1", 7), false)
	<-done
	if !slices.Equal(told, []string{"ACTIVE", "DOWN"}) {
		t.Errorf("told %v", told)
	}
}
