package metadata

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTreeOfConfigDrive(t *testing.T) {
	i := recorded(t)
	i.AdminPass = "s3cret<&>"
	files, err := Tree(i)
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{
		"2012-08-10": "meta_data.json user_data",
		"2013-10-17": "meta_data.json user_data vendor_data.json",
		"2015-10-15": "meta_data.json network_data.json user_data vendor_data.json",
		"latest":     "meta_data.json network_data.json user_data vendor_data.json vendor_data2.json",
	} {
		var got []string
		for _, path := range slices.Sorted(maps.Keys(files)) {
			if name, ok := strings.CutPrefix(path, "openstack/"+version+"/"); ok {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s holds %v, want %s", version, got, want)
		}
	}
	for _, path := range []string{"ec2/2009-04-04/meta-data.json", "ec2/latest/meta-data.json", "ec2/latest/user-data"} {
		if files[path] == nil {
			t.Errorf("%s is missing", path)
		}
	}
	if !strings.Contains(string(files["openstack/latest/meta_data.json"]), `"admin_pass":"s3cret<&>"`) {
		t.Error("the password is missing or escaped")
	}
}

func TestNoUserDataNoFile(t *testing.T) {
	files, err := Tree(Instance{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for path := range files {
		if strings.Contains(path, "user") {
			t.Errorf("%s is there", path)
		}
	}
}

func TestNetworkData(t *testing.T) {
	v4 := Subnet{Version: 4, CIDR: "10.0.0.0/26", Gateway: "10.0.0.1", Addresses: []string{"10.0.0.7"},
		DNS: []string{"9.9.9.9"}, Routes: []Route{{"192.168.0.0/16", "10.0.0.2"}}}
	v6 := Subnet{Version: 6, CIDR: "2001:db8::/64", Gateway: "2001:db8::1", Addresses: []string{"2001:db8::7"},
		IPv6AddressMode: "slaac", DNS: []string{"9.9.9.9"}}
	for name, tc := range map[string]struct {
		ports []Interface
		want  string
	}{
		"no ports":           {nil, `{"links":[],"networks":[],"services":[]}`},
		"a port without net": {[]Interface{{PortID: "p"}}, `{"links":[],"networks":[],"services":[]}`},
		"static": {[]Interface{{PortID: "p", NetworkID: "n", Type: "bridge", Device: "tapp", MAC: "m", MTU: 1450, Subnets: []Subnet{v4, v6}}},
			`{"links":[{"id":"tapp","vif_id":"p","type":"bridge","mtu":1450,"ethernet_mac_address":"m"}],"networks":[` +
				`{"id":"network0","type":"ipv4","link":"tapp","network_id":"n","ip_address":"10.0.0.7","netmask":"255.255.255.192","routes":[` +
				`{"network":"0.0.0.0","netmask":"0.0.0.0","gateway":"10.0.0.1"},{"network":"192.168.0.0","netmask":"255.255.0.0","gateway":"10.0.0.2"}],` +
				`"services":[{"type":"dns","address":"9.9.9.9"}]},` +
				`{"id":"network1","type":"ipv6_slaac","link":"tapp","network_id":"n","ip_address":"2001:db8::7","netmask":"ffff:ffff:ffff:ffff::","routes":[` +
				`{"network":"::","netmask":"::","gateway":"2001:db8::1"}],"services":[{"type":"dns","address":"9.9.9.9"}]}],` +
				`"services":[{"type":"dns","address":"9.9.9.9"}]}`},
		"unknown kind, no device": {[]Interface{{PortID: "p", Type: "ib", Subnets: []Subnet{{Version: 4, DHCP: true, Addresses: []string{"1.1.1.1"}}}}},
			`{"links":[{"id":"interface0","vif_id":"p","type":"phy","mtu":null,"ethernet_mac_address":""}],` +
				`"networks":[{"id":"network0","type":"ipv4_dhcp","link":"interface0","network_id":""}],"services":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(networkDataOf(tc.ports))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEC2OldestVersionTellsLess(t *testing.T) {
	got, ok := ec2Item(recorded(t), []string{"1.0", "meta-data"})
	if want := "ami-id\nami-launch-index\nami-manifest-path\nhostname\ninstance-id\nlocal-ipv4\npublic-keys/\nreservation-id\nsecurity-groups"; !ok || got != want {
		t.Errorf("got %q", got)
	}
	for _, path := range []string{"2009-04-05", "latest/meta-data/ami-id/x", "latest/public-keys"} {
		if _, ok := ec2Item(recorded(t), strings.Split(path, "/")); ok {
			t.Errorf("%s is there", path)
		}
	}
}
