package api

import (
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// mappedBody makes the reader of a method by which an identity provider
// vouches: {"identity_provider", "protocol"}, with the assertion in the
// request, or {"id"} of a federated token.
func (a *API) mappedBody() methodBody {
	return func(c *httpapi.Call, text json.RawMessage) (any, error) {
		var body struct {
			ID               string  `json:"id"`
			IdentityProvider *string `json:"identity_provider"`
			Protocol         *string `json:"protocol"`
		}
		if err := json.Unmarshal(text, &body); err != nil {
			return nil, err
		}
		switch {
		case body.ID != "":
			return keystone.MappedProof{TokenID: body.ID}, nil
		case body.IdentityProvider == nil:
			return nil, expecting("identity_provider", "mapped")
		case body.Protocol == nil:
			return nil, expecting("protocol", "mapped")
		}
		return a.vouched(c, *body.IdentityProvider, *body.Protocol)
	}
}
