package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/signature"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// ec2Validate is for services, which pass on what was signed for them.
var ec2Validate = anyScope("identity:ec2tokens_validate", "rule:service_or_admin")

func (a *API) ec2Routes() httpapi.Table {
	read := "(rule:admin_required) or (role:reader and system_scope:all) or "
	manage := "(rule:admin_required) or (role:member and user_id:%(target.credential.user_id)s)"
	inScope := func(name, check string) policy.Rule {
		return policy.Rule{Name: name, Check: check, Scope: []string{"system", "project"}}
	}
	return httpapi.Table{
		{Method: "GET", Path: "/users/{user_id}/credentials/OS-EC2", Status: 200, Rule: inScope("identity:ec2_list_credentials", read+"rule:owner"),
			Do: on(of(pathUser), a.listEC2)},
		{Method: "POST", Path: "/users/{user_id}/credentials/OS-EC2", Status: 201, Rule: inScope("identity:ec2_create_credential", manage),
			Do: onJSON(of(newEC2Target), a.createEC2)},
		{Method: "GET", Path: "/users/{user_id}/credentials/OS-EC2/{credential_id}", Status: 200,
			Rule: inScope("identity:ec2_get_credential", read+"user_id:%(target.credential.user_id)s"), Do: onKnown(a.ec2Credential, a.showEC2)},
		{Method: "DELETE", Path: "/users/{user_id}/credentials/OS-EC2/{credential_id}", Status: 204,
			Rule: inScope("identity:ec2_delete_credential", manage), Do: onKnown(a.ec2Credential, a.deleteEC2)},
		{Method: "POST", Path: "/ec2tokens", Status: 200, Rule: ec2Validate, Do: httpapi.JSON(a.ec2Token)},
		{Method: "POST", Path: "/s3tokens", Status: 200, Rule: anyScope("identity:s3tokens_validate", "rule:service_or_admin"), Do: httpapi.JSON(a.s3Token)},
	}
}

// pathUser is the target of a call about the user in the path, who may be nobody.
func pathUser(c *httpapi.Call) policy.Target { return policy.Target{"user_id": c.Param("user_id")} }

func newEC2Target(c *httpapi.Call) policy.Target { return credentialTarget(c.Param("user_id")) }

// ec2Credential finds the credential whose access key is in the path.
func (a *API) ec2Credential(c *httpapi.Call) (keystone.Credential, policy.Target, error) {
	cred, err := a.svc.EC2Credential(c.Ctx(), c.Param("credential_id"))
	return cred, credentialTarget(cred.UserID), err
}

func ec2View(c *httpapi.Call, cred keystone.Credential) view {
	var blob keystone.Attributes
	_ = json.Unmarshal([]byte(cred.Blob), &blob) // it was checked when it was stored
	return view{"user_id": cred.UserID, "tenant_id": nullable(cred.ProjectID), "access": blob["access"], "secret": blob["secret"], "trust_id": blob["trust_id"],
		"links": view{"self": base(c, "users", cred.UserID, "credentials/OS-EC2", blob.Text("access"))}}
}

func (a *API) listEC2(c *httpapi.Call, _ nothing) (view, error) {
	rows, err := a.svc.EC2Credentials(c.Ctx(), c.Param("user_id"))
	views := make([]view, len(rows))
	for i, cred := range rows {
		views[i] = ec2View(c, cred)
	}
	return view{"credentials": views, "links": listLinks(c)}, err
}

type ec2Body struct {
	TenantID string `json:"tenant_id"`
}

func (a *API) createEC2(c *httpapi.Call, _ nothing, b ec2Body) (view, error) {
	cred, err := a.svc.CreateEC2Credential(c.Ctx(), c.Param("user_id"), b.TenantID)
	return view{"credential": ec2View(c, cred)}, err
}

func (a *API) showEC2(c *httpapi.Call, _ keystone.Credential) (view, error) {
	cred, err := a.svc.ReachableEC2Credential(c.Ctx(), c.Param("credential_id"))
	return view{"credential": ec2View(c, cred)}, err
}

func (a *API) deleteEC2(c *httpapi.Call, cred keystone.Credential) (httpapi.None, error) {
	if _, err := a.svc.ReachableEC2Credential(c.Ctx(), c.Param("credential_id")); err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteCredential(c.Ctx(), cred.ID)
}

// signedBody is a request that somebody signed, as a service passes it on;
// clients name it in three ways.
type signedBody struct {
	Credentials    *signedRequest `json:"credentials"`
	Credential     *signedRequest `json:"credential"`
	EC2Credentials *signedRequest `json:"ec2Credentials"`
}

type signedRequest struct {
	Access    string         `json:"access"`
	Signature string         `json:"signature"`
	Host      string         `json:"host"`
	Verb      string         `json:"verb"`
	Path      string         `json:"path"`
	Params    map[string]any `json:"params"`
	Headers   map[string]any `json:"headers"`
	BodyHash  string         `json:"body_hash"`
	Token     string         `json:"token"`
}

func (b signedBody) request() (r service.SignedRequest) {
	for _, given := range []*signedRequest{b.Credentials, b.Credential, b.EC2Credentials} {
		if given != nil {
			return service.SignedRequest{Access: given.Access, Signature: given.Signature, S3: given.Token,
				EC2: signature.EC2{Verb: given.Verb, Host: given.Host, Path: given.Path, Params: texts(given.Params), Headers: texts(given.Headers), BodyHash: given.BodyHash}}
		}
	}
	return r
}

// texts are the values of a map as text.
func texts(m map[string]any) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = fmt.Sprint(v)
	}
	return out
}

func (a *API) ec2Token(c *httpapi.Call, b signedBody) (tokenAnswer, error) {
	if err := someBody(c); err != nil {
		return tokenAnswer{}, err
	}
	t, err := a.svc.AuthenticateEC2(c.Ctx(), b.request())
	if err != nil {
		return tokenAnswer{}, err
	}
	return a.tokenAnswer(c, t)
}

// s3Token tells all about the token but the token itself.
func (a *API) s3Token(c *httpapi.Call, b signedBody) (view, error) {
	if err := someBody(c); err != nil {
		return nil, err
	}
	t, err := a.svc.AuthenticateS3(c.Ctx(), b.request())
	if err != nil {
		return nil, err
	}
	answer, err := a.tokenAnswer(c, t)
	return view{"token": answer.Token}, err
}

// someBody refuses a call that says nothing at all.
func someBody(c *httpapi.Call) error {
	var body map[string]any
	if json.Unmarshal(c.Body, &body) == nil && len(body) == 0 {
		return fault.BadRequest("request must include a request body")
	}
	return nil
}

// refuseEC2 keeps tokens that a signed request was traded for away from this
// API: who may sign requests to a service may not manage identity.
func refuseEC2(c *httpapi.Call) *httpapi.Response {
	for _, m := range c.Caller.Methods {
		if m == "ec2credential" {
			r := envelope(c, fault.New(http.StatusForbidden, "EC2 credential tokens cannot be used for authorization."))
			return &r
		}
	}
	return nil
}
