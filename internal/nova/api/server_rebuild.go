package api

import (
	"encoding/json"
	"net/http"

	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// serverRebuild is the body of the action rebuild in all microversions.
type serverRebuild struct {
	Rebuild struct {
		serverChange
		ImageRef          string            `json:"imageRef"`
		AdminPass         string            `json:"adminPass"`
		Metadata          map[string]string `json:"metadata"`
		KeyName           json.RawMessage   `json:"key_name"`
		UserData          json.RawMessage   `json:"user_data"`
		Personality       []personality     `json:"personality"`
		PreserveEphemeral boolish           `json:"preserve_ephemeral"`
		TrustedCerts      []string          `json:"trusted_image_certificates"`
	} `json:"rebuild"`
}

// rebuiltServer is the answer: the server, its new password, and since 2.57
// its user data.
type rebuiltServer struct {
	Server struct {
		serverView
		AdminPass   string `json:"adminPass"`
		NewUserData shown  `json:"user_data,omitzero"`
	} `json:"server"`
}

// Headers tell where the server is.
func (v rebuiltServer) Headers() http.Header {
	return http.Header{"Location": {v.Server.Links[0].Href}}
}

func (a *API) rebuildServer(c *httpapi.Call, s nova.Server, body serverRebuild) (v rebuiltServer, err error) {
	b := body.Rebuild
	if err := a.trusted(c, b.TrustedCerts, "os_compute_api:servers:rebuild:trusted_certs", s.PolicyTarget()); err != nil {
		return v, err
	}
	req := service.ServerRebuild{ImageID: b.ImageRef, AdminPass: b.AdminPass, Metadata: b.Metadata, SetKey: b.KeyName != nil,
		SetUserData: b.UserData != nil, PreserveEphemeral: bool(b.PreserveEphemeral),
		ZeroDisk: c.Allowed("os_compute_api:servers:create:zero_disk_flavor", s.PolicyTarget())}
	if req.Change, err = b.change(); err != nil {
		return v, err
	}
	for from, into := range map[*json.RawMessage]*string{&b.KeyName: &req.KeyName, &b.UserData: &req.UserData} {
		if *from == nil {
			continue
		}
		if err := json.Unmarshal(*from, into); err != nil {
			return v, fault.BadRequest("Malformed request body").Cause(err)
		}
	}
	if req.Files, err = injected(b.Personality); err != nil {
		return v, err
	}
	rebuilt, err := a.svc.RebuildServer(c.Ctx(), s, &req)
	if err != nil {
		return v, err
	}
	return a.rebuiltView(c, rebuilt, req.AdminPass)
}

func (a *API) rebuiltView(c *httpapi.Call, s nova.Server, password string) (v rebuiltServer, err error) {
	v.Server.AdminPass = password
	if v.Server.serverView, err = a.serverView(c, s); err != nil {
		return v, err
	}
	if key := v.Server.KeyName; !c.Version.AtLeast("2.75") {
		v.Server.abridge()
		if c.Version.AtLeast("2.54") {
			v.Server.KeyName = key
		}
	}
	v.Server.UserData = shown{} // here it is told under its plain name
	if c.Version.AtLeast("2.57") {
		v.Server.NewUserData = show(orNil(s.UserData))
	}
	return v, nil
}
