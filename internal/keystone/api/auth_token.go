package api

import (
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// readToken reads {"id"}.
func readToken(_ *httpapi.Call, text json.RawMessage) (any, error) {
	var proof keystone.TokenProof
	err := json.Unmarshal(text, &proof)
	return proof, err
}
