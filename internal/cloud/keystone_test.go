package cloud_test

import (
	"regexp"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
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
