package cloud_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/token"
)

// expired makes a token that says what another does but ended so long ago.
func expired(t *testing.T, c *cloudtest.Cloud, like string, ago time.Duration) string {
	t.Helper()
	keys, err := token.OpenRepository(filepath.Join(c.Env.Config.StateDir, "keystone", "fernet-keys"), 0)
	if err != nil {
		t.Fatal(err)
	}
	fernet := token.NewFernet(keys, c.Env.Config.AuthMethods)
	p, err := fernet.Read(t.Context(), like)
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Now().Add(-ago)
	p.IssuedAt, p.ExpiresAt = ends.Add(-time.Hour), ends
	tok, err := fernet.Issue(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestExpiredTokenOfAService: what a service does for a user goes on for as
// long after the user's token has expired as the options say, at the doors of all services but
// the identity service's own. No other token opens them.
func TestExpiredTokenOfAService(t *testing.T) {
	whole := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults, cfg.Keystone.AllowExpiredWindow = true, 7200 })
	whole.People()
	elsewhere := func(addr string, roles []string, keep time.Duration) *cloud.Cloud {
		return part(t, whole, func(c *cloud.Config) {
			c.Listen, c.OpsListen, c.Processes = addr, addr+":0", []string{"placement-api", "glance-api"}
			c.Authtoken = cloud.Authtoken{AuthURL: whole.Env.URL(5000) + "/v3", Username: "placement", Password: whole.Env.Secrets.Services["placement"],
				TokenCacheTime: keep, ServiceTokenRoles: roles}
		})
	}
	asks, believes, other := elsewhere("127.0.0.7", nil, 0), elsewhere("127.0.0.8", nil, time.Hour), elsewhere("127.0.0.9", []string{"porter", "nobody"}, 0)
	var role struct{ Role struct{ ID string } }
	whole.As(cloudtest.Admin).Identity().Post("/roles", `{"role": {"name": "porter"}}`).Want(201).Into(&role)
	whole.As(cloudtest.Admin).Identity().Put("/projects/"+whole.IDs["one"]+"/users/"+whole.IDs["user-member"]+"/roles/"+role.Role.ID, nil).Want(204)
	user := whole.Token(cloudtest.Admin)
	svc, err := whole.Env.Session("nova").Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old, older := expired(t, whole, user, time.Hour), expired(t, whole, user, 2*time.Hour+time.Minute)
	revoked := expired(t, whole, whole.Token(cloudtest.System), time.Hour)
	whole.As(cloudtest.Admin).Identity().With("X-Subject-Token", whole.Token(cloudtest.System)).Delete("/auth/tokens").Want(204)
	for _, at := range []struct {
		name, url    string
		want, member int // with a service's token, and with a member's
	}{
		{"nova", whole.Env.URL(8774) + "/v2.1/servers", 200, 401}, {"glance", whole.Env.URL(9292) + "/v2/images", 200, 401},
		{"neutron", whole.Env.URL(9696) + "/v2.0/networks", 200, 401}, {"placement", whole.Env.URL(8778) + "/resource_providers", 200, 401},
		{"keystone", whole.Env.URL(5000) + "/v3/auth/projects", 401, 401},
		{"placement elsewhere", asks.Env.URL(8778) + "/resource_providers", 200, 401}, {"glance elsewhere", asks.Env.URL(9292) + "/v2/images", 200, 401},
		{"placement that remembers", believes.Env.URL(8778) + "/resource_providers", 200, 401},
		{"placement with roles of its own", other.Env.URL(8778) + "/resource_providers", 401, 200},
	} {
		for _, tc := range []struct {
			what, token, service string
			want                 int
		}{
			{"valid", user, svc, 200}, {"expired, of a service", old, svc, at.want}, {"expired, of a service, again", old, svc, at.want},
			{"expired", old, "", 401}, {"expired, of a member", old, whole.Token(cloudtest.Member), at.member}, {"expired, of an expired service", old, expired(t, whole, svc, time.Minute), 401},
			{"expired, of nobody", old, "nobody's", 401}, {"expired long ago", older, svc, 401}, {"expired and revoked", revoked, svc, 401},
			{"valid, of an expired service", user, expired(t, whole, svc, time.Minute), 401}, {"none", "", svc, 401},
		} {
			r, _ := http.NewRequest("GET", at.url, nil)
			for header, value := range map[string]string{"X-Auth-Token": tc.token, "X-Service-Token": tc.service} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != tc.want {
				t.Errorf("%s, %s: %d, want %d", at.name, tc.what, res.StatusCode, tc.want)
			}
		}
	}
}
