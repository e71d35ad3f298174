// Package cloud is the table of services and how each is put together: which
// database, which peers, which processes. Nothing else knows all services.
package cloud

import (
	"context"
	"fmt"
	"net/http"

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
