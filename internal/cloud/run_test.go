package cloud_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/keystoneauth"
)

// part starts some processes with a state directory and an address of their own.
func part(t *testing.T, beside *cloudtest.Cloud, change func(*cloud.Config)) *cloud.Cloud {
	t.Helper()
	cfg := cloud.DefaultConfig()
	cfg.StateDir, cfg.Listen, cfg.OpsListen, cfg.PortOffset = t.TempDir(), "127.0.0.7", "127.0.0.7:0", beside.Env.Config.PortOffset
	cfg.PasswordHashRounds = 4
	change(&cfg)
	c, err := cloud.Start(t.Context(), cfg)
	if err == nil {
		err = c.Ready(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestKeystoneAlone: it knows nothing but what an operator tells it.
func TestKeystoneAlone(t *testing.T) {
	whole := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	dir := t.TempDir()
	cfg := func(c *cloud.Config) { c.Processes, c.StateDir = []string{"keystone"}, dir }
	session := func(c *cloud.Cloud) *keystoneauth.Session {
		return keystoneauth.New(keystoneauth.Config{AuthURL: c.Env.URL(5000) + "/v3", Username: "admin", Password: "given", Project: "admin"}, http.DefaultTransport)
	}
	var checked cloud.Config
	t.Run("new", func(t *testing.T) {
		c := part(t, whole, cfg)
		checked = c.Env.Config
		if _, err := session(c).Token(t.Context()); err == nil {
			t.Error("there is an administrator that nobody made")
		}
		for _, name := range []string{"secrets.json", "openrc", "clouds.yaml"} {
			if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	if err := cloud.NewKeystoneAdmin(checked).Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "given"}); err != nil {
		t.Fatal(err)
	}
	s := session(part(t, whole, cfg))
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := keystoneauth.NewValidator(s, 0).Validate(t.Context(), token)
	if err != nil || id.UserName != "admin" || !id.HasRole("admin") {
		t.Errorf("%+v %v", id, err)
	}
}

// TestPlacementElsewhere: Placement in another process than Keystone answers
// every persona as the one beside it, and ends with a token if it asks anew.
func TestPlacementElsewhere(t *testing.T) {
	whole := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	whole.People()
	at := func(keep time.Duration) func(*cloud.Config) {
		return func(c *cloud.Config) {
			c.Processes = []string{"placement-api"}
			c.Authtoken = cloud.Authtoken{AuthURL: whole.Env.URL(5000) + "/v3", Username: "placement", Password: whole.Env.Secrets.Services["placement"], TokenCacheTime: keep}
		}
	}
	asks := part(t, whole, at(0))
	believes := part(t, whole, func(c *cloud.Config) { at(time.Hour)(c); c.Listen, c.OpsListen = "127.0.0.8", "127.0.0.8:0" })
	status := func(c *cloud.Cloud, token string) int {
		r, _ := http.NewRequest("GET", c.Env.URL(8778)+"/resource_providers", nil)
		r.Header.Set("X-Auth-Token", token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, p := range cloudtest.Personas {
		want := whole.As(p).Placement("placement 1.39").Get("/resource_providers").Status
		for range 2 {
			if got := status(asks, whole.Token(p)); got != want {
				t.Errorf("%s: %d, in one process %d", p, got, want)
			}
			if got := status(believes, whole.Token(p)); got != want {
				t.Errorf("%s, remembered: %d, in one process %d", p, got, want)
			}
		}
	}
	gone := whole.Token(cloudtest.Admin)
	whole.As(cloudtest.System).Identity().With("X-Subject-Token", gone).Delete("/auth/tokens").Want(204)
	if got := status(asks, gone); got != 401 {
		t.Errorf("revoked: %d", got)
	}
	if got := status(believes, gone); got != 200 {
		t.Errorf("revoked but remembered: %d", got)
	}
}

// TestGlanceElsewhere: Glance in another process than Keystone is the user of
// keystone_authtoken there, and sees the limits of every project.
func TestGlanceElsewhere(t *testing.T) {
	whole := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	whole.People()
	admin, system := whole.As(cloudtest.Admin).Identity(), whole.As(cloudtest.System).Identity()
	var users struct{ Users []struct{ ID string } }
	admin.Get("/users?name=glance").Want(200).Into(&users)
	var roles struct{ Roles []struct{ ID string } }
	admin.Get("/roles?name=reader").Want(200).Into(&roles)
	system.Put("/system/users/"+users.Users[0].ID+"/roles/"+roles.Roles[0].ID, nil).Want(204)
	var services struct{ Services []struct{ ID string } }
	admin.Get("/services?type=image").Want(200).Into(&services)
	limit := func(field string, n int, more map[string]any) []any {
		l := map[string]any{"service_id": services.Services[0].ID, "resource_name": "image_count_total", field: n}
		maps.Copy(l, more)
		return []any{l}
	}
	system.Post("/registered_limits", map[string]any{"registered_limits": limit("default_limit", 1, nil)}).Want(201)
	system.Post("/limits", map[string]any{"limits": limit("resource_limit", 2, map[string]any{"project_id": whole.IDs["one"]})}).Want(201)
	glance := part(t, whole, func(c *cloud.Config) {
		c.Processes, c.Glance.UseKeystoneLimits = []string{"glance-api"}, true
		c.Authtoken = cloud.Authtoken{AuthURL: whole.Env.URL(5000) + "/v3", Username: "glance", Password: whole.Env.Secrets.Services["glance"]}
	})
	for p, want := range map[cloudtest.Persona][]int{cloudtest.Member: {201, 201, 413}, cloudtest.OtherProject: {201, 413}, cloudtest.None: {401}} {
		for i, status := range want {
			r, _ := http.NewRequest("POST", glance.Env.URL(9292)+"/v2/images", strings.NewReader(`{"name": "a"}`))
			r.Header.Set("X-Auth-Token", whole.Token(p))
			r.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != status {
				t.Errorf("%s: image %d: %d, want %d: %s", p, i+1, res.StatusCode, status, text)
			}
		}
	}
}

// TestValidatorSeesTheSame: by HTTP a token is what it is in one process.
func TestValidatorSeesTheSame(t *testing.T) {
	whole := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	whole.People()
	user := whole.IDs["user-member"]
	var cred struct {
		Made struct{ ID, Secret string } `json:"application_credential"`
	}
	whole.As(cloudtest.Member).Identity().Post("/users/"+user+"/application_credentials", map[string]any{"application_credential": map[string]any{"name": "a",
		"access_rules": []map[string]string{{"service": "placement", "method": "GET", "path": "/"}}}}).Want(201).Into(&cred)
	program := whole.As(cloudtest.None).Identity().Post("/auth/tokens", map[string]any{"auth": map[string]any{"identity": map[string]any{
		"methods": []string{"application_credential"}, "application_credential": map[string]string{"id": cred.Made.ID, "secret": cred.Made.Secret}}}}).
		Want(201).Header.Get("X-Subject-Token")

	s := keystoneauth.New(keystoneauth.Config{AuthURL: whole.Env.URL(5000) + "/v3", Username: "placement", Password: whole.Env.Secrets.Services["placement"]}, http.DefaultTransport)
	v := keystoneauth.NewValidator(s, 0)
	validate := func(token string) auth.Identity {
		t.Helper()
		id, err := v.Validate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	member := validate(whole.Token(cloudtest.Member))
	if member.UserID != user || member.UserDomainID != "default" || member.UserDomainName != "Default" || member.ProjectID != whole.IDs["one"] || member.ProjectName != "one" ||
		member.ProjectDomainName != "Default" || !member.HasRole("member") || !member.HasRole("reader") || len(member.RoleIDs) != len(member.Roles) ||
		!slices.Equal(member.Methods, []string{"password"}) || len(member.AuditIDs) != 1 || member.ExpiresAt.Sub(member.IssuedAt) != time.Hour || member.AccessRules != nil {
		t.Errorf("member: %+v", member)
	}
	if system := validate(whole.Token(cloudtest.System)); !system.System || system.ProjectID != "" {
		t.Errorf("system: %+v", system)
	}
	if p := validate(program); p.AppCredID != cred.Made.ID || !p.Restricted || !slices.Equal(p.AccessRules, []auth.AccessRule{{Service: "placement", Method: "GET", Path: "/"}}) {
		t.Errorf("program: %+v", p)
	}
	if _, err := v.Validate(t.Context(), "nobody's"); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("no token: %v", err)
	}
	own, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole.As(cloudtest.System).Identity().With("X-Subject-Token", own).Delete("/auth/tokens").Want(204)
	if again := validate(whole.Token(cloudtest.Member)); again.UserID != user {
		t.Errorf("after the service's own token was revoked: %+v", again)
	}
}

// TestProcessesAreChecked: a choice that cannot work is refused at the start.
func TestProcessesAreChecked(t *testing.T) {
	for want, change := range map[string]func(*cloud.Config){
		`there is no process "nova"`: func(c *cloud.Config) { c.Processes = []string{"nova"} },
		"nova-api does not run without the rest": func(c *cloud.Config) {
			c.Processes = []string{"keystone", "nova-api"}
		},
		"either keystone is one of the processes, or keystone_authtoken says where it runs": func(c *cloud.Config) { c.Processes = []string{"placement-api"} },
		"either keystone is one of the processes, or":                                       func(c *cloud.Config) { c.Authtoken.AuthURL = "http://elsewhere/v3" },
	} {
		cfg := cloud.DefaultConfig()
		change(&cfg)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
