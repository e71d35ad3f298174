package cloud

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A kernel that lacks things is told of all at once, each with its module; a
// right that is missing is not taken for a missing module.
func TestDiagnose(t *testing.T) {
	fails := func(err error) func() error { return func() error { return fmt.Errorf("try: %w", err) } }
	text := fmt.Sprint(diagnose([]probe{
		{"no bridges", "bridge", fails(unix.EOPNOTSUPP)},
		{"no veth pairs", "veth", fails(unix.EPERM)},
		{"no VXLAN", "vxlan", fails(unix.EPERM)},
		{"no network cards for guests", "tun", fails(os.ErrNotExist)},
		{"no network namespaces", "", fails(os.ErrNotExist)},
		{"no packet filter", "nf_tables", func() error { return nil }},
	}))
	for want, wanted := range map[string]bool{"no bridges": true, "modprobe bridge": true, "modprobe tun": true, "linux-image": true,
		"CAP_NET_ADMIN): no veth pairs, no VXLAN": true, "--privileged": true, "modprobe veth": false, "modprobe vxlan": false, "packet filter": false} {
		if strings.Contains(text, want) != wanted {
			t.Errorf("%q is to be told: %v, in\n%s", want, wanted, text)
		}
	}
}

// This machine lacks nothing, and is left as it was.
func TestProbes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for range 2 {
		if ps := diagnose(probes(true)); len(ps) > 0 {
			t.Errorf("%v", ps)
		}
	}
}

// Every port that the cloud listens on is tried before it starts.
func TestEveryPortIsTried(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen, cfg.OpsListen = "192.0.2.1", "192.0.2.1:9464" // no address of this machine
	cfg.Keystone.V2 = true
	text := fmt.Sprint(checkPorts(cfg))
	for _, port := range Ports() {
		if !strings.Contains(text, fmt.Sprintf("192.0.2.1:%d: ", port)) {
			t.Errorf("port %d is not tried:\n%s", port, text)
		}
	}
	if !strings.Contains(text, "nacre up --listen ADDRESS") {
		t.Error(text)
	}
}
