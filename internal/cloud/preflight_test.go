package cloud_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/oslo/config"
)

// TestPreflight wants every lack named at once, each with what mends it.
func TestPreflight(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := cloud.DefaultConfig()
	cfg.StateDir = filepath.Join(file, "state")
	cfg.PortOffset = l.Addr().(*net.TCPAddr).Port - 5000
	if cfg.PortOffset < 1 || cfg.PortOffset > 50000 {
		cfg.PortOffset = 0
	}
	cfg.OpsListen = l.Addr().String()
	t.Setenv("PATH", t.TempDir())
	text := fmt.Sprint(cloud.Preflight(cfg))
	for _, want := range []string{"state directory", "--state-dir", "cannot listen on " + l.Addr().String(), "ss -ltnp", "--port-offset", "qemu-img", "apt-get install", "qemu-utils"} {
		if !strings.Contains(text, want) {
			t.Errorf("no word of %q in\n%s", want, text)
		}
	}
}

// TestConfigMistakes wants all mistakes of a file reported together.
func TestConfigMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nacre.yaml")
	text := "listen: nowhere\nvirt_type: vmware\nexternal: 10.0.0.0\nno_such_option: 1\nregion: a b\ndatabase: postgres://h/nova\npassword_hash_rounds: 2\ntoken_provider: pki\ntoken_store: disk\nauth_methods: []\nkeystone: {included_previous_windows: 11}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := cloud.DefaultConfig()
	err := config.Load(file, false, &cfg)
	for _, want := range []string{"no_such_option", "listen", "virt_type", "external", "region", "{name}", "password_hash_rounds", "token_provider", "token_store", "auth_methods", "included_previous_windows"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q in %v", want, err)
		}
	}
}
