package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nacre/internal/neutron/rpcapi"
)

// leaseSeconds is how long a lease lasts.
const leaseSeconds = 86400

// dnsmasq is the DHCP and name server of one network. It outlives the
// process: its arguments, as /proc shows them, say whether it is the right one.
type dnsmasq struct {
	dir   string
	args  []string
	files dhcpFiles
	live  map[string]bool // "MAC IP" of every reserved lease
}

func newDnsmasq(cfg Config, n rpcapi.Network, dir, inner string) *dnsmasq {
	d := &dnsmasq{dir: dir, files: renderDHCP(cfg, n), live: map[string]bool{}}
	for _, h := range n.DHCP.Hosts {
		for _, ip := range h.FixedIPs {
			d.live[strings.ToLower(h.MAC)+" "+ip.IPAddress] = true
		}
	}
	w := dhcpWriter{cfg: cfg, network: n}
	d.args = []string{"dnsmasq", "--no-hosts", "--no-resolv", "--no-ping", "--conf-file=",
		"--user=" + userFor(dir), "--except-interface=lo", "--bind-dynamic", "--interface=" + inner,
		"--pid-file=" + d.path("pid"), "--dhcp-hostsfile=" + d.path("host"), "--addn-hosts=" + d.path("addn_hosts"),
		"--dhcp-optsfile=" + d.path("opts"), "--dhcp-leasefile=" + d.path("leases"),
		"--dhcp-authoritative", "--dhcp-match=set:ipxe,175", "--dhcp-userclass=set:ipxe6,iPXE",
		"--domain=" + w.domain()}
	if n.MTU > 0 {
		d.args = append(d.args, fmt.Sprintf("--dhcp-option-force=option:mtu,%d", n.MTU))
	}
	for _, s := range cfg.DNSServers {
		d.args = append(d.args, "--server="+s)
	}
	d.args = append(d.args, ranges(n.Subnets)...)
	return d
}

func (d *dnsmasq) path(name string) string { return filepath.Join(d.dir, name) }

// ranges offers the subnets' addresses, to those who have a reservation only.
func ranges(subnets []rpcapi.Subnet) []string {
	var args []string
	leases := uint64(0)
	for _, s := range subnets {
		prefix, err := netip.ParsePrefix(s.CIDR)
		if err != nil || !s.EnableDHCP {
			continue
		}
		switch {
		case prefix.Addr().Is4():
			mask := net.IP(net.CIDRMask(prefix.Bits(), 32))
			args = append(args, fmt.Sprintf("--dhcp-range=set:%s,%s,static,%s,%ds", subnetTag(s.ID), prefix.Masked().Addr(), mask, leaseSeconds))
		case s.IPv6AddressMode == "dhcpv6-stateful" || s.IPv6AddressMode == "dhcpv6-stateless":
			args = append(args, fmt.Sprintf("--dhcp-range=set:%s,%s,static,%d,%ds", subnetTag(s.ID), prefix.Masked().Addr(), prefix.Bits(), leaseSeconds))
		default:
			continue
		}
		leases += 1 << min(16, prefix.Addr().BitLen()-prefix.Bits())
	}
	return append(args, fmt.Sprintf("--dhcp-lease-max=%d", min(leases, math.MaxUint16+1)))
}

// userFor gives up root's rights where the files can be read without.
func userFor(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode()&0o001 == 0 {
			return "root"
		}
		if d == "/" {
			return "nobody"
		}
	}
}

// ensure makes the server run with today's arguments and files.
func (d *dnsmasq) ensure(ctx context.Context, ns *namespace) error {
	if err := d.write(); err != nil {
		return err
	}
	pid := d.pid()
	stale, err := d.staleLeases()
	if err != nil {
		return err
	}
	if pid != 0 && (stale || ns.made || !slices.Equal(cmdline(pid), d.args)) {
		if err := stop(pid); err != nil {
			return fmt.Errorf("restart dnsmasq: %w", err)
		}
		pid = 0
	}
	if pid == 0 {
		if err := d.dropStale(); err != nil {
			return err
		}
		if err := d.start(ctx, ns); err != nil {
			return err
		}
		return d.told()
	}
	if d.knows() {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		return err
	}
	return d.told()
}

// told notes that the server has read today's files, or has been told to. Files
// that a process wrote and then was killed nobody has told it of.
func (d *dnsmasq) told() error { return writeFile(d.path("told"), d.files.print()) }

// knows reports whether the server was told of today's files.
func (d *dnsmasq) knows() bool {
	data, err := os.ReadFile(d.path("told"))
	return err == nil && bytes.Equal(data, d.files.print())
}

// write puts the files in place.
func (d *dnsmasq) write() error {
	for name, content := range map[string]string{"host": d.files.hosts, "opts": d.files.opts, "addn_hosts": d.files.names} {
		old, err := os.ReadFile(d.path(name))
		if err == nil && string(old) == content {
			continue
		}
		if err := writeFile(d.path(name), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// start returns once the server has its sockets: it goes to the background
// only then. It gets a session of its own and so survives the process.
func (d *dnsmasq) start(ctx context.Context, ns *namespace) error {
	path, err := exec.LookPath(d.args[0])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = d.args
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := inside(ns.ns, cmd.Run); err != nil {
		return fmt.Errorf("start dnsmasq: %w: %s", err, firstLines(out.String(), 2))
	}
	return nil
}

// pid of the running server, 0 if none: the pid file may be old and its number
// another process's by now.
func (d *dnsmasq) pid() int {
	data, err := os.ReadFile(d.path("pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || !slices.Contains(cmdline(pid), "--pid-file="+d.path("pid")) {
		return 0
	}
	return pid
}

// cmdline is the argument list of a process, nil if there is none.
func cmdline(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// stop ends a process that was checked to be ours and waits until it is gone.
func stop(pid int) error {
	for i, sig := 0, syscall.SIGTERM; i < 2000; i++ { // the machine may be busy
		if i == 100 {
			sig = syscall.SIGKILL
		}
		if i%100 == 0 {
			if err := syscall.Kill(pid, sig); errors.Is(err, syscall.ESRCH) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if cmdline(pid) == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("process %d does not end", pid)
}

// staleLeases tells leases of ports that left: dnsmasq would keep their
// addresses from the next owner until they expire.
func (d *dnsmasq) staleLeases() (bool, error) {
	kept, all, err := d.leases()
	return len(kept) != len(all), err
}

// dropStale takes stale leases out of the file of a stopped server.
func (d *dnsmasq) dropStale() error {
	kept, all, err := d.leases()
	if err != nil || len(kept) == len(all) {
		return err
	}
	return writeFile(d.path("leases"), []byte(strings.Join(kept, "\n")+"\n"))
}

// leases reads the lease file: its lines, and those of them that stay. A line
// of IPv4 is "expiry MAC IP name client-id"; others are kept as they are.
func (d *dnsmasq) leases() (kept, all []string, err error) {
	data, err := os.ReadFile(d.path("leases"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		all = append(all, line)
		f := strings.Fields(line)
		if len(f) != 5 || !strings.Contains(f[1], ":") || len(f[1]) != 17 || strings.Contains(f[2], ":") || d.live[f[1]+" "+f[2]] {
			kept = append(kept, line)
		}
	}
	return kept, all, nil
}

// removeDnsmasq ends the server of a directory, does what must come after that,
// and removes its files.
func removeDnsmasq(dir string, then func() error) error {
	d := &dnsmasq{dir: dir}
	if pid := d.pid(); pid != 0 {
		if err := stop(pid); err != nil {
			return err
		}
	}
	if err := then(); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
