package cloud

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
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
	if cfg.VirtType == "fake" {
		return problems
	}
	problems = append(problems, checkPrograms()...)
	if os.Geteuid() != 0 {
		return append(problems, Problem{"networks and guests need the rights of root", "sudo nacre up"})
	}
	return append(problems, checkKernel()...)
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
	addrs := map[string]string{cfg.OpsListen: "metrics", env.HostPort(metadataPort): "nova-metadata"}
	for _, s := range Catalogue {
		addrs[env.HostPort(s.Port)] = s.Name
	}
	for addr, who := range addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			_, port, _ := net.SplitHostPort(addr)
			ps = append(ps, Problem{fmt.Sprintf("%s cannot listen on %s: %v", who, addr, err), "ss -ltnp 'sport = :" + port + "'   # shows who has it"})
			continue
		}
		l.Close()
	}
	return ps
}

// checkKernel tries what the network needs on links that are removed at once.
func checkKernel() (ps []Problem) {
	for _, k := range []struct {
		what, module string
		link         netlink.Link
	}{
		{"bridges", "bridge", &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "nacre-probe"}}},
		{"VXLAN", "vxlan", &netlink.Vxlan{LinkAttrs: netlink.LinkAttrs{Name: "nacre-probe"}, VxlanId: 1, Port: 48789}},
		{"veth pairs", "veth", &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "nacre-probe"}, PeerName: "nacre-probe2"}},
	} {
		if err := netlink.LinkAdd(k.link); err != nil {
			ps = append(ps, Problem{fmt.Sprintf("the kernel makes no %s: %v", k.what, err), "modprobe " + k.module})
			continue
		}
		_ = netlink.LinkDel(k.link)
	}
	if _, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables"); err != nil {
		ps = append(ps, Problem{"bridged packets cannot be filtered: br_netfilter is missing", "modprobe br_netfilter"})
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		ps = append(ps, Problem{"guests get no network cards: /dev/net/tun: " + err.Error(), "modprobe tun"})
	} else {
		f.Close()
	}
	return ps
}
