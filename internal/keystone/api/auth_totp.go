package api

import (
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// readTOTP reads {"user": {…, "passcode"}}.
func readTOTP(_ *httpapi.Call, text json.RawMessage) (any, error) {
	var body struct {
		User *methodUser `json:"user"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, err
	}
	ref, err := body.User.who(keystone.MethodTOTP)
	if err != nil {
		return nil, err
	}
	return keystone.TOTPProof{User: ref, Passcode: body.User.Passcode}, nil
}
