package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// authBody is the body of POST /auth/tokens, after its schema was checked.
type authBody struct {
	Auth *struct {
		Identity map[string]json.RawMessage `json:"identity"`
		Scope    json.RawMessage            `json:"scope"`
	} `json:"auth"`
}

type refBody struct {
	ID     *string  `json:"id"`
	Name   *string  `json:"name"`
	Domain *refBody `json:"domain"`
}

// ref reads a reference; where is its place in the body, for the sentence.
func (r *refBody) ref(where string) (*keystone.Ref, error) {
	if r == nil {
		return nil, nil
	}
	if r.ID == nil && r.Name == nil {
		return nil, fault.BadRequest("Invalid input for field %s: id or name must be present.", where)
	}
	domain, err := r.Domain.ref(where + "/domain")
	if err != nil {
		return nil, err
	}
	ref := &keystone.Ref{Domain: domain}
	if r.ID != nil {
		ref.ID = *r.ID
	}
	if r.Name != nil {
		ref.Name = *r.Name
	}
	return ref, nil
}

// issueToken is POST /auth/tokens.
func (a *API) issueToken(c *httpapi.Call, b authBody) (tokenAnswer, error) {
	if b.Auth == nil {
		return tokenAnswer{}, expecting("auth", "request body")
	}
	cred, err := a.credentials(c, b.Auth.Identity)
	if err != nil {
		return tokenAnswer{}, err
	}
	scope, err := scopeOf(b.Auth.Scope)
	if err != nil {
		return tokenAnswer{}, err
	}
	cred.Receipt = c.R.Header.Get(receiptHeader)
	t, err := a.svc.Authenticate(c.Ctx(), cred, scope)
	if more, ok := errors.AsType[*keystone.MoreMethods](err); ok {
		return tokenAnswer{}, receiptFault(more.Receipt)
	} else if err != nil {
		return tokenAnswer{}, err
	}
	return a.tokenAnswer(c, t)
}

// methodBody reads what a client says of one method of authentication into the
// proof that goes with it. Whether it is right is not asked here.
type methodBody func(c *httpapi.Call, text json.RawMessage) (any, error)

// methodBodies are the bodies of all methods.
var methodBodies = map[string]methodBody{
	keystone.MethodPassword:              readPassword,
	keystone.MethodToken:                 readToken,
	keystone.MethodTOTP:                  readTOTP,
	keystone.MethodOAuth1:                readOAuth1,
	keystone.MethodApplicationCredential: readApplicationCredential,
}

// credentials reads what the client proves its identity with.
func (a *API) credentials(c *httpapi.Call, identity map[string]json.RawMessage) (cred keystone.Credentials, err error) {
	var asked []string
	if err := json.Unmarshal(identity["methods"], &asked); err != nil {
		return cred, expecting("methods", "identity")
	}
	for _, m := range asked {
		if _, ok := identity[m]; !ok {
			return cred, expecting(m, "identity")
		}
		if !slices.Contains(cred.Methods, m) {
			cred.Methods = append(cred.Methods, m)
		}
	}
	if err := a.svc.CheckMethods(cred.Methods); err != nil {
		return cred, err
	}
	cred.Proofs = map[string]any{}
	for _, m := range cred.Methods {
		read := methodBodies[m]
		if read == nil { // a protocol of identity providers
			read = a.mappedBody()
		}
		if cred.Proofs[m], err = read(c, identity[m]); err != nil {
			return cred, err
		}
	}
	return cred, nil
}

const scopeKinds = "system, project, domain, OS-TRUST:trust or unscoped"

