package api

import (
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"nacre/internal/keystone"
	"nacre/internal/keystone/mapping"
	"nacre/internal/keystone/sso"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) ssoRoutes() httpapi.Table {
	single := "/auth" + federation + "/websso/{protocol_id}"
	direct := "/auth" + protoPath + "/websso"
	return httpapi.Table{
		{Method: "GET", Path: protoPath + "/auth", Status: 201, Public: true, Do: httpapi.Raw(a.federatedToken)},
		{Method: "POST", Path: protoPath + "/auth", Status: 201, Public: true, Do: httpapi.Raw(a.federatedToken)},
		{Method: "GET", Path: single, Status: 200, Public: true, Do: httpapi.Raw(a.webSSO)},
		{Method: "POST", Path: single, Status: 200, Public: true, Do: httpapi.Raw(a.webSSO)},
		{Method: "GET", Path: direct, Status: 200, Public: true, Do: httpapi.Raw(a.webSSODirect)},
		{Method: "POST", Path: direct, Status: 200, Public: true, Do: httpapi.Raw(a.webSSODirect)},
		{Method: "GET", Path: protoPath + "/oidc/callback", Status: 200, Public: true, Do: httpapi.Raw(a.finishOIDC)},
		{Method: "POST", Path: protoPath + "/saml2/acs", Status: 200, Public: true, Do: httpapi.Raw(a.finishSAML)},
		{Method: "POST", Path: protoPath + "/saml2/ecp", Status: 302, Public: true, Do: httpapi.Raw(a.finishECP)},
		{Method: "GET", Path: protoPath + "/saml2/metadata", Status: 200, Public: true, Do: httpapi.Raw(a.showPartyMetadata)},
	}
}

// refusedAssertion is the 401 for an assertion that does not hold; why, the
// operator reads in the log.
func refusedAssertion(err error) error {
	return fault.Unauthorized("The request you have made requires authentication.").Cause(err)
}

// vouched reads the assertion that a request brings along: an access token,
// a session by SAML, or what a trusted proxy says. None is an empty one, which
// no mapping makes a user of.
func (a *API) vouched(c *httpapi.Call, idp, protocol string) (keystone.MappedProof, error) {
	proof := keystone.MappedProof{IdentityProvider: idp, Protocol: protocol}
	parties := a.svc.SSO()
	var said sso.Assertion
	var err error
	switch token, isBearer := strings.CutPrefix(c.R.Header.Get("Authorization"), "Bearer "); {
	case parties.OIDC(idp, protocol) != nil && isBearer:
		said, err = parties.OIDC(idp, protocol).Bearer(c.Ctx(), token)
	case parties.SAML(idp, protocol) != nil:
		cookie, missing := c.R.Cookie(sessionCookie(idp, protocol))
		if missing != nil {
			return proof, nil
		}
		said, err = parties.Kept(idp, protocol, cookie.Value)
	case !parties.Has(idp, protocol) && parties.TrustsProxy(c.R.RemoteAddr):
		said.Attributes = proxied(c.R)
	}
	if err != nil {
		return proof, refusedAssertion(err)
	}
	proof.Issuer, proof.Assertion = said.Issuer, said.Attributes
	return proof, nil
}

// private are the headers that servers keep out of the environment.
var private = map[string]bool{"Authorization": true, "Cookie": true, "X-Auth-Token": true, "X-Subject-Token": true, "X-Service-Token": true}

// proxied are the headers of a request under the names that a server gives
// them in its environment, and REMOTE_USER of the header Remote-User.
func proxied(r *http.Request) mapping.Assertion {
	plain := map[string]string{}
	for name, values := range r.Header {
		if private[name] {
			continue
		}
		name = strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		text := asUTF8(strings.Join(values, ";"))
		plain["HTTP_"+name] = text
		if name == "REMOTE_USER" {
			plain["REMOTE_USER"] = text
		}
	}
	return mapping.Split(plain)
}

// asUTF8 reads a header's value, which is UTF-8 or else Latin-1.
func asUTF8(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(rune(text[i]))
	}
	return b.String()
}

