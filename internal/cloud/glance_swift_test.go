package cloud_test

import (
	"bytes"
	"io"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/blobtest"
	"nacre/internal/glance/blob/swift"
	"nacre/internal/glance/blob/swifttest"
	"nacre/internal/oslo/uuid"
)

// TestImagesInSwift: the original Swift keeps images for a user of our Keystone,
// also when its tokens are revoked on the way.
func TestImagesInSwift(t *testing.T) {
	c := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	c.People()
	authURL := c.Env.URL(5000) + "/v3"
	server := swifttest.StartBehind(t, swifttest.Keystone{AuthURL: authURL, User: "glance", Key: c.Env.Secrets.Services["glance"], Project: "service"})
	admin := c.As(cloudtest.Admin).Identity()
	var made struct {
		Service, Project, User struct{ ID string }
		Roles                  []struct{ ID string }
	}
	admin.Post("/services", map[string]any{"service": map[string]string{"type": "object-store", "name": "swift"}}).Want(201).Into(&made)
	for _, kind := range []string{"public", "internal"} {
		admin.Post("/endpoints", map[string]any{"endpoint": map[string]string{"service_id": made.Service.ID, "interface": kind, "region_id": "RegionOne",
			"url": "http://" + server.Host + "/v1/AUTH_$(project_id)s"}}).Want(201)
	}
	admin.Post("/projects", map[string]any{"project": map[string]string{"name": "images"}}).Want(201).Into(&made)
	admin.Post("/users", map[string]any{"user": map[string]string{"name": "keeper", "password": "secret"}}).Want(201).Into(&made)
	admin.Get("/roles?name=member").Want(200).Into(&made)
	admin.Put("/projects/"+made.Project.ID+"/users/"+made.User.ID+"/roles/"+made.Roles[0].ID, nil).Want(204)

	config := swift.Config{AuthVersion: 3, AuthAddress: authURL, User: "images:keeper", Key: "secret", Region: "RegionOne", EndpointType: "internalURL",
		CreateContainer: true, ChunkSize: 1}
	open := func(container string, create bool) *swift.Store {
		c := config
		c.Container, c.CreateContainer = container, create
		s, err := swift.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	revoke := func() {
		t.Helper()
		token := c.As(cloudtest.None).Identity().Post("/auth/tokens", map[string]any{"auth": map[string]any{"identity": map[string]any{
			"methods": []string{"password"}, "password": map[string]any{"user": map[string]string{"id": made.User.ID, "password": "secret"}}}}}).Want(201).Header.Get("X-Subject-Token")
		for _, enabled := range []bool{false, true} {
			admin.Do("PATCH", "/users/"+made.User.ID, map[string]any{"user": map[string]bool{"enabled": enabled}}).Want(200)
		}
		admin.With("X-Subject-Token", token).Get("/auth/tokens").Want(404)
	}
	n := 0
	t.Run("suite", func(t *testing.T) {
		blobtest.Run(t, func(*testing.T) blob.Store { n++; return open("suite"+string(rune('a'+n)), true) })
	})
	t.Run("revoked", func(t *testing.T) {
		if w, err := open("revoked", true).Create(t.Context(), uuid.New(), uuid.New(), 0); err != nil || w.Abort() != nil {
			t.Fatal("make the container:", err)
		}
		s, image := open("revoked", false), uuid.New()
		data := bytes.Repeat([]byte("image"), 1<<20)
		if _, err := s.Size(t.Context(), image); err == nil {
			t.Error("an image that is not there has a size")
		}
		revoke()
		w, err := s.Create(t.Context(), image, uuid.New(), int64(len(data)))
		if err != nil {
			t.Fatal("begin:", err)
		}
		for part := data; len(part) > 0; part = part[1<<20:] { // a segment
			revoke()
			if _, err := w.Write(part[:1<<20]); err != nil {
				t.Fatal("write:", err)
			}
		}
		revoke()
		if err := w.Commit(); err != nil {
			t.Fatal("commit:", err)
		}
		revoke()
		r, err := s.Open(t.Context(), image, 3)
		if err != nil {
			t.Fatal("open:", err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[3:]) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		revoke()
		if err := s.Delete(t.Context(), image); err != nil {
			t.Error("delete:", err)
		}
	})
}
