package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// TestDetailListJSON holds what a list of servers writes of itself against encoding/json.
func TestDetailListJSON(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 23, 5, 123456000, time.UTC)
	odd, text := "a \"quote\", <b>&\\ é \x01\u2028", "plain"
	full := serverView{ID: "i", Name: odd, Status: "ACTIVE", TenantID: "t", UserID: "u", Metadata: map[string]string{"b": odd, "a": ""}, HostID: "h",
		Image:  reference{ID: "im", Links: []link{{Rel: "bookmark", Href: "http://x/images/im"}}},
		Flavor: embeddedFlavor{1, 2, 3, 4, 5, odd, show(map[string]string{"hw:x": "y", "a": "b"})}, Created: isoTime(at), Updated: isoTime(at),
		Addresses: map[string][]addressView{"z": {{Version: 4, Addr: "10.0.0.1", Type: "fixed", MAC: "fa"}, {Version: 6, Addr: "::1"}}, "a é": {{Version: 4, Addr: "10.0.0.2"}}},
		Links:     []link{{Rel: "self", Href: "x"}, {Rel: "bookmark", Type: "t", Href: "y"}}, DiskConfig: "AUTO",
		Fault: &faultView{Code: 500, Created: isoTime(at), Message: odd}, Progress: show(7), Zone: show("nova"), ConfigDrive: show("True"),
		KeyName: show(&odd), Launched: show(stampOf(&at)), Terminated: show(stampOf(nil)), Groups: []named{{odd}, {"default"}},
		Host: show(&text), GuestName: show(""), Node: show(orNil("")), Hostname: show(odd), ReservationID: show("r"), LaunchIndex: show(1), KernelID: show("k"),
		RamdiskID: show(""), RootDevice: show(&text), UserData: show(orNil("")), TaskState: show(orNil("")), VMState: show(nova.Active),
		PowerState: show(nova.PowerRunning), Volumes: show([]any{}), HostStatus: show("UP"), Locked: show(true), LockedReason: show((*string)(nil)),
		Description: show(&odd), Tags: show([]string{"x", odd}), TrustedCerts: show([]string(nil)), ServerGroups: show([]string{})}
	linked := full
	linked.Image, linked.Flavor, linked.Groups, linked.Fault, linked.Metadata = "", reference{ID: "1", Links: []link{}}, nil, nil, nil
	for name, list := range map[string]detailList{
		"none": {Servers: []serverView{}},
		"some": {Servers: []serverView{full, {Addresses: map[string][]addressView{}, Links: []link{}}, linked}, Links: []link{{Rel: "next", Href: "x?a=b&c=d"}}},
	} {
		want, err := httpapi.Encode(list)
		if d := cmp.Diff(string(want), string(list.AppendJSON(nil))); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}
