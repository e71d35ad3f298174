package libvirt

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
)

// ensureBridge makes a Linux bridge and brings it up. It forwards at once and speaks no spanning tree. mtu 0 leaves
// the kernel's.
func ensureBridge(name string, mtu int) error {
	link, err := netlink.LinkByName(name)
	var absent netlink.LinkNotFoundError
	if errors.As(err, &absent) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = name, mtu
		err = netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
		if err == nil || errors.Is(err, syscall.EEXIST) {
			quiet(name)
			link, err = netlink.LinkByName(name)
		}
	}
	if err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
	}
	if link.Type() != "bridge" {
		return fmt.Errorf("bridge %s: there is a %s of that name", name, link.Type())
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bridge %s up: %w", name, err)
	}
	return nil
}

// quiet keeps the host out of its guests' network: the bridge takes no IPv6 address of its own.
func quiet(bridge string) {
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+bridge+"/disable_ipv6", []byte("1"), 0o644) // absent where IPv6 is off
	_ = os.WriteFile("/sys/class/net/"+bridge+"/bridge/multicast_snooping", []byte("0"), 0o644)
}
