package cloud_test

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/glance/peers"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/keystoneauth"
)

// TestImageLimits: the image service asks the limits of Keystone, a project's own
// before the registered ones.
func TestImageLimits(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults, cfg.Glance.UseKeystoneLimits = true, true })
	c.People()
	member := c.As(cloudtest.Member)
	image := map[string]string{"disk_format": "raw", "container_format": "bare"}
	member.Image().Post("/images", image).Want(413, "Resource image_count_total is over limit of 0 due to current usage 0 and delta 1")
	limit := limiting(c, 5)
	system := c.As(cloudtest.System)
	member.Image().Post("/images", image).Want(201)
	system.Identity().Post("/limits", map[string]any{"limits": []any{limit("image_count_total",
		map[string]any{"project_id": c.IDs["one"], "resource_limit": 1})}}).Want(201)
	member.Image().Post("/images", image).Want(413, "Project "+c.IDs["one"]+" is over a limit for [Resource image_count_total is over limit of 1 due to current usage 1 and delta 1]")
	c.As(cloudtest.OtherProject).Image().Post("/images", image).Want(201)
	member.Image().Get("/info/usage").Want(200, `"image_count_total":{"limit":1,"usage":1}`, `"image_size_total":{"limit":5,"usage":0}`)
}

// limiting registers the limits of the image service, and returns the body that
// gives one of them another value.
func limiting(c *cloudtest.Cloud, number int) func(name string, more map[string]any) map[string]any {
	var found struct{ Services []struct{ ID string } }
	c.As(cloudtest.Admin).Identity().Get("/services?type=image").Want(200).Into(&found)
	limit := func(name string, more map[string]any) map[string]any {
		l := map[string]any{"service_id": found.Services[0].ID, "resource_name": name}
		maps.Copy(l, more)
		return l
	}
	var registered []map[string]any
	for _, name := range []string{"image_count_total", "image_size_total", "image_stage_total", "image_count_uploading"} {
		registered = append(registered, limit(name, map[string]any{"default_limit": number}))
	}
	c.As(cloudtest.System).Identity().Post("/registered_limits", map[string]any{"registered_limits": registered}).Want(201)
	return limit
}

// TestImageLimitsByTree: in the model of two levels a limit is of a project and
// all below it, and that of a domain of all its projects.
func TestImageLimitsByTree(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) {
		cfg.NoDefaults, cfg.Glance.UseKeystoneLimits, cfg.Keystone.EnforcementModel = true, true, "strict_two_level"
	})
	c.People()
	limit, admin, system := limiting(c, 100), c.As(cloudtest.Admin).Identity(), c.As(cloudtest.System).Identity()
	one, user := c.IDs["one"], c.IDs["user-member"]
	var made struct{ Project struct{ ID string } }
	admin.Post("/projects", map[string]any{"project": map[string]string{"name": "child", "parent_id": one}}).Want(201).Into(&made)
	var roles struct{ Roles []struct{ ID string } }
	admin.Get("/roles?name=member").Want(200).Into(&roles)
	admin.Put("/projects/"+made.Project.ID+"/users/"+user+"/roles/"+roles.Roles[0].ID, nil).Want(204)
	token := c.As(cloudtest.None).Identity().Post("/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"token"}, "token": map[string]string{"id": c.Token(cloudtest.Member)}},
		"scope":    map[string]any{"project": map[string]string{"id": made.Project.ID}}}}).Want(201).Header.Get("X-Subject-Token")
	parent, child, other := c.As(cloudtest.Member).Image(), c.As(cloudtest.None).Image().With("X-Auth-Token", token), c.As(cloudtest.OtherProject).Image()

	image := map[string]string{"disk_format": "raw", "container_format": "bare"}
	set := func(owner, id string, number int) {
		system.Post("/limits", map[string]any{"limits": []any{limit("image_count_total", map[string]any{owner: id, "resource_limit": number})}}).Want(201)
	}
	set("project_id", one, 3)
	parent.Post("/images", image).Want(201)
	child.Post("/images", image).Want(201)
	child.Post("/images", image).Want(201)
	for _, who := range []cloudtest.API{parent, child} {
		who.Post("/images", image).Want(413, "Project "+one+" is over a limit for [Resource image_count_total is over limit of 3 due to current usage 3 and delta 1]")
	}
	parent.Get("/info/usage").Want(200, `"image_count_total":{"limit":3,"usage":3}`)
	child.Get("/info/usage").Want(200, `"image_count_total":{"limit":100,"usage":2}`)
	other.Post("/images", image).Want(201)
	set("domain_id", "default", 4)
	other.Post("/images", image).Want(413, "Project default is over a limit for [Resource image_count_total is over limit of 4 due to current usage 4 and delta 1]")
	c.As(cloudtest.OtherDomain).Image().Post("/images", image).Want(201)
}

