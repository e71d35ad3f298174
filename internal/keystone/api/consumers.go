package api

import (
	"net/http"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) consumerRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/OS-OAUTH1/consumers", Status: 200, Rule: reading("identity:list_consumers"), Do: httpapi.Get(a.listConsumers)},
		{Method: "POST", Path: "/OS-OAUTH1/consumers", Status: 201, Rule: administering("identity:create_consumer"),
			Bodies: httpapi.Schemas{"": "consumer_create.json"}, Do: httpapi.JSON(a.createConsumer)},
		{Method: "GET", Path: "/OS-OAUTH1/consumers/{consumer_id}", Status: 200, Rule: reading("identity:get_consumer"), Do: httpapi.Get(a.showConsumer)},
		{Method: "PATCH", Path: "/OS-OAUTH1/consumers/{consumer_id}", Status: 200, Rule: administering("identity:update_consumer"),
			Bodies: httpapi.Schemas{"": "consumer_update.json"}, Do: httpapi.JSON(a.updateConsumer)},
		{Method: "DELETE", Path: "/OS-OAUTH1/consumers/{consumer_id}", Status: 204, Rule: administering("identity:delete_consumer"), Do: httpapi.Get(a.deleteConsumer)},

		{Method: "POST", Path: "/OS-OAUTH1/request_token", Status: 201, Public: true, RawBody: true, Do: httpapi.Raw(a.createRequestToken)},
		{Method: "POST", Path: "/OS-OAUTH1/access_token", Status: 201, Public: true, RawBody: true, Do: httpapi.Raw(a.createAccessToken)},
		{Method: "PUT", Path: "/OS-OAUTH1/authorize/{request_token_id}", Status: 200, Rule: ofProjectAdmin("identity:authorize_request_token"),
			Bodies: httpapi.Schemas{"": "request_token_authorize.json"}, Do: httpapi.JSON(a.authorizeRequestToken)},
	}
}

// ofProjectAdmin is a rule for administrators with a token on a project.
func ofProjectAdmin(name string) policy.Rule {
	return policy.Rule{Name: name, Check: "rule:admin_required", Scope: []string{"project"}}
}

func consumerView(c keystone.Consumer) view {
	return withExtra(c.Extra, view{"id": c.ID, "description": c.Description})
}

func (a *API) listConsumers(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Consumers(c.Ctx())
	views := make([]view, len(rows))
	for i, row := range rows {
		views[i] = consumerView(row)
		views[i]["links"] = view{"self": base(c, "OS-OAUTH1/consumers", row.ID)}
	}
	return view{"consumers": views, "links": listLinks(c)}, err
}

type consumerBody struct {
	Consumer keystone.Attributes `json:"consumer"`
}

// createConsumer is the one time that the secret is told.
func (a *API) createConsumer(c *httpapi.Call, b consumerBody) (view, error) {
	row, err := a.svc.CreateConsumer(c.Ctx(), b.Consumer)
	v := consumerView(row)
	v["secret"] = row.Secret
	return member(c, "consumer", "OS-OAUTH1/consumers", v), err
}

func (a *API) showConsumer(c *httpapi.Call) (view, error) {
	row, err := a.svc.Consumer(c.Ctx(), c.Param("consumer_id"))
	return member(c, "consumer", "OS-OAUTH1/consumers", consumerView(row)), err
}

func (a *API) updateConsumer(c *httpapi.Call, b consumerBody) (view, error) {
	row, err := a.svc.UpdateConsumer(c.Ctx(), c.Param("consumer_id"), b.Consumer)
	return member(c, "consumer", "OS-OAUTH1/consumers", consumerView(row)), err
}

func (a *API) deleteConsumer(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteConsumer(c.Ctx(), c.Param("consumer_id"))
}

// oauthProof is the call as its consumer signed it.
func oauthProof(c *httpapi.Call) (keystone.OAuthProof, error) {
	u, err := c.RequestURL()
	return keystone.OAuthProof{Authorization: c.R.Header.Get("Authorization"), URL: u, ProjectID: c.R.Header.Get("Requested-Project-Id")}, err
}

// sendForm answers a consumer with parameters.
func sendForm(w http.ResponseWriter, id, secret string, expires any) error {
	text := "oauth_token=" + id + "&oauth_token_secret=" + secret
	if at, ok := expires.(string); ok {
		text += "&oauth_expires_at=" + at
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
	w.WriteHeader(http.StatusCreated)
	_, err := w.Write([]byte(text))
	return err
}

func (a *API) createRequestToken(c *httpapi.Call, w http.ResponseWriter) error {
	proof, err := oauthProof(c)
	if err != nil {
		return err
	}
	t, err := a.svc.CreateRequestToken(c.Ctx(), proof)
	if err != nil {
		return err
	}
	return sendForm(w, t.ID, t.Secret, wireTimeOrNull(t.ExpiresAt))
}

func (a *API) createAccessToken(c *httpapi.Call, w http.ResponseWriter) error {
	proof, err := oauthProof(c)
	if err != nil {
		return err
	}
	t, err := a.svc.CreateAccessToken(c.Ctx(), proof)
	if err != nil {
		return err
	}
	return sendForm(w, t.ID, t.Secret, wireTimeOrNull(t.ExpiresAt))
}

type authorizeBody struct {
	Roles []any `json:"roles"`
}

func (a *API) authorizeRequestToken(c *httpapi.Call, b authorizeBody) (view, error) {
	verifier, err := a.svc.AuthorizeRequestToken(c.Ctx(), c.Param("request_token_id"), b.Roles)
	return view{"token": view{"oauth_verifier": verifier}}, err
}
