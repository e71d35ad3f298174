package api

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

const oauth2Path = "/OS-OAUTH2/token"

func (a *API) oauth2Routes() httpapi.Table {
	return httpapi.Table{{Method: "POST", Path: oauth2Path, Status: 200, Public: true, RawBody: true, Do: httpapi.Raw(a.oauth2Token)}}
}

// maxForm is how much of a request for an OAuth 2.0 token is read.
const maxForm = 64 << 10

// oauth2Token gives a client a token for the application credential whose ID
// and secret it shows, or for the user whose certificate it has.
func (a *API) oauth2Token(c *httpapi.Call, w http.ResponseWriter) error {
	form, err := readForm(c.R)
	if err != nil {
		return oauth2Fault(http.StatusBadRequest, "invalid_request", "The request body is no form.", err)
	}
	switch grant := form.Get("grant_type"); {
	case !form.Has("grant_type"):
		return oauth2Fault(http.StatusBadRequest, "invalid_request", "The parameter grant_type is required.", nil)
	case grant != "client_credentials":
		return oauth2Fault(http.StatusBadRequest, "unsupported_grant_type", "The parameter grant_type "+grant+" is not supported.", nil)
	}
	t, err := a.oauth2Client(c, form)
	if err != nil {
		return asOAuth2(err)
	}
	body, err := json.Marshal(view{"access_token": t.ID, "token_type": "Bearer", "expires_in": int(t.ExpiresAt.Sub(t.IssuedAt).Seconds())})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(body)
	return err
}

func readForm(r *http.Request) (url.Values, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxForm))
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return url.Values{}, nil
	}
	return url.ParseQuery(string(text))
}

// oauth2Client authenticates whoever asks: by its certificate, if it has one,
// else by a secret in the form or by basic authentication.
func (a *API) oauth2Client(c *httpapi.Call, form url.Values) (keystone.Token, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	cert := c.ClientCertificate()
	if name, password, ok := c.R.BasicAuth(); ok && cert == nil {
		id, secret = name, password
	}
	switch {
	case id == "":
		return keystone.Token{}, oauth2Refusal(errors.New("no client_id"))
	case cert != nil && a.svc.OffersOAuth2(service.TLSClientAuth):
		t, err := a.svc.AuthenticateCertificate(c.Ctx(), id, cert)
		if fault.Is(err, http.StatusUnauthorized) {
			err = oauth2Refusal(err)
		}
		return t, err
	case cert != nil || secret == "" || !a.svc.OffersOAuth2(service.ClientSecretBasic):
		return keystone.Token{}, oauth2Refusal(errors.New("neither certificate nor secret, or it is not to be used"))
	}
	return a.svc.Authenticate(c.Ctx(), keystone.Credentials{Methods: []string{keystone.MethodApplicationCredential},
		Proofs: map[string]any{keystone.MethodApplicationCredential: keystone.ApplicationCredentialProof{ID: id, Secret: secret}}}, keystone.Scope{})
}

func oauth2Refusal(cause error) error {
	return oauth2Fault(http.StatusUnauthorized, "invalid_client", "Client authentication failed.", cause)
}

// oauth2Fault is an error in the words of RFC 6749, 5.2.
func oauth2Fault(status int, kind, description string, cause error) *fault.Fault {
	f := fault.New(status, "%s", description).Cause(cause).As("oauth2")
	f.Body = view{"error": kind, "error_description": description}
	return f
}

// oauth2NotAllowed is the answer to other methods, in these terms.
func oauth2NotAllowed(c *httpapi.Call, allow []string) httpapi.Response {
	r := envelope(c, oauth2Fault(http.StatusMethodNotAllowed, "other_error", "The method is not allowed for the requested URL.", nil))
	maps.Copy(r.Header, allowHeader(allow))
	return r
}

// asOAuth2 words a refusal in these terms.
func asOAuth2(err error) error {
	f, ok := fault.Of(err)
	switch {
	case !ok || f.Type == "oauth2":
		return err
	case f.Status == http.StatusUnauthorized:
		return oauth2Fault(f.Status, "invalid_client", f.Message, err)
	case f.Status == http.StatusBadRequest:
		return oauth2Fault(f.Status, "invalid_request", f.Message, err)
	}
	return oauth2Fault(f.Status, "other_error", "An unknown error occurred and failed to get an OAuth2.0 access token.", err)
}
