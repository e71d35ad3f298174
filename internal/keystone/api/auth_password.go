package api

import (
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// methodUser is how a method of authentication names its user.
type methodUser struct {
	refBody
	Password string `json:"password"`
	Passcode string `json:"passcode"`
}

// who is the user that the body of a method names.
func (u *methodUser) who(method string) (keystone.Ref, error) {
	if u == nil {
		return keystone.Ref{}, expecting("user", method)
	}
	ref, err := u.ref("identity/" + method + "/user")
	if err != nil {
		return keystone.Ref{}, err
	}
	if ref.ID == "" && ref.Name == "" {
		return keystone.Ref{}, expecting("id or name", "user")
	}
	if ref.Name != "" && ref.Domain == nil {
		return keystone.Ref{}, expecting("domain", "user")
	}
	return *ref, nil
}

// readPassword reads {"user": {…, "password"}}.
func readPassword(_ *httpapi.Call, text json.RawMessage) (any, error) {
	var body struct {
		User *methodUser `json:"user"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, err
	}
	ref, err := body.User.who(keystone.MethodPassword)
	if err != nil {
		return nil, err
	}
	return keystone.PasswordProof{User: ref, Password: body.User.Password}, nil
}
