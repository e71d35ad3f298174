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
	files, err := blob.NewFile(dir)
	if err != nil {
		return Running{}, err
	}
	svc, err := service.New(service.Deps{Store: st, Backends: []service.Backend{{ID: "file", Description: "Files of this host", Blobs: files}},
		Worker: "glance-api@" + env.Config.Host, Clock: env.Clock, Events: env.Bus, Config: service.DefaultConfig()})
	if err != nil {
		return Running{}, err
	}
	a, err := api.New(svc, env.Door("glance"))
	if err != nil {
		return Running{}, err
	}
	return Running{API: a, Work: loops(svc.Loops()), Close: st.DB().Close, Healthy: svc.Ping}, nil
}
