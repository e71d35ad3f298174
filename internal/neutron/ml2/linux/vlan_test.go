package linux

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"nacre/internal/neutron/rpcapi"
)

// TestVLAN has a VLAN network wired where the kernel can tag; where it cannot,
// the operator reads what is missing, and other networks work.
func TestVLAN(t *testing.T) {
	h := newHost(t, func(c *Config) {
		c.Bridges, c.BridgeMappings = []Bridge{{Name: "br-phy"}}, map[string]string{"physnet": "br-phy"}
	})
	h.apply()
	tagged := h.addNetwork(0, "10.3.0.0/24")
	tagged.Type, tagged.PhysicalNetwork, tagged.SegmentationID, tagged.MTU = "vlan", "physnet", 42, 1500
	vlan := *tagged
	plain := h.addNetwork(77, "10.4.0.0/24")
	h.addPort(&vlan, "10.3.0.5")
	h.addPort(plain, "10.4.0.5")
	status, err := h.driver.Apply(t.Context(), h.want, false)
	if err != nil {
		t.Fatal(err)
	}
	phy, err := h.driver.nl.LinkByName("br-phy")
	if err != nil {
		t.Fatal(err)
	}
	probe := &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "probe", ParentIndex: phy.Attrs().Index}, VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
	if h.driver.nl.LinkAdd(probe) == nil {
		if err := h.driver.nl.LinkDel(probe); err != nil {
			t.Fatal(err)
		}
		link, err := h.driver.nl.LinkByName(vlanName(vlan))
		if v, ok := link.(*netlink.Vlan); err != nil || !ok || v.VlanId != 42 || len(status.Errors) > 0 {
			t.Errorf("%v %v %+v", link, err, status.Errors)
		}
		return
	}
	told := ""
	for _, e := range status.Errors {
		told += e.Kind + " " + e.ID + ": " + e.Error + "\n"
	}
	if !strings.Contains(told, "network "+vlan.ID) || !strings.Contains(told, "the kernel makes no VLAN 42: 8021q is missing (modprobe 8021q") {
		t.Errorf("the operator is told:\n%s", told)
	}
	if strings.Contains(told, plain.ID) {
		t.Errorf("another network fails, too:\n%s", told)
	}
	if _, err := h.driver.nl.LinkByName(rpcapi.BridgeName(plain.ID)); err != nil {
		t.Error(err)
	}
	h.want.Networks, h.want.Ports = nil, nil
}
