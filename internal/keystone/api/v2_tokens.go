package api

import (
	"cmp"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) v2TokenRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "POST", Path: "/tokens", Status: 200, Public: true, Do: httpapi.JSON(a.issueV2Token)},
		{Method: "GET", Path: "/tokens/revoked", Status: 200, Rule: v2Admin, Do: httpapi.Get(noRevokedTokens)},
		{Method: "GET", Path: "/tokens/{token_id}", Status: 200, Rule: tokenValidate, Do: onKnown(a.v2Subject, a.showV2Token)},
		{Method: "HEAD", Path: "/tokens/{token_id}", Status: 200, Rule: tokenValidate, Do: onKnown(a.v2Subject, a.showV2Token)},
		{Method: "DELETE", Path: "/tokens/{token_id}", Status: 204, Rule: v2Admin, Do: httpapi.Get(a.revokeV2Token)},
		{Method: "GET", Path: "/tokens/{token_id}/endpoints", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2TokenEndpoints)},
		{Method: "POST", Path: "/ec2tokens", Status: 200, Rule: ec2Validate, Do: httpapi.JSON(a.v2EC2Token)},
	}
}

// v2Auth is the body of POST /tokens.
type v2Auth struct {
	Auth *struct {
		Password *struct {
			UserID   string  `json:"userId"`
			UserName string  `json:"username"`
			Password *string `json:"password"`
		} `json:"passwordCredentials"`
		Token *struct {
			ID *string `json:"id"`
		} `json:"token"`
		TenantID   string `json:"tenantId"`
		TenantName string `json:"tenantName"`
		TrustID    string `json:"trust_id"`
	} `json:"auth"`
}

// issueV2Token is POST /tokens.
func (a *API) issueV2Token(c *httpapi.Call, b v2Auth) (view, error) {
	if b.Auth == nil {
		return nil, expecting("auth", "request body")
	}
	scope, err := a.svc.V2Scope(c.Ctx(), b.Auth.TenantID, b.Auth.TenantName, b.Auth.TrustID)
	if err != nil {
		return nil, err
	}
	cred, err := v2Credentials(b)
	if err != nil {
		return nil, err
	}
	t, err := a.svc.AuthenticateV2(c.Ctx(), cred, scope)
	if err != nil {
		return nil, err
	}
	return a.v2Access(c, t)
}

// v2Credentials reads what the client proves its identity with.
func v2Credentials(b v2Auth) (cred keystone.Credentials, err error) {
	if tok := b.Auth.Token; tok != nil {
		if tok.ID == nil {
			return cred, expecting("id", "token")
		}
		return keystone.Credentials{Methods: []string{keystone.MethodToken}, Proofs: map[string]any{keystone.MethodToken: keystone.TokenProof{ID: *tok.ID}}}, nil
	}
	given := b.Auth.Password
	switch {
	case given == nil:
		return cred, expecting("passwordCredentials", "auth")
	case given.Password == nil:
		return cred, expecting("password", "passwordCredentials")
	case given.UserID == "" && given.UserName == "":
		return cred, expecting("username or userId", "passwordCredentials")
	}
	ref := keystone.Ref{ID: given.UserID}
	if given.UserName != "" {
		ref = keystone.Ref{Name: given.UserName, Domain: &keystone.Ref{ID: keystone.DefaultDomainID}}
	}
	return keystone.WithPassword(ref, *given.Password), nil
}

// v2Subject finds the token that the path names. Version 2.0 knows none of
// other domains, and none that stands on a delegation.
func (a *API) v2Subject(c *httpapi.Call) (keystone.Token, policy.Target, error) {
	t, err := a.svc.Token(c.Ctx(), c.Param("token_id"))
	if err != nil {
		return t, policy.Target{}, err
	}
	return t, policy.Target{"target.token.user_id": t.User.ID}, nil
}

func (a *API) showV2Token(c *httpapi.Call, t keystone.Token) (view, error) {
	if err := service.KnownToV2(t); err != nil {
		return nil, err
	}
	if hasAccessRules(t) {
		return nil, fault.NotFound("Failed to validate token")
	}
	if tenant := c.Query.Get("belongsTo"); tenant != "" && tenant != t.ProjectID() {
		return nil, fault.Unauthorized("Token does not belong to specified tenant.")
	}
	return a.v2Access(c, t)
}

