// Package cloud is the table of services and how each is put together: which
// database, which peers, which processes. Nothing else knows all services.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"nacre/internal/oslo/httpapi"
)

// Service is one OpenStack project: its entry in the catalogue and its processes.
type Service struct {
	Name      string // "nova"
	Catalog   Catalog
	Processes []Process                    // started in this order
	NewAPI    func() (*httpapi.API, error) // its routes and rules alone, for printing
}

// Catalog is a service's entry in Keystone's catalogue.
type Catalog struct {
	Name        string // of the project
	Type        string // "compute"
	Port        int
	Path        string // "/v2.1"
	Description string
}

// Process is a part of a service that may run on its own.
type Process struct {
	Name  string // "nova-api", as the original's
	Start func(ctx context.Context, env *Env) (Running, error)
	Alone bool // it may run without the others of this cloud
}

// Running is what a started process has given: an API, work to be done until
// the end, and what to release then.
type Running struct {
	API     *httpapi.API                      // its routes, when it has any
	Handler http.Handler                      // served at the catalogue's port
	Also    map[int]http.Handler              // served at other classic ports
	Work    []func(ctx context.Context) error // each runs until its context ends
	Close   func() error
	// Defaults makes what a new cloud begins with, once; what is there is left alone.
	Defaults func(ctx context.Context, adminProject string) error
	Healthy  func(ctx context.Context) error // for /healthz, when it can tell
	Ready    []<-chan struct{}               // closed when there is nothing left to wait for

	name string
}

// Catalogue is the catalogue of a whole cloud.
var Catalogue = []Catalog{keystoneEntry, placementEntry, glanceEntry, neutronEntry, novaEntry}

// Services lists all services in the order in which they start.
var Services = []Service{Keystone, Placement, Glance, Neutron, Nova}

// ByName finds a service.
func ByName(name string) (Service, error) {
	for _, s := range Services {
		if s.Name == name {
			return s, nil
		}
	}
	return Service{}, fmt.Errorf("there is no service %q", name)
}

// processes are those of the service that run here.
func (s Service) processes(cfg Config) []Process {
	return slices.DeleteFunc(slices.Clone(s.Processes), func(p Process) bool { return !cfg.whole() && !slices.Contains(cfg.Processes, p.Name) })
}

// checkProcesses refuses a choice of processes that cannot do without the
// others; elsewhere tells that Keystone runs elsewhere.
func checkProcesses(names []string, elsewhere bool) error {
	alone := map[string]bool{}
	for _, s := range Services {
		for _, p := range s.Processes {
			alone[p.Name] = p.Alone
		}
	}
	for _, name := range names {
		if can, known := alone[name]; !known {
			return fmt.Errorf("there is no process %q, but %s", name, strings.Join(slices.Sorted(maps.Keys(alone)), ", "))
		} else if !can {
			return fmt.Errorf("%s does not run without the rest of the cloud: nacre up", name)
		}
	}
	if here := len(names) == 0 || slices.Contains(names, keystoneEntry.Name); here == elsewhere {
		return errors.New("either keystone is one of the processes, or keystone_authtoken says where it runs")
	}
	return nil
}

// Ports where processes listen beside those of the catalogue.
const (
	metadataPort = 8775 // nova-metadata
	novncPort    = 6080 // nova-novncproxy
	opsPort      = 9464 // metrics and health
)

// Ports lists every classic port of a cloud.
func Ports() []int {
	ports := []int{metadataPort, novncPort, opsPort, identityAdminPort}
	for _, s := range Catalogue {
		ports = append(ports, s.Port)
	}
	return ports
}