// TestTrustOfImport: the image service acts by a trust as its caller, no longer
// than the trust is there.
func TestTrustOfImport(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	c.People()
	var source struct{ ID string }
	c.As(cloudtest.Member).Image().Post("/images", map[string]string{"name": "private"}).Want(201).Into(&source)
	caller, err := keystoneauth.NewValidator(c.Env.Session("glance"), 0).Validate(t.Context(), c.Token(cloudtest.Member))
	if err != nil {
		t.Fatal(err)
	}
	caller.Token = c.Token(cloudtest.Member)
	for name, session := range map[string]*keystoneauth.Session{"beside Keystone": c.Env.Session("glance"), "elsewhere": keystoneauth.New(keystoneauth.Config{
		AuthURL: c.Env.URL(5000) + "/v3", Username: "glance", Password: c.Env.Secrets.Services["glance"]}, c.Env.Transport)} {
		keystone := peers.NewKeystone(session, "RegionOne")
		trust, err := keystone.Trust(auth.WithCaller(t.Context(), caller), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(name, err)
		}
		token, err := keystone.TokenByTrust(t.Context(), trust)
		if err != nil {
			t.Fatal(name, err)
		}
		show := func() int {
			return c.As(cloudtest.None).Image().With("X-Auth-Token", token).Get("/images/" + source.ID).Status
		}
		if got := show(); got != 200 {
			t.Errorf("%s: the caller's image: %d", name, got)
		}
		if err := keystone.EndTrust(t.Context(), trust); err != nil {
			t.Error(name, err)
		}
		if got := show(); got != 401 {
			t.Errorf("%s: after the end of the trust: %d", name, got)
		}
		if _, err := keystone.TokenByTrust(t.Context(), trust); err == nil {
			t.Errorf("%s: a token by a trust that has ended", name)
		}
	}
}

// TestImageFromRegion imports an image of a region, here this one, through the
// catalogue and with the caller's token; the operator sees how far it is.
func TestImageFromRegion(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) {
		cfg.NoDefaults = true
		cfg.Glance.EnabledImportMethods = append(slices.Clone(cfg.Glance.EnabledImportMethods), "glance-download")
		cfg.Glance.ImportFiltering.AllowedPorts = nil
	})
	c.People()
	member := c.As(cloudtest.Member).Image()
	var source, target struct{ ID string }
	image := map[string]string{"disk_format": "raw", "container_format": "bare"}
	member.Post("/images", image).Want(201).Into(&source)
	member.Upload("/images/"+source.ID+"/file", "bytes").Want(204)
	image["name"] = "far"
	member.Post("/images", image).Want(201).Into(&target)
	member.Post("/images/"+target.ID+"/import", map[string]any{"method": map[string]string{"name": "glance-download",
		"glance_region": "regionone", "glance_image_id": source.ID, "glance_service_interface": "internal"}}).Want(202)
	var now struct{ Status string }
	cloudtest.Until(t, "the import is over", time.Minute, func() bool {
		member.Get("/images/" + target.ID).Want(200).Into(&now)
		return now.Status != "importing"
	})
	if now.Status != "active" {
		t.Fatalf("got %+v", now)
	}
	c.As(cloudtest.System).Identity().Get("/OS-TRUST/trusts").Want(200, `"trusts":[]`)
	ask := func(name string) string {
		w := httptest.NewRecorder()
		c.Env.Ops.ServeHTTP(w, httptest.NewRequest("GET", "/images/"+name+"/progress", nil))
		return w.Body.String()
	}
	for _, name := range []string{target.ID, "far"} {
		cloudtest.Until(t, "the operator sees the end", time.Minute, func() bool {
			return strings.Contains(ask(name), `"status":"active","size":5,"store":"","bytes":0`) && strings.Contains(ask(name), `"message":"Copied 0 MiB","over":true`)
		})
	}
	if got := ask("nosuch"); !strings.Contains(got, "there is no image of that ID or name") {
		t.Errorf("got %s", got)
	}
}
