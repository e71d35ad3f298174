package api

import (
	"encoding/json"

	"nacre/internal/oslo/httpapi"
)

// readOAuth1 reads nothing in the body: the call is signed in its header.
func readOAuth1(c *httpapi.Call, _ json.RawMessage) (any, error) { return oauthProof(c) }
