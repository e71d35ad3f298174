// Package peers is Nova as a client of others' public APIs: Glance, Neutron
// and Placement. It speaks to them as anybody does, by catalogue and token, so
// that each may be the original or ours, in this process or far away.
//
// Calls made for a tenant carry the tenant's own token, so that they see what
// the tenant may see; what the cloud does on its own carries Nova's.
package peers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"nacre/internal/oslo/keystoneauth"
)

// session gives clients of one service.
type session struct {
	*keystoneauth.Session
	service string
	headers map[string]string
}

// own is a client with Nova's credentials.
func (s session) own(ctx context.Context) (client, error) {
	c, err := s.Client(ctx, s.service)
	return s.client(c), err
}

// asCaller is a client with those of the context's caller.
func (s session) asCaller(ctx context.Context) (client, error) {
	c, err := s.As(ctx, s.service)
	return s.client(c), err
}

func (s session) client(c *gophercloud.ServiceClient) client {
	if c != nil {
		for k, v := range s.headers {
			c.MoreHeaders[k] = v
		}
	}
	return client{c}
}

// client sends requests and decodes answers, once.
type client struct{ *gophercloud.ServiceClient }

var okCodes = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent}

// call sends body (nil: none) and decodes the answer into reply (nil: ignored).
func (c client) call(ctx context.Context, method, path string, query url.Values, body, reply any) error {
	address := c.ServiceURL(path)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	opts := &gophercloud.RequestOpts{OkCodes: okCodes, JSONBody: body, JSONResponse: reply}
	_, err := c.Request(ctx, method, address, opts)
	return err
}

// status is the HTTP status that an error carries, or 0.
func status(err error) int {
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) {
		return code.Actual
	}
	return 0
}

// problem is what Neutron says is wrong.
type problem struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// problemOf reads the body of a Neutron error.
func problemOf(err error) problem {
	var code gophercloud.ErrUnexpectedResponseCode
	var doc struct{ NeutronError problem }
	if errors.As(err, &code) {
		_ = json.Unmarshal(code.Body, &doc) // what is no Neutron error stays empty
	}
	return doc.NeutronError
}

// values builds a query string: values("id", a, "id", b).
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// each adds one pair for every value.
func each(v url.Values, key string, list []string) url.Values {
	for _, s := range list {
		v.Add(key, s)
	}
	return v
}

func fields(v url.Values, names string) url.Values { return each(v, "fields", strings.Fields(names)) }
