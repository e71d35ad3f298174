package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

const subjectHeader = "X-Subject-Token"

// tokenValidate is for services, and for a token's own user.
var tokenValidate = anyScope("identity:validate_token", "rule:admin_required or (role:reader and system_scope:all) or rule:service_role or rule:token_subject")

func (a *API) tokenRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "POST", Path: "/auth/tokens", Status: 201, Public: true, Bodies: httpapi.Schemas{"": "auth.json"}, Do: httpapi.JSON(a.issueToken)},
		{Method: "HEAD", Path: "/auth/tokens", Status: 200,
			Rule: anyScope("identity:check_token", "rule:admin_required or (role:reader and system_scope:all) or rule:token_subject"),
			Do:   onKnown(a.subject, a.showToken)},
		{Method: "GET", Path: "/auth/tokens", Status: 200,
			Rule: tokenValidate,
			Do:   onKnown(a.subject, a.showToken)},
		{Method: "DELETE", Path: "/auth/tokens", Status: 204,
			Rule: anyScope("identity:revoke_token", "rule:admin_required or rule:token_subject"),
			Do:   onKnown(a.subject, a.revokeToken)},
		{Method: "GET", Path: "/auth/tokens/OS-PKI/revoked", Status: 200, Public: true, Do: httpapi.Get(noRevokedTokens)},
	}
}

// anyone is a rule that every valid token passes.
func anyone(name string) policy.Rule { return policy.Rule{Name: name} }

// subject finds the token that the call is about.
func (a *API) subject(c *httpapi.Call) (keystone.Token, policy.Target, error) {
	find := a.svc.Token
	if truth(c.Query.Get("allow_expired")) {
		find = a.svc.ExpiredToken
	}
	t, err := find(c.Ctx(), c.R.Header.Get(subjectHeader))
	if err == nil && c.R.Method != http.MethodDelete && hasAccessRules(t) && !knowsAccessRules(c) {
		err = fault.NotFound("Failed to validate token")
	}
	target := policy.Target{}
	if err == nil {
		target["target.token.user_id"] = t.User.ID
		if c.R.Method != http.MethodDelete { // to end a token one need not enforce it
			err = understood(c, t)
		}
	}
	return t, target, err
}

// truth reads a flag as oslo does.
func truth(text string) bool {
	return slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(strings.TrimSpace(text)))
}

func hasAccessRules(t keystone.Token) bool { return t.AppCred != nil && t.AppCred.AccessRules != nil }

// knowsAccessRules reports whether the service that asks enforces access
// rules. One that does not would allow more than the credential's owner did.
func knowsAccessRules(c *httpapi.Call) bool {
	version, err := strconv.ParseFloat(c.R.Header.Get("OpenStack-Identity-Access-Rules"), 64)
	return err == nil && version >= 1
}

// noRevokedTokens refuses a list that nobody keeps any more.
func noRevokedTokens(*httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, fault.Forbidden("You are not authorized to perform the requested action.")
}

// tokenAnswer is a token on the wire: what it stands for in the body, itself in a header.
type tokenAnswer struct {
	Token view `json:"token"`
	id    string
}

// Headers carries the token itself.
func (t tokenAnswer) Headers() http.Header { return http.Header{subjectHeader: {t.id}} }

// toldToken is a tokenAnswer in JSON.
type toldToken struct {
	id   string
	body []byte
}

// Headers carries the token itself.
func (t toldToken) Headers() http.Header { return tokenAnswer{id: t.id}.Headers() }

// AppendJSON implements httpapi.Appender.
func (t toldToken) AppendJSON(b []byte) []byte { return append(b, t.body...) }

func (a *API) showToken(c *httpapi.Call, t keystone.Token) (toldToken, error) {
	tell := func(t keystone.Token) ([]byte, error) {
		v, err := a.tokenAnswer(c, t)
		if err != nil {
			return nil, err
		}
		return httpapi.Encode(v)
	}
	if len(c.Query) > 0 {
		body, err := tell(t)
		return toldToken{t.ID, body}, err
	}
	body, err := a.svc.Told(c.Ctx(), t.ID, tell)
	return toldToken{t.ID, body}, err
}

func (a *API) revokeToken(c *httpapi.Call, t keystone.Token) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RevokeToken(c.Ctx(), t.ID)
}

