// Package peers is Neutron as a client of others' public APIs: Nova, which
// hears what became of its servers' ports.
package peers

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"

	"nacre/internal/neutron"
	"nacre/internal/oslo/keystoneauth"
)

// Compute is the compute service.
type Compute struct{ session *keystoneauth.Session }

// Nova makes a client of the compute service.
func Nova(s *keystoneauth.Session) *Compute { return &Compute{session: s} }

// SendEvents posts server external events. Nova refuses those of servers that
// it does not know (any more) one by one; they count as told. An error means
// that nobody may have heard.
func (c *Compute) SendEvents(ctx context.Context, events []neutron.ServerEvent) error {
	client, err := c.session.Client(ctx, "compute")
	if err != nil {
		return fmt.Errorf("reach nova: %w", err)
	}
	_, err = client.Request(ctx, http.MethodPost, client.ServiceURL("os-server-external-events"), &gophercloud.RequestOpts{
		JSONBody: map[string]any{"events": events},
		OkCodes:  []int{http.StatusOK, http.StatusMultiStatus}, KeepResponseBody: false,
	})
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) && code.Actual == http.StatusNotFound {
		return nil // nova knows none of the servers
	}
	if err != nil {
		return fmt.Errorf("tell nova: %w", err)
	}
	return nil
}