// authenticated gives a token to one for whom an assertion vouches.
func (a *API) authenticated(c *httpapi.Call, proof keystone.MappedProof) (keystone.Token, error) {
	cred := keystone.Credentials{Methods: []string{proof.Protocol}, Proofs: map[string]any{proof.Protocol: proof}}
	return a.svc.Authenticate(c.Ctx(), cred, keystone.Scope{})
}

// federatedToken is an unscoped token for one for whom an assertion vouches. A
// client that can carry a question to the identity provider is given one.
func (a *API) federatedToken(c *httpapi.Call, w http.ResponseWriter) error {
	idp, protocol := c.Param("idp_id"), c.Param("protocol_id")
	if err := a.svc.CheckMethods([]string{protocol}); err != nil {
		return err
	}
	proof, err := a.vouched(c, idp, protocol)
	if err != nil {
		return err
	}
	if proof.Assertion == nil && a.svc.SSO().SAML(idp, protocol) != nil && c.R.Header.Get("PAOS") != "" {
		question, err := a.svc.SSO().Question(c.Ctx(), idp, protocol)
		if err != nil {
			return err
		}
		return write(w, http.StatusOK, sso.PAOS, question)
	}
	t, err := a.authenticated(c, proof)
	if err != nil {
		return err
	}
	answer, err := a.tokenAnswer(c, t)
	if err != nil {
		return err
	}
	body, err := httpapi.Encode(answer)
	if err != nil {
		return err
	}
	w.Header().Set(subjectHeader, t.ID)
	return write(w, http.StatusCreated, "application/json", body)
}

func write(w http.ResponseWriter, status int, media string, body []byte) error {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// origin is the dashboard that a browser came from and goes back to.
func (a *API) origin(c *httpapi.Call) (string, error) {
	at := c.Query.Get("origin")
	if at == "" {
		return "", fault.BadRequest("Request must have an origin query parameter")
	}
	if plain, err := url.QueryUnescape(at); err == nil {
		at = plain
	}
	if !a.svc.SSO().TrustsDashboard(at) {
		return "", refusedAssertion(fault.Unauthorized("%s is not a trusted dashboard host", at))
	}
	return at, nil
}

// webSSO is a login by a protocol, whoever the identity provider is: a proxy
// has asked already, or there is one with whom we speak it, or the user chooses.
func (a *API) webSSO(c *httpapi.Call, w http.ResponseWriter) error {
	protocol := c.Param("protocol_id")
	parties := a.svc.SSO()
	if parties.TrustsProxy(c.R.RemoteAddr) {
		if said, err := a.remoteID(c, protocol); err != nil {
			return err
		} else if said != "" {
			return a.proxiedSSO(c, w, said)
		}
	}
	var choice []sso.Party
	for _, p := range parties.Providers {
		if p.Protocol == protocol {
			choice = append(choice, p)
		}
	}
	if len(choice) == 0 {
		return refusedAssertion(fault.Unauthorized("Missing entity ID from environment"))
	}
	at, err := a.origin(c)
	if err != nil {
		return err
	}
	if len(choice) == 1 {
		return a.start(c, w, choice[0].IdentityProvider, protocol, at)
	}
	return choose(c, w, choice, at)
}

// remoteID is how the identity provider that a proxy has asked calls itself.
func (a *API) remoteID(c *httpapi.Call, protocol string) (string, error) {
	names, err := a.svc.RemoteIDAttributes(c.Ctx(), protocol)
	if err != nil {
		return "", err
	}
	said := proxied(c.R)
	for _, name := range names {
		if values := said[name]; len(values) == 1 && values[0] != "" {
			return values[0], nil
		}
	}
	return "", nil
}

func (a *API) proxiedSSO(c *httpapi.Call, w http.ResponseWriter, remoteID string) error {
	at, err := a.origin(c)
	if err != nil {
		return err
	}
	idp, err := a.svc.IdentityProviderCalled(c.Ctx(), remoteID)
	if err != nil {
		return err
	}
	return a.signIn(c, w, idp, at)
}

// webSSODirect is a login by one protocol of one identity provider.
func (a *API) webSSODirect(c *httpapi.Call, w http.ResponseWriter) error {
	at, err := a.origin(c)
	if err != nil {
		return err
	}
	idp := c.Param("idp_id")
	if a.svc.SSO().Has(idp, c.Param("protocol_id")) {
		return a.start(c, w, idp, c.Param("protocol_id"), at)
	}
	return a.signIn(c, w, idp, at)
}

// signIn sends a browser to the dashboard with a token for what came along.
func (a *API) signIn(c *httpapi.Call, w http.ResponseWriter, idp, at string) error {
	protocol := c.Param("protocol_id")
	if err := a.svc.CheckMethods([]string{protocol}); err != nil {
		return err
	}
	proof, err := a.vouched(c, idp, protocol)
	if err != nil {
		return err
	}
	return a.returnWith(c, w, proof, at)
}

func (a *API) returnWith(c *httpapi.Call, w http.ResponseWriter, proof keystone.MappedProof, at string) error {
	t, err := a.authenticated(c, proof)
	if err != nil {
		return err
	}
	page, err := a.callbackPage(at, t.ID)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, "text/html; charset=utf-8", page)
}