func (a *API) tokenAnswer(c *httpapi.Call, t keystone.Token) (tokenAnswer, error) {
	v := tokenView(t)
	if t.Scoped() && !c.Query.Has("nocatalog") {
		catalog, err := a.catalogView(c, t.User.ID, t.ProjectID())
		if err != nil {
			return tokenAnswer{}, err
		}
		v["catalog"] = catalog
	}
	trusting, err := a.svc.TrustingClouds(c.Ctx())
	if err != nil {
		return tokenAnswer{}, err
	}
	if len(trusting) > 0 {
		v["service_providers"] = trustingViews(trusting)
	}
	return tokenAnswer{v, t.ID}, nil
}

func trustingViews(ps []keystone.ServiceProvider) []view {
	views := make([]view, len(ps))
	for i, p := range ps {
		views[i] = view{"id": p.ID, "auth_url": p.AuthURL, "sp_url": p.SPURL}
	}
	return views
}

func tokenView(t keystone.Token) view {
	user := view{"id": t.User.ID, "name": t.User.Name, "domain": nameOf(t.UserDomain), "password_expires_at": passwordExpiry(t.User)}
	v := view{"methods": t.Methods, "audit_ids": t.AuditIDs, "issued_at": wireTime(t.IssuedAt), "expires_at": wireTime(t.ExpiresAt), "user": user}
	switch {
	case t.System:
		v["system"] = view{"all": true}
	case t.Domain != nil:
		v["domain"] = nameOf(*t.Domain)
	case t.Project != nil:
		v["project"] = view{"id": t.Project.ID, "name": t.Project.Name, "domain": nameOf(t.ProjectDomain)}
		if t.Trust == nil {
			v["is_domain"] = t.Project.IsDomain
		}
	}
	if t.Scoped() {
		v["roles"] = t.Roles
	}
	showDelegation(v, t)
	if f := t.Federation; f != nil {
		user["OS-FEDERATION"] = view{"groups": groupRefs(f.GroupIDs), "identity_provider": view{"id": f.IdentityProvider},
			"protocol": view{"id": f.Protocol}}
		delete(user, "password_expires_at")
	}
	return v
}

// showDelegation adds by whose leave the user acts.
func showDelegation(v view, t keystone.Token) {
	if tr := t.Trust; tr != nil {
		v["OS-TRUST:trust"] = view{"id": tr.ID, "impersonation": tr.Impersonation,
			"trustor_user": view{"id": tr.TrustorUserID}, "trustee_user": view{"id": tr.TrusteeUserID}}
	}
	if a := t.AccessToken; a != nil {
		v["OS-OAUTH1"] = view{"access_token_id": a.ID, "consumer_id": a.ConsumerID}
	}
	if c := t.AppCred; c != nil {
		cred := view{"id": c.ID, "name": c.Name, "restricted": c.Restricted()}
		if len(c.AccessRules) > 0 {
			cred["access_rules"] = accessRuleRefs(c.AccessRules)
		}
		v["application_credential"] = cred
	}
	if t.Thumbprint != "" {
		v["oauth2_credential"] = view{"x5t#S256": t.Thumbprint}
	}
}

func groupRefs(ids []string) []view {
	refs := make([]view, len(ids))
	for i, id := range ids {
		refs[i] = view{"id": id}
	}
	return refs
}

func accessRuleRefs(rules []keystone.AccessRule) []view {
	refs := make([]view, len(rules))
	for i, r := range rules {
		refs[i] = view{"id": r.ID, "service": r.Service, "path": r.Path, "method": r.Method}
	}
	return refs
}

func nameOf(p keystone.Project) view { return view{"id": p.ID, "name": p.Name} }

// catalogView is the catalogue as one caller sees it.
func (a *API) catalogView(c *httpapi.Call, userID, projectID string) ([]view, error) {
	entries, err := a.svc.Catalog(c.Ctx(), userID, projectID)
	views := make([]view, len(entries))
	for i, e := range entries {
		views[i] = catalogEntryView(e)
	}
	return views, err
}

func catalogEntryView(e service.CatalogEntry) view {
	endpoints := make([]view, len(e.Endpoints))
	for i, p := range e.Endpoints {
		endpoints[i] = endpointWith(p, view{"id": p.ID, "interface": p.Interface, "url": p.URL,
			"region_id": nullable(p.RegionID), "region": nullable(p.RegionID)})
	}
	return view{"id": e.ID, "type": e.Type, "name": e.Name(), "endpoints": endpoints}
}
