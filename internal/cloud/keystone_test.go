package cloud_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/messaging"
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
	overrides := c.Env.Config.PolicyFile("keystone")
	if err := os.WriteFile(overrides, []byte(`"identity:list_users": "rule:nobody_wrote"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if problems, err := admin.Doctor(t.Context()); err != nil || len(problems) != 1 || !strings.Contains(problems[0].What, "nobody_wrote") {
		t.Errorf("a policy that is wrong: %v %v", problems, err)
	}
	if err := os.Remove(overrides); err != nil {
		t.Fatal(err)
	}
	doctorChangesNoSchema(t, c, admin)
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

// doctorChangesNoSchema: it may be of a newer version than the cloud that runs.
func doctorChangesNoSchema(t *testing.T, c *cloudtest.Cloud, admin cloud.KeystoneAdmin) {
	t.Helper()
	d, err := db.OpenForeign(t.Context(), c.Env.Database("keystone"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := db.Exec(t.Context(), d, "UPDATE migrations SET version_id = -version_id WHERE version_id = (SELECT MAX(version_id) FROM migrations)"); err != nil {
		t.Fatal(err)
	}
	if problems, err := admin.Doctor(t.Context()); err != nil || len(problems) != 1 || !strings.Contains(problems[0].What, "another version") {
		t.Errorf("a database of an older version: %v %v", problems, err)
	}
	if n, err := db.Exec(t.Context(), d, "UPDATE migrations SET version_id = -version_id WHERE version_id < 0"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// TestKeystoneV2: version 2.0 is served on both ports where the operator wants
// it, and all that is changed is told on the cloud's bus.
func TestKeystoneV2(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.Keystone.V2, cfg.NoDefaults = true, true })
	heard := make(chan messaging.Event, 100)
	stop, err := c.Env.Bus.Listen(func(e messaging.Event) {
		if e.Type == "identity.project.created" {
			heard <- e
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	ask := func(method string, port int, path, body string) (int, string) {
		req, err := http.NewRequest(method, c.Env.URL(port)+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", c.Token(cloudtest.Admin))
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, text := ask("POST", 35357, "/v2.0/tenants", `{"tenant": {"name": "t"}}`); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	e := <-heard
	if e.PublisherID != "identity.testhost" || !strings.Contains(string(e.Payload), `"action":"created.project"`) {
		t.Errorf("%s %s", e.PublisherID, e.Payload)
	}
	for port, all := range map[int]bool{5000: false, 35357: true} {
		if status, text := ask("GET", port, "/v2.0/tenants", ""); status != 200 || strings.Contains(text, `"name":"t"`) != all {
			t.Errorf("port %d: %d %s", port, status, text)
		}
	}
	if _, text := ask("GET", 5000, "/v3/endpoints?interface=admin", ""); !strings.Contains(text, c.Env.URL(35357)+"/v3") {
		t.Errorf("the catalogue does not say where the administrators' port is: %s", text)
	}
}
