package api

import (
	"errors"
	"net/http"

	"nacre/internal/keystone"
	"nacre/internal/keystone/sso"
	"nacre/internal/oslo/httpapi"
)

// samlRoutes make this cloud an identity provider of others.
func (a *API) samlRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: federation + "/saml2/metadata", Status: 200, Public: true, Do: httpapi.Raw(a.showMetadata)},
		{Method: "POST", Path: "/auth" + federation + "/saml2", Status: 200, Public: true,
			Bodies: httpapi.Schemas{"": "saml.json"}, Do: httpapi.JSON(a.assertSAML)},
		{Method: "POST", Path: "/auth" + federation + "/saml2/ecp", Status: 200, Public: true,
			Bodies: httpapi.Schemas{"": "saml.json"}, Do: httpapi.JSON(a.assertECP)},
	}
}

func (a *API) issuer() (*sso.Issuer, error) {
	if i := a.svc.SSO().Issuer; i != nil {
		return i, nil
	}
	return nil, notImplemented().Cause(errors.New("this cloud is no identity provider: set saml below federation in the options file"))
}

func (a *API) showMetadata(_ *httpapi.Call, w http.ResponseWriter) error {
	i, err := a.issuer()
	if err != nil {
		return err
	}
	text, err := i.Metadata()
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, "text/xml", text)
}

type samlBody struct {
	Auth *struct {
		Identity struct {
			Token struct{ ID string } `json:"token"`
		} `json:"identity"`
		Scope struct {
			ServiceProvider struct{ ID string } `json:"service_provider"`
		} `json:"scope"`
	} `json:"auth"`
}

func (a *API) assertSAML(c *httpapi.Call, b samlBody) (xmlAnswer, error) {
	return a.assert(c, b, func(i *sso.Issuer, sp keystone.ServiceProvider, st sso.Statement) ([]byte, error) {
		return i.Assert(sp.SPURL, st)
	})
}

func (a *API) assertECP(c *httpapi.Call, b samlBody) (xmlAnswer, error) {
	return a.assert(c, b, func(i *sso.Issuer, sp keystone.ServiceProvider, st sso.Statement) ([]byte, error) {
		return i.AssertECP(sp.SPURL, sp.RelayStatePrefix, st)
	})
}

// xmlAnswer is an answer that is no JSON.
type xmlAnswer struct {
	text    []byte
	headers http.Header
}

// Headers says what it is, and for whom.
func (x xmlAnswer) Headers() http.Header { return x.headers }

// AppendJSON gives the text as it is.
func (x xmlAnswer) AppendJSON(b []byte) []byte { return append(b, x.text...) }

// assert vouches for the user of a token towards a service provider.
func (a *API) assert(c *httpapi.Call, b samlBody, make func(*sso.Issuer, keystone.ServiceProvider, sso.Statement) ([]byte, error)) (x xmlAnswer, err error) {
	if b.Auth == nil {
		return x, refusal("None is not of type 'object'", "type", a.schemas["saml.json"], nil, nil)
	}
	issuer, err := a.issuer()
	if err != nil {
		return x, err
	}
	sp, st, err := a.svc.Vouch(c.Ctx(), b.Auth.Scope.ServiceProvider.ID, b.Auth.Identity.Token.ID)
	if err != nil {
		return x, err
	}
	x.text, err = make(issuer, sp, st)
	x.headers = http.Header{"Content-Type": {"text/xml"}, "X-Sp-Url": {sp.SPURL}, "X-Auth-Url": {sp.AuthURL}}
	return x, err
}
