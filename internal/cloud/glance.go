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
	dir, err := env.Dir("glance", "images")
	if err != nil {
		return Running{}, err
	}
	stores, err := env.Config.Glance.open(dir)
	if err != nil {
		return Running{}, err
	}
	cache, err := env.imageCache()
	if err != nil {
		return Running{}, err
	}
	svc, err := service.New(service.Deps{Cache: cache, Store: st, Backends: stores, Worker: "glance-api@" + env.Config.Host,
		Clock: env.Clock, Events: env.Bus, Config: env.Config.Glance.Config})
	if err != nil {
		return Running{}, err
	}
	a, err := api.New(svc, env.Door("glance"))
	if err != nil {
		return Running{}, err
	}
	return Running{API: a, Work: loops(svc.Loops()), Close: st.DB().Close, Healthy: svc.Ping}, nil
}

// imageCache is where this host keeps bytes of remote stores, if it does.
func (e *Env) imageCache() (*service.Cache, error) {
	dir := e.Config.Glance.ImageCacheDir
	if dir == "" {
		return nil, nil
	}
	files, err := blob.NewFile(dir)
	return &service.Cache{Files: files, Node: e.Config.Host}, err
}
