package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"

	"nacre/internal/nova/agent"
	"nacre/internal/nova/api"
	"nacre/internal/nova/console"
	"nacre/internal/nova/libvirtd"
	"nacre/internal/nova/metadata"
	"nacre/internal/nova/peers"
	"nacre/internal/nova/scheduler"
	"nacre/internal/nova/service"
	"nacre/internal/nova/store"
	"nacre/internal/nova/virt"
	"nacre/internal/nova/virt/fake"
	"nacre/internal/nova/virt/libvirt"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/keystoneauth"
)

var novaEntry = Catalog{Name: "nova", Type: "compute", Port: 8774, Path: "/v2.1", Description: "OpenStack Compute"}

// Nova is the compute service.
var Nova = Service{Name: "nova", Catalog: novaEntry,
	Processes: []Process{{Name: "nova-api", Start: startNovaAPI}, {Name: "nova-compute", Start: startNovaCompute}},
	NewAPI:    func() (*httpapi.API, error) { return api.New(nil, httpapi.Door{}) }}

// startNovaAPI runs nova-api, nova-conductor with its scheduler, nova-metadata
// and nova-novncproxy: one service value answers calls and runs their flows.
func startNovaAPI(ctx context.Context, env *Env) (Running, error) {
	st, err := store.Open(ctx, env.Database("nova"), env.Clock)
	if err != nil {
		return Running{}, err
	}
	session := env.Session("nova")
	svc := service.New(service.Deps{Store: st, Bus: env.Bus, Events: env.Events, Clock: env.Clock,
		Images: peers.NewGlance(session), Networks: peers.NewNeutron(session), Claims: peers.NewPlacement(session), Projects: peers.NewKeystone(session),
		Config: service.Config{NoVNCURL: env.URL(novncPort) + "/vnc_lite.html"}, Owner: "nova-conductor@" + env.Config.Host, Host: env.Config.Host, Fail: env.failAt("nova")})
	if err := svc.EnsureDefaults(ctx); err != nil {
		return Running{}, err
	}
	a, err := api.New(svc, env.Door("nova"))
	if err != nil {
		return Running{}, err
	}
	var meta http.Handler = &metadata.Handler{Source: svc, Secret: env.Secrets.MetadataSecret}
	env.metadata.Store(&meta)
	proxy := console.New(svc, console.Config{})
	env.Ops.HandleFunc("GET /explain/servers/{id}", func(w http.ResponseWriter, r *http.Request) { explain(w, r, svc) })
	return Running{API: a, Handler: api.Handler(a), Work: []func(context.Context) error{svc.Serve},
		Also:  map[int]http.Handler{metadataPort: meta, novncPort: proxy},
		Close: func() error { proxy.Close(); return st.Close() }}, nil
}

// startNovaCompute runs this host's guests.
func startNovaCompute(ctx context.Context, env *Env) (Running, error) {
	if env.Config.VirtType == "fake" {
		return fakeComputes(env), nil
	}
	dir, err := env.Dir()
	if err != nil {
		return Running{}, err
	}
	daemon, err := libvirtd.Start(ctx, libvirtd.Config{StateDir: dir})
	if err != nil {
		return Running{}, err
	}
	driver, err := libvirt.New(ctx, env.Config.Nova.apply(libvirt.Config{StateDir: dir, Daemon: daemon, Images: imageBytes{env.Session("nova")},
		VirtType: env.Config.VirtType, Hostname: env.Config.Host, HostIP: env.Config.Listen}))
	if err != nil {
		return Running{}, err
	}
	a := compute(env, env.Config.Host, driver)
	return Running{Work: []func(context.Context) error{daemon.Run, a.Run}, Ready: []<-chan struct{}{a.Known()},
		Close: func() error { driver.Close(); return nil }}, nil
}

// compute is the nova-compute of one host.
func compute(env *Env, host string, driver virt.Driver) *agent.Agent {
	_, imaginary := driver.(*fake.Driver)
	return agent.New(agent.Deps{Bus: env.Bus, Driver: driver, Host: host, Clock: env.Clock,
		Config: agent.Config{WaitForPorts: !imaginary}})
}

func fakeComputes(env *Env) (r Running) {
	for _, host := range env.fakeHosts() {
		a := compute(env, host, fake.New(fake.Config{Hostname: host, Output: fmt.Sprintf("%s login: ", host)}))
		r.Work, r.Ready = append(r.Work, a.Run), append(r.Ready, a.Known())
	}
	return r
}

// imageBytes is Glance as a host's source of images.
type imageBytes struct{ session *keystoneauth.Session }

// Open implements virt.Images.
func (i imageBytes) Open(ctx context.Context, id string) (io.ReadCloser, error) {
	client, err := i.session.Client(ctx, "image")
	if err != nil {
		return nil, err
	}
	res := imagedata.Download(ctx, client, id)
	if res.Err != nil {
		return nil, fmt.Errorf("image %s: %w", id, res.Err)
	}
	return res.Body, nil
}

// SchedulingAccount is one attempt to find a host for a server.
type SchedulingAccount struct {
	At       time.Time           `json:"at"`
	Attempt  int                 `json:"attempt"`
	Outcome  string              `json:"outcome"`
	Refusals []scheduler.Refusal `json:"refusals"`
}

// explain tells the operator how a server was placed.
func explain(w http.ResponseWriter, r *http.Request, svc *service.Service) {
	found, err := svc.Explain(r.Context(), r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if len(found) == 0 {
		http.Error(w, "no attempt to place a server of that ID is on record", http.StatusNotFound)
		return
	}
	var out []SchedulingAccount
	for i, f := range found {
		a := SchedulingAccount{At: f.CreatedAt, Attempt: len(found) - i, Refusals: f.Account.Refusals,
			Outcome: fmt.Sprintf("no host: of %d, Placement offered %d and the checks accepted %d", f.Account.Hosts, f.Account.Offered, f.Account.Accepted)}
		if f.Chosen != "" {
			a.Outcome = fmt.Sprintf("chosen: %s, of %d hosts, %d offered by Placement, %d accepted", f.Chosen, f.Account.Hosts, f.Account.Offered, f.Account.Accepted)
		}
		out = append(out, a)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}