func (a *API) revokeV2Token(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RevokeToken(c.Ctx(), c.Param("token_id"))
}

func (a *API) listV2TokenEndpoints(c *httpapi.Call) (view, error) {
	t, err := a.svc.Token(c.Ctx(), c.Param("token_id"))
	if err == nil {
		err = service.KnownToV2(t)
	}
	if err != nil || t.ProjectID() == "" {
		return view{}, err
	}
	catalog, err := a.v2Catalog(c, t)
	endpoints := []view{}
	for _, s := range catalog {
		for _, e := range s["endpoints"].([]view) {
			e["name"], e["type"], e["tenantId"] = s["name"], s["type"], t.ProjectID()
			endpoints = append(endpoints, e)
		}
	}
	return view{"endpoints": endpoints, "endpoints_links": []view{}}, err
}

// v2Access is a token on the wire.
func (a *API) v2Access(c *httpapi.Call, t keystone.Token) (view, error) {
	token := view{"id": t.ID, "expires": wireTime(t.ExpiresAt), "issued_at": wireTime(t.IssuedAt), "audit_ids": t.AuditIDs}
	catalog := []view{}
	if t.Project != nil {
		token["tenant"] = v2TenantView(*t.Project)
		var err error
		if catalog, err = a.v2Catalog(c, t); err != nil {
			return nil, err
		}
	}
	roles, ids := []view{}, []string{}
	for _, r := range t.Roles {
		roles, ids = append(roles, view{"name": r.Name}), append(ids, r.ID)
	}
	access := view{"token": token, "serviceCatalog": catalog, "metadata": view{"is_admin": 0, "roles": ids},
		"user": view{"id": t.User.ID, "name": t.User.Name, "username": t.User.Name, "roles": roles, "roles_links": []view{}}}
	if tr := t.Trust; tr != nil {
		access["trust"] = view{"id": tr.ID, "impersonation": tr.Impersonation, "trustor_user_id": tr.TrustorUserID, "trustee_user_id": tr.TrusteeUserID}
	}
	return view{"access": access}, nil
}

// v2Catalog is the catalogue of a token's tenant: of each service the three
// addresses in each region.
func (a *API) v2Catalog(c *httpapi.Call, t keystone.Token) ([]view, error) {
	entries, err := a.svc.Catalog(c.Ctx(), t.User.ID, t.ProjectID())
	services := []view{}
	for _, s := range entries {
		if len(s.Endpoints) > 0 {
			services = append(services, view{"name": s.Name(), "type": s.Type, "endpoints": v2Endpoints(s.Endpoints), "endpoints_links": []view{}})
		}
	}
	return services, err
}

// v2Endpoints puts the addresses of a service together by region. Where a
// region has several of a kind the first counts.
func v2Endpoints(all []keystone.Endpoint) []view {
	byRegion := map[string]view{}
	regions := []string{}
	for _, e := range slices.SortedFunc(slices.Values(all), func(a, b keystone.Endpoint) int { return strings.Compare(a.ID, b.ID) }) {
		at := byRegion[e.RegionID]
		if at == nil {
			at = view{"region": nullable(e.RegionID)}
			byRegion[e.RegionID] = at
			regions = append(regions, e.RegionID)
		}
		if key := e.Interface + "URL"; at[key] == nil {
			at[key] = e.URL
		}
		if e.Interface == "public" || at["id"] == nil {
			at["id"] = cmp.Or(service.LegacyID(e), e.ID)
		}
	}
	views := make([]view, len(regions))
	slices.Sort(regions)
	for i, r := range regions {
		views[i] = byRegion[r]
	}
	return views
}

// v2EC2Token is POST /ec2tokens. Only services may ask, as in version 3: what
// was signed may have been overheard.
func (a *API) v2EC2Token(c *httpapi.Call, b signedBody) (view, error) {
	if err := someBody(c); err != nil {
		return nil, err
	}
	t, err := a.svc.AuthenticateEC2(c.Ctx(), b.request())
	if err == nil {
		err = service.KnownToV2(t)
	}
	if err != nil {
		return nil, err
	}
	return a.v2Access(c, t)
}
