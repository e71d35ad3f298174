package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// TestServerJSON holds what servers and lists of them write of themselves against encoding/json.
func TestServerJSON(t *testing.T) {
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
	list := detailList{Links: []link{{Rel: "next", Href: "x?a=b&c=d"}}}
	for name, v := range map[string]serverView{"full": full, "linked": linked, "empty": {Addresses: map[string][]addressView{}, Links: []link{}}} {
		want, err := httpapi.Encode(v)
		if d := cmp.Diff(string(want), string(v.append(nil))); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
		list.Servers = append(list.Servers, want)
	}
	for _, l := range []detailList{list, {Servers: []json.RawMessage{}}} {
		want, err := httpapi.Encode(l)
		if d := cmp.Diff(string(want), string(l.AppendJSON(nil))); err != nil || d != "" {
			t.Error(err, d)
		}
	}
}
