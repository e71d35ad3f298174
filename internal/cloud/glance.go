package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"nacre/internal/glance/api"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/peers"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

var glanceEntry = Catalog{Name: "glance", Type: "image", Port: 9292, Description: "OpenStack Image"}

// Glance is the image service.
var Glance = Service{Name: "glance", Catalog: glanceEntry,
	Processes: []Process{{Name: "glance-api", Start: startGlance, Alone: true}},
	NewAPI:    func() (*httpapi.API, error) { return api.New(nil, httpapi.Door{}) }}

func startGlance(ctx context.Context, env *Env) (Running, error) {
	st, err := store.Open(ctx, env.Database("glance"))
	if err != nil {
		return Running{}, err
	}
	svc, err := env.imageService(st, "glance-api@"+env.Config.Host)
	if err != nil {
		return Running{}, err
	}
	a, err := api.New(svc, env.Door("glance"))
	if err != nil {
		return Running{}, err
	}
	env.Ops.HandleFunc("GET /images/{id}/progress", func(w http.ResponseWriter, r *http.Request) { progress(w, r, svc) })
	return Running{API: a, Work: append(loops(svc.Loops()), svc.Carry), Close: st.DB().Close, Healthy: svc.Ping,
		Defaults: func(ctx context.Context, _ string) error { return svc.EnsureDefinitions(ctx) }}, nil
}

// imageService is the service with the stores and the cache of this host.
func (e *Env) imageService(st *store.Store, worker string) (*service.Service, error) {
	dir, err := e.Dir("glance", "images")
	if err != nil {
		return nil, err
	}
	stores, err := e.Config.Glance.open(dir)
	if err != nil {
		return nil, err
	}
	staging, err := e.Config.Glance.staging(e)
	if err != nil {
		return nil, err
	}
	keystone := peers.NewKeystone(e.Session("glance"), e.Config.Region)
	keys, err := e.Config.Glance.KeyManager.open(keystone)
	if err != nil {
		return nil, err
	}
	d := service.Deps{Store: st, Backends: stores, Worker: worker, Clock: e.Clock, Config: e.Config.Glance.Config, Staging: staging,
		Events: e.Events.As("image." + e.Config.Host), Keys: keys, Identity: keystone, Regions: regions(e), Fail: e.failAt("glance")}
	if d.Config.ImageCacheDir != "" {
		near, err := blob.NewFile(d.Config.ImageCacheDir)
		if err != nil {
			return nil, fmt.Errorf("glance: image_cache_dir: %w", err)
		}
		d.Cache = &service.Cache{Files: near, Node: e.Config.Host}
	}
	return service.New(d)
}

// regions is a client of the image services of the catalogue, which redirect nobody.
func regions(env *Env) *http.Client {
	return &http.Client{Transport: env.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ImageProgress is how far an image is.
type ImageProgress struct {
	Status  string  `json:"status"`
	Size    int64   `json:"size"`    // bytes; -1 is not known yet
	Store   string  `json:"store"`   // where bytes are on their way to; "" is nowhere
	Bytes   int64   `json:"bytes"`   // that have come there
	Seconds float64 `json:"seconds"` // that they have taken
	Message string  `json:"message"` // of the image's last task
	Over    bool    `json:"over"`    // nothing is under way
}

// progress tells the operator how far an image is.
func progress(w http.ResponseWriter, r *http.Request, svc *service.Service) {
	p, err := svc.Watch(r.Context(), r.PathValue("id"))
	if fault.Is(err, http.StatusNotFound) {
		http.Error(w, "there is no image of that ID or name", http.StatusNotFound)
		return
	} else if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(ImageProgress{Status: string(p.Image.Status), Size: p.Image.Size, Store: p.Store, Bytes: p.Bytes,
		Seconds: time.Since(p.Since).Seconds(), Message: p.Message, Over: p.Over})
}