// start sends a browser to the identity provider.
func (a *API) start(c *httpapi.Call, w http.ResponseWriter, idp, protocol, at string) error {
	if err := a.svc.CheckMethods([]string{protocol}); err != nil {
		return err
	}
	if _, err := a.svc.Protocol(c.Ctx(), idp, protocol); err != nil {
		return err
	}
	to, kept, err := a.svc.SSO().Start(c.Ctx(), sso.Login{IdentityProvider: idp, Protocol: protocol, Origin: at})
	if err != nil {
		return err
	}
	a.keep(w, loginCookie(idp, protocol), kept)
	w.Header().Set("Location", to)
	return write(w, http.StatusFound, "text/plain; charset=utf-8", nil)
}

func loginCookie(idp, protocol string) string   { return cookieName("nacre_login", idp, protocol) }
func sessionCookie(idp, protocol string) string { return cookieName("nacre_session", idp, protocol) }

// cookieName has none of the characters that names of cookies may not have.
func cookieName(kind, idp, protocol string) string {
	return kind + "_" + keystone.PublicID(idp, kind, protocol)[:16]
}

// keep has a client keep a value for this service. Over TLS it comes back even
// with a form that another site posts, as SAML does it.
func (a *API) keep(w http.ResponseWriter, name, value string) {
	cookie := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true}
	if strings.HasPrefix(a.svc.SSO().PublicURL, "https:") {
		cookie.Secure, cookie.SameSite = true, http.SameSiteNoneMode
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// kept is the login that the browser is on, if the answer belongs to it.
func (a *API) kept(c *httpapi.Call, w http.ResponseWriter, state string) (sso.Login, error) {
	idp, protocol := c.Param("idp_id"), c.Param("protocol_id")
	cookie, err := c.R.Cookie(loginCookie(idp, protocol))
	if err != nil {
		return sso.Login{}, refusedAssertion(err)
	}
	l, err := a.svc.SSO().Continue(cookie.Value, idp, protocol, state)
	if err != nil {
		return l, refusedAssertion(err)
	}
	a.keep(w, loginCookie(idp, protocol), "")
	return l, nil
}

// finishOIDC is where an OpenID provider sends the browser back.
func (a *API) finishOIDC(c *httpapi.Call, w http.ResponseWriter) error {
	party := a.svc.SSO().OIDC(c.Param("idp_id"), c.Param("protocol_id"))
	if party == nil {
		return noParty(c)
	}
	l, err := a.kept(c, w, c.Query.Get("state"))
	if err != nil {
		return err
	}
	if why := c.Query.Get("error"); why != "" {
		return refusedAssertion(fault.Unauthorized("the identity provider says %q: %q", why, c.Query.Get("error_description")))
	}
	said, err := party.Finish(c.Ctx(), l, c.Query.Get("code"))
	if err != nil {
		return refusedAssertion(err)
	}
	return a.returnWith(c, w, proofOf(l, said), l.Origin)
}

func proofOf(l sso.Login, said sso.Assertion) keystone.MappedProof {
	return keystone.MappedProof{IdentityProvider: l.IdentityProvider, Protocol: l.Protocol, Issuer: said.Issuer, Assertion: said.Attributes}
}

func noParty(c *httpapi.Call) error {
	return fault.NotFound("Could not find federated protocol %s for Identity Provider: %s.", c.Param("protocol_id"), c.Param("idp_id"))
}

// finishSAML is where a browser brings the answer of a SAML identity provider.
func (a *API) finishSAML(c *httpapi.Call, w http.ResponseWriter) error {
	party := a.svc.SSO().SAML(c.Param("idp_id"), c.Param("protocol_id"))
	if party == nil {
		return noParty(c)
	}
	form, err := url.ParseQuery(string(c.Body))
	if media, _, bad := mime.ParseMediaType(c.R.Header.Get("Content-Type")); err != nil || bad != nil || media != "application/x-www-form-urlencoded" {
		return fault.BadRequest("The answer of the identity provider is no form.")
	}
	l, err := a.kept(c, w, form.Get("RelayState"))
	if err != nil {
		return err
	}
	said, err := party.Finish(c.Ctx(), l, form.Get("SAMLResponse"))
	if err != nil {
		return refusedAssertion(err)
	}
	if err := a.svc.UseAssertion(c.Ctx(), said); err != nil {
		return err
	}
	return a.returnWith(c, w, proofOf(l, said), l.Origin)
}

// finishECP is where a client that is no browser brings it; the client then
// fetches its token with what it is given to keep.
func (a *API) finishECP(c *httpapi.Call, w http.ResponseWriter) error {
	idp, protocol := c.Param("idp_id"), c.Param("protocol_id")
	party := a.svc.SSO().SAML(idp, protocol)
	if party == nil {
		return noParty(c)
	}
	said, err := a.svc.SSO().Answer(c.Ctx(), idp, protocol, c.Body)
	if err != nil {
		return refusedAssertion(err)
	}
	if err := a.svc.UseAssertion(c.Ctx(), said); err != nil {
		return err
	}
	kept, err := a.svc.SSO().Keep(idp, protocol, said)
	if err != nil {
		return err
	}
	a.keep(w, sessionCookie(idp, protocol), kept)
	w.Header().Set("Location", party.AuthURL())
	return write(w, http.StatusFound, "text/plain; charset=utf-8", nil)
}

func (a *API) showPartyMetadata(c *httpapi.Call, w http.ResponseWriter) error {
	party := a.svc.SSO().SAML(c.Param("idp_id"), c.Param("protocol_id"))
	if party == nil {
		return noParty(c)
	}
	text, err := party.Metadata()
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, "application/samlmetadata+xml", text)
}

