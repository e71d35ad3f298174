package cloud_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/service"
)

// TestCredentialsAreTrue: a cloud whose administrator was there before writes
// no password that does not open it, and takes the one that does.
func TestCredentialsAreTrue(t *testing.T) {
	beside := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true }) // keeps the ports of the others free
	cfg := cloud.DefaultConfig()
	cfg.StateDir, cfg.Listen, cfg.OpsListen, cfg.PortOffset = t.TempDir(), "127.0.0.7", "127.0.0.7:0", beside.Env.Config.PortOffset
	cfg.VirtType, cfg.NoDefaults, cfg.PasswordHashRounds = "fake", true, 4
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	bootstrap := func(password string) {
		t.Helper()
		if err := cloud.NewKeystoneAdmin(cfg).Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: password}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ is, given, want string }{
		{"theirs", "", ""}, {"theirs", "wrong", ""}, {"theirs", "theirs", "theirs"}, {"theirs", "", "theirs"},
		{"changed", "", ""}, {"it's new", "it's new", "it's new"}, {"it's new", "wrong", "it's new"},
	} {
		bootstrap(tc.is)
		cfg.AdminPassword = tc.given
		c, err := cloud.Start(t.Context(), cfg)
		if err == nil {
			err = c.Ready(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		openrc, err := os.ReadFile(filepath.Join(cfg.StateDir, "openrc"))
		if err != nil {
			t.Fatal(err)
		}
		clouds, err := os.ReadFile(filepath.Join(cfg.StateDir, "clouds.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		shell := "export OS_PASSWORD='" + strings.ReplaceAll(tc.want, "'", `'\''`) + "'\n"
		if tc.want == "" {
			if strings.Contains(string(openrc), "export OS_PASSWORD=") || !strings.Contains(string(openrc), "NACRE_ADMIN_PASSWORD") || strings.Contains(string(clouds), "password:") {
				t.Errorf("%+v: %s%s", tc, openrc, clouds)
			}
		} else if !strings.Contains(string(openrc), shell) || !strings.Contains(string(clouds), `password: "`+tc.want+`"`) {
			t.Errorf("%+v: %s%s", tc, openrc, clouds)
		}
	}
}