// scopeOf reads the scope; none given is the zero Scope.
func scopeOf(text json.RawMessage) (keystone.Scope, error) {
	var word string
	if len(text) == 0 {
		return keystone.Scope{}, nil
	}
	if json.Unmarshal(text, &word) == nil {
		if strings.Contains(word, "unscoped") {
			return keystone.Scope{Unscoped: true}, nil
		}
		return keystone.Scope{}, expecting(scopeKinds, "scope")
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil {
		return keystone.Scope{}, err
	}
	kind := ""
	for _, k := range []string{"project", "domain", "unscoped", "system", "OS-TRUST:trust"} {
		if _, ok := body[k]; !ok {
			continue
		}
		if kind != "" {
			return keystone.Scope{}, expecting(scopeKinds, "scope")
		}
		kind = k
	}
	return scopeKind(kind, body[kind])
}

func scopeKind(kind string, text json.RawMessage) (s keystone.Scope, err error) {
	switch kind {
	case "system":
		return keystone.Scope{System: true}, nil
	case "unscoped":
		return keystone.Scope{Unscoped: true}, nil
	case "OS-TRUST:trust":
		return trustScope(text)
	case "":
		return s, expecting(scopeKinds, "scope")
	}
	var body *refBody
	if err := json.Unmarshal(text, &body); err != nil {
		return s, err
	}
	ref, err := body.ref("scope/" + kind)
	if err != nil {
		return s, err
	}
	if ref == nil || ref.ID == "" && ref.Name == "" {
		return s, fault.BadRequest("Invalid input for field scope/%s: id or name must be present.", kind)
	}
	if kind == "domain" {
		return keystone.Scope{Domain: ref}, nil
	}
	if ref.Name != "" && ref.Domain == nil {
		return s, expecting("domain", "project")
	}
	return keystone.Scope{Project: ref}, nil
}

func trustScope(text json.RawMessage) (keystone.Scope, error) {
	var body struct{ ID string }
	if err := json.Unmarshal(text, &body); err != nil {
		return keystone.Scope{}, err
	}
	if body.ID == "" {
		return keystone.Scope{}, expecting("trust_id", "trust")
	}
	return keystone.Scope{TrustID: body.ID}, nil
}

func (a *API) authRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/auth/catalog", Status: 200, Rule: anyone("identity:get_auth_catalog"), Do: httpapi.Get(a.authCatalog)},
		{Method: "GET", Path: "/auth/projects", Status: 200, Rule: anyone("identity:get_auth_projects"), Do: httpapi.Get(a.authProjects)},
		{Method: "GET", Path: "/auth/domains", Status: 200, Rule: anyone("identity:get_auth_domains"), Do: httpapi.Get(a.authDomains)},
		{Method: "GET", Path: "/auth/system", Status: 200, Rule: anyone("identity:get_auth_system"), Do: httpapi.Get(a.authSystem)},
		{Method: "GET", Path: "/OS-FEDERATION/projects", Status: 200, Rule: anyone("identity:get_auth_projects"), Do: httpapi.Get(a.authProjects)},
		{Method: "GET", Path: "/OS-FEDERATION/domains", Status: 200, Rule: anyone("identity:get_auth_domains"), Do: httpapi.Get(a.authDomains)},
	}
}

func (a *API) authCatalog(c *httpapi.Call) (view, error) {
	if c.Caller.ProjectID == "" {
		return nil, fault.Forbidden("You are not authorized to perform the requested action.")
	}
	catalog, err := a.catalogView(c, c.Caller.UserID, c.Caller.ProjectID)
	return view{"catalog": catalog, "links": view{"self": base(c, "auth/catalog")}}, err
}

func (a *API) authProjects(c *httpapi.Call) (view, error) {
	rows, err := a.svc.ProjectsOfUser(c.Ctx(), c.Caller.UserID, c.Caller.GroupIDs...)
	return list(c, "projects", rows, projectView), err
}

func (a *API) authDomains(c *httpapi.Call) (view, error) {
	rows, err := a.svc.DomainsOfUser(c.Ctx(), c.Caller.UserID, c.Caller.GroupIDs...)
	return list(c, "domains", rows, domainView), err
}

func (a *API) authSystem(c *httpapi.Call) (view, error) {
	system := []view{}
	has, err := a.svc.HasSystemRole(c.Ctx(), c.Caller.UserID)
	if has {
		system = append(system, view{"all": true})
	}
	return view{"system": system, "links": view{"self": base(c, "auth/system")}}, err
}
