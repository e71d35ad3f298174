package cloud

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nacre/internal/glance/blob/rbd"
)

// Problem is something that this machine lacks, and the command that mends it.
type Problem struct {
	What string
	Fix  string
}

// String is the problem as a line for the operator.
func (p Problem) String() string {
	if p.Fix == "" {
		return p.What
	}
	return p.What + "\n    fix: " + p.Fix
}

// need is a program and the Debian package that brings it.
type need struct{ program, pkg string }

var programs = []need{
	{"qemu-system-x86_64", "qemu-system-x86"}, {"qemu-img", "qemu-utils"}, {"libvirtd", "libvirt-daemon-system"},
	{"dnsmasq", "dnsmasq-base"}, {"nft", "nftables"}, {"ip", "iproute2"}, {"conntrack", "conntrack"},
}

// Preflight lists everything that would keep a cloud of this configuration
// from working here, before anything is started.
func Preflight(cfg Config) []Problem {
	problems := checkState(cfg)
	problems = append(problems, checkPorts(cfg)...)
	problems = append(problems, checkStores(cfg)...)
	if cfg.VirtType == "fake" || !cfg.whole() {
		return problems
	}
	problems = append(problems, checkPrograms()...)
	if os.Geteuid() != 0 {
		problems = append(problems, Problem{"networks and guests need the rights of root", "sudo nacre up"})
	}
	return append(problems, diagnose(probes(os.Geteuid() == 0))...)
}

// noVNC is where Debian's package puts the pages of consoles.
const noVNC = "/usr/share/novnc/vnc_lite.html"

func checkPrograms() (ps []Problem) {
	var missing, pkgs []string
	if _, err := os.Stat(noVNC); err != nil {
		missing, pkgs = append(missing, "noVNC"), append(pkgs, "novnc")
	}
	for _, n := range programs {
		if _, err := exec.LookPath(n.program); err == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join("/usr/sbin", n.program)); err == nil {
			continue
		}
		missing, pkgs = append(missing, n.program), append(pkgs, n.pkg)
	}
	if len(missing) > 0 {
		ps = append(ps, Problem{"missing programs: " + strings.Join(missing, ", "),
			"apt-get install -y --no-install-recommends " + strings.Join(pkgs, " ")})
	}
	return ps
}

// checkStores looks for what only some image stores need.
func checkStores(cfg Config) (ps []Problem) {
	_, types, _ := cfg.Glance.stores()
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if _, err := exec.LookPath(rbd.Command); types[name] == "rbd" && err != nil {
			ps = append(ps, Problem{"the image store " + name + " needs the command " + rbd.Command,
				"apt-get install -y --no-install-recommends " + rbd.Package})
		}
	}
	return ps
}

func checkState(cfg Config) []Problem {
	if err := os.MkdirAll(cfg.StateDir, 0o755); err != nil {
		return []Problem{{fmt.Sprintf("the state directory %s cannot be made: %v", cfg.StateDir, err), "nacre up --state-dir DIRECTORY"}}
	}
	probe, err := os.CreateTemp(cfg.StateDir, ".probe-*")
	if err != nil {
		return []Problem{{fmt.Sprintf("the state directory %s cannot be written: %v", cfg.StateDir, err), "nacre up --state-dir DIRECTORY"}}
	}
	probe.Close()
	os.Remove(probe.Name())
	return nil
}

func checkPorts(cfg Config) (ps []Problem) {
	env := Env{Config: cfg}
	addrs := map[string]string{cfg.OpsListen: "metrics"}
	if cfg.whole() {
		addrs[env.HostPort(metadataPort)], addrs[env.HostPort(novncPort)] = "nova-metadata", "nova-novncproxy"
	}
	if cfg.Keystone.V2 {
		addrs[env.HostPort(identityAdminPort)] = "keystone, version 2.0"
	}
	for _, s := range Services {
		if len(s.processes(cfg)) > 0 {
			addrs[env.HostPort(s.Catalog.Port)] = s.Name
		}
	}
	for _, addr := range slices.Sorted(maps.Keys(addrs)) {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			ps = append(ps, Problem{fmt.Sprintf("%s cannot listen on %s: %v", addrs[addr], addr, err), mendPort(addr, err)})
			continue
		}
		l.Close()
	}
	return ps
}

func mendPort(addr string, err error) string {
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return "nacre up --listen ADDRESS   # one that `ip address` shows"
	}
	_, port, _ := net.SplitHostPort(addr)
	return "nacre up --port-offset 10000   # or end what has it: ss -ltnp 'sport = :" + port + "'"
}

// probe is something that the kernel must do for a cloud.
type probe struct {
	what, module string
	try          func() error
}

// probes try what the network needs, on links that are removed at once. Without
// the rights of root only what shows by itself can be tried.
func probes(root bool) []probe {
	ps := []probe{
		{"no network namespaces", "", func() error { _, err := os.Stat("/proc/self/ns/net"); return err }},
		{"no network cards for guests", "tun", func() error { _, err := os.Stat("/dev/net/tun"); return err }},
		{"no filtering of bridged packets", "br_netfilter", func() error { _, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables"); return err }},
	}
	if !root {
		return ps
	}
	attrs := netlink.LinkAttrs{Name: "nacre-probe"}
	for _, k := range []struct {
		what, module string
		link         netlink.Link
	}{
		{"no bridges", "bridge", &netlink.Bridge{LinkAttrs: attrs}},
		{"no VXLAN", "vxlan", &netlink.Vxlan{LinkAttrs: attrs, VxlanId: 1, Port: 48789}},
		{"no veth pairs", "veth", &netlink.Veth{LinkAttrs: attrs, PeerName: "nacre-probe2"}},
	} {
		ps = append(ps, probe{k.what, k.module, func() error {
			if err := netlink.LinkAdd(k.link); err != nil {
				return err
			}
			return netlink.LinkDel(k.link)
		}})
	}
	return append(ps, probe{"no packet filter", "nf_tables", listTables}, probe{"no network cards for guests", "tun", openTun})
}

func listTables() error {
	c, err := nftables.New()
	if err == nil {
		_, err = c.ListTables()
	}
	return err
}

func openTun() error {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // told already
	} else if err != nil {
		return err
	}
	return f.Close()
}

// diagnose tries all probes. A right that is missing is named once, for it hides what else is.
func diagnose(all []probe) (ps []Problem) {
	var denied []string
	for _, p := range all {
		switch err := p.try(); {
		case err == nil:
		case errors.Is(err, unix.EPERM):
			denied = append(denied, p.what)
		case p.module == "":
			ps = append(ps, Problem{fmt.Sprintf("the kernel has %s: %v", p.what, err), "apt-get install -y linux-image-amd64 && reboot"})
		default:
			ps = append(ps, Problem{fmt.Sprintf("the kernel has %s: %v", p.what, err), "modprobe " + p.module})
		}
	}
	if len(denied) > 0 {
		ps = append(ps, Problem{"this root may not administer the network (CAP_NET_ADMIN): " + strings.Join(denied, ", "),
			"docker run --privileged --network host …   # or run nacre outside of the container"})
	}
	return ps
}
