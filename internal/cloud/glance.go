package cloud

import (
	"context"

	"nacre/internal/glance/api"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
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
	return Running{API: a, Work: loops(svc.Loops()), Close: st.DB().Close, Healthy: svc.Ping}, nil
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
	d := service.Deps{Store: st, Backends: stores, Worker: worker, Clock: e.Clock, Config: e.Config.Glance.Config}
	if e.Bus != nil {
		d.Events = e.Bus
	}
	if d.Config.ImageCacheDir != "" {
		near, err := blob.NewFile(d.Config.ImageCacheDir)
		if err != nil {
			return nil, err
		}
		d.Cache = &service.Cache{Files: near, Node: e.Config.Host}
	}
	return service.New(d)
}