var callback = template.Must(template.New("callback").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Signing in</title></head>
<body>
<form id="sso" name="sso" action="{{.Host}}" method="post">
Please wait...
<input type="hidden" name="token" id="token" value="{{.Token}}">
<noscript><input type="submit" name="submit_no_javascript" id="submit_no_javascript" value="Continue"></noscript>
</form>
<script>window.onload = function() { document.forms['sso'].submit(); }</script>
</body>
</html>
`))

// callbackPage posts the token to the dashboard: the operator's page, or ours.
func (a *API) callbackPage(host, token string) ([]byte, error) {
	var b strings.Builder
	if file := a.svc.SSO().CallbackTemplate; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		safe := template.HTMLEscapeString(host)
		_, err = strings.NewReplacer("${host}", safe, "$host", safe, "${token}", token, "$token", token).WriteString(&b, string(text))
		return []byte(b.String()), err
	}
	err := callback.Execute(&b, struct{ Host, Token string }{host, token})
	return []byte(b.String()), err
}

var chooser = template.Must(template.New("chooser").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in</title></head>
<body><p>Sign in by:</p><ul>
{{range .}}<li><a href="{{.URL}}">{{.Name}}</a></li>
{{end}}</ul></body>
</html>
`))

// choose lets the user say who the identity provider is.
func choose(c *httpapi.Call, w http.ResponseWriter, parties []sso.Party, at string) error {
	type link struct{ URL, Name string }
	var links []link
	for _, p := range parties {
		links = append(links, link{base(c, "auth/OS-FEDERATION/identity_providers", url.PathEscape(p.IdentityProvider),
			"protocols", url.PathEscape(p.Protocol), "websso") + "?origin=" + url.QueryEscape(at), p.IdentityProvider})
	}
	var b strings.Builder
	if err := chooser.Execute(&b, links); err != nil {
		return err
	}
	return write(w, http.StatusOK, "text/html; charset=utf-8", []byte(b.String()))
}
