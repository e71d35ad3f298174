package peers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"

	"nacre/internal/oslo/keystoneauth"
)

// Keystone is the identity service as Nova needs it.
type Keystone struct{ session *keystoneauth.Session }

// NewKeystone makes a client that asks with the caller's own rights.
func NewKeystone(session *keystoneauth.Session) *Keystone { return &Keystone{session} }

// Exists asks as the caller whether there is a project of that id. A caller who may not know gets true.
func (k *Keystone) Exists(ctx context.Context, id string) (bool, error) {
	c, err := k.session.As(ctx, "identity")
	if err != nil {
		return false, err
	}
	_, err = projects.Get(ctx, c, url.PathEscape(id)).Extract()
	switch {
	case gophercloud.ResponseCodeIs(err, http.StatusNotFound):
		return false, nil
	case gophercloud.ResponseCodeIs(err, http.StatusForbidden):
		return true, nil
	}
	return err == nil, err
}
