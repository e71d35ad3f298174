package cloud_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
)

// TestImageLimits: the image service asks the limits of Keystone, a project's own
// before the registered ones.
func TestImageLimits(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults, cfg.Glance.UseKeystoneLimits = true, true })
	c.People()
	member, admin := c.As(cloudtest.Member), c.As(cloudtest.Admin)
	image := map[string]string{"disk_format": "raw", "container_format": "bare"}
	member.Image().Post("/images", image).Want(413, "Resource image_count_total is over limit of 0 due to current usage 0 and delta 1")
	var found struct{ Services []struct{ ID string } }
	admin.Identity().Get("/services?type=image").Want(200).Into(&found)
	limit := func(name string, more map[string]any) map[string]any {
		l := map[string]any{"service_id": found.Services[0].ID, "resource_name": name}
		for k, v := range more {
			l[k] = v
		}
		return l
	}
	var registered []map[string]any
	for _, name := range []string{"image_count_total", "image_size_total", "image_stage_total", "image_count_uploading"} {
		registered = append(registered, limit(name, map[string]any{"default_limit": 5}))
	}
	system := c.As(cloudtest.System)
	system.Identity().Post("/registered_limits", map[string]any{"registered_limits": registered}).Want(201)
	member.Image().Post("/images", image).Want(201)
	system.Identity().Post("/limits", map[string]any{"limits": []any{limit("image_count_total",
		map[string]any{"project_id": c.IDs["one"], "resource_limit": 1})}}).Want(201)
	member.Image().Post("/images", image).Want(413, "Project "+c.IDs["one"]+" is over a limit for [Resource image_count_total is over limit of 1 due to current usage 1 and delta 1]")
	c.As(cloudtest.OtherProject).Image().Post("/images", image).Want(201)
	member.Image().Get("/info/usage").Want(200, `"image_count_total":{"limit":1,"usage":1}`, `"image_size_total":{"limit":5,"usage":0}`)
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
