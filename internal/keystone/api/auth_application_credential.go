package api

import (
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// readApplicationCredential reads {"id", "secret"} or {"name", "user": {…}, "secret"}.
func readApplicationCredential(_ *httpapi.Call, text json.RawMessage) (any, error) {
	var body struct {
		ID     string      `json:"id"`
		Name   string      `json:"name"`
		Secret string      `json:"secret"`
		User   *methodUser `json:"user"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, expecting("id or name", "application credential")
	}
	proof := keystone.ApplicationCredentialProof{ID: body.ID, Name: body.Name, Secret: body.Secret}
	if proof.ID != "" {
		return proof, nil
	}
	if proof.Name == "" {
		return nil, expecting("name or ID", "application credential")
	}
	if body.User == nil {
		return nil, expecting("user", "application credential")
	}
	var err error
	proof.User, err = body.User.who(keystone.MethodApplicationCredential)
	return proof, err
}
