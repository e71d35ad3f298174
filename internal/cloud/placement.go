package cloud

import (
	"context"

	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement/api"
	"nacre/internal/placement/service"
	"nacre/internal/placement/store"
)

var placementEntry = Catalog{Name: "placement", Type: "placement", Port: 8778, Description: "Placement Service"}

// Placement is the book-keeper of resources.
var Placement = Service{Name: "placement", Catalog: placementEntry,
	Processes: []Process{{Name: "placement-api", Start: startPlacement, Alone: true}},
	NewAPI:    func() (*httpapi.API, error) { return api.New(nil, httpapi.Door{}) }}

func startPlacement(ctx context.Context, env *Env) (Running, error) {
	st, err := store.Open(ctx, env.Database("placement"), env.Clock)
	if err != nil {
		return Running{}, err
	}
	a, err := api.New(service.New(service.Deps{Store: st, Clock: env.Clock}), env.Door("placement"))
	if err != nil {
		return Running{}, err
	}
	return Running{API: a, Close: st.Close}, nil
}
