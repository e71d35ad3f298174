// Package peers is the Image service as a client of other services' public APIs.
package peers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/catalog"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"nacre/internal/oslo/keystoneauth"
)

// Keystone is the identity service as Glance needs it.
type Keystone struct {
	session *keystoneauth.Session
	system  *keystoneauth.Session // who sees the limits of every project
	region  string

	mu      sync.Mutex
	service string // our ID in the catalogue; "" is not asked yet
}

// NewKeystone makes a client that asks with the service's own rights.
func NewKeystone(session *keystoneauth.Session, region string) *Keystone {
	return &Keystone{session: session, system: session.System(), region: region}
}

// serviceID is the catalogue's ID of the image service.
func (k *Keystone) serviceID(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.service != "" {
		return k.service, nil
	}
	client, err := k.session.Client(ctx, "identity")
	if err != nil {
		return "", err
	}
	entries, err := entries(ctx, client)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Type == "image" {
			k.service = e.ID
			return e.ID, nil
		}
	}
	return "", errors.New("the catalogue has no image service")
}

// Endpoint is the image service's address in a region, by the catalogue.
func (k *Keystone) Endpoint(ctx context.Context, region, availability string) (string, error) {
	return k.EndpointOf(ctx, "image", region, availability)
}

// EndpointOf is the address of a type of service by the catalogue, in a region
// or, where that is "", in any; "" if there is none.
func (k *Keystone) EndpointOf(ctx context.Context, service, region, availability string) (string, error) {
	client, err := k.session.Client(ctx, "identity")
	if err != nil {
		return "", err
	}
	entries, err := entries(ctx, client)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		for _, p := range e.Endpoints {
			if e.Type == service && (region == "" || strings.EqualFold(p.RegionID, region)) && p.Interface == availability {
				return p.URL, nil
			}
		}
	}
	return "", nil
}

func entries(ctx context.Context, client *gophercloud.ServiceClient) ([]tokens.CatalogEntry, error) {
	page, err := catalog.List(client).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return catalog.ExtractServiceCatalog(page)
}
