package cloud_test

import (
	"regexp"
	"strings"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/service"
)

// TestTokenProviders: whatever tokens look like, services take them, and no
// more once they are revoked.
func TestTokenProviders(t *testing.T) {
	for provider, form := range map[string]string{"fernet": `^gAAAA`, "jws": `^eyJ[^.]+\.[^.]+\.[^.]+$`, "uuid": `^[0-9a-f]{32}$`} {
		t.Run(provider, func(t *testing.T) {
			c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.TokenProvider, cfg.NoDefaults = provider, true })
			if tok := c.Token(cloudtest.Admin); !regexp.MustCompile(form).MatchString(tok) {
				t.Errorf("a token of %s: %s", provider, tok)
			}
			c.As(cloudtest.Admin).Compute("2.1").Get("/servers").Want(200)
			c.As(cloudtest.Admin).Identity().With("X-Subject-Token", c.Token(cloudtest.Admin)).Delete("/auth/tokens").Want(204)
			c.As(cloudtest.Admin).Compute("2.1").Get("/servers").Want(401)
		})
	}
}

// TestKeystoneAdmin: keys are rotated under a running cloud; what writes to its
// SQLite waits until it is stopped.
func TestKeystoneAdmin(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	admin := cloud.NewKeystoneAdmin(c.Env.Config)
	if problems, err := admin.Doctor(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("a new cloud: %v %v", problems, err)
	}
	old := c.Token(cloudtest.Admin)
	for range 2 {
		c.As(cloudtest.Admin).Identity().With("X-Subject-Token", old).Get("/auth/tokens").Want(200)
		if _, err := admin.FernetRotate(); err != nil {
			t.Fatal(err)
		}
	}
	c.As(cloudtest.None).Identity().With("X-Auth-Token", old).Get("/projects").Want(401)

	if _, err := admin.TokenFlush(t.Context()); err == nil || !strings.Contains(err.Error(), "stop the cloud first") {
		t.Errorf("flushed beside a running cloud: %v", err)
	}
	if err := admin.Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "x"}); err == nil {
		t.Error("bootstrapped beside a running cloud")
	}
}
