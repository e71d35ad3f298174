package api

import (
	"strings"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// keypairRoutes are users' keypairs. From 2.10 administrators may name another user.
func (a *API) keypairRoutes() httpapi.Table {
	const own = "(rule:context_is_admin) or user_id:%(user_id)s"
	const one = "/os-keypairs/{keypair_name}"
	show := httpapi.Schemas{"2.10": "keypair_show_query_2.10.json", "2.75": "keypair_show_query_2.75.json"}
	return httpapi.Table{
		{Method: "GET", Path: "/os-keypairs", Status: 200, Rule: rule("os_compute_api:os-keypairs:index", own),
			Queries: httpapi.Schemas{"2.10": "keypair_list_query_2.10.json", "2.35": "keypair_list_query_2.35.json", "2.75": "keypair_list_query_2.75.json"},
			Do:      httpapi.Get(a.listKeypairs)},
		{Method: "POST", Path: "/os-keypairs", Status: 201, Rule: rule("os_compute_api:os-keypairs:create", own),
			Bodies: httpapi.Schemas{"2.1": "keypair_create_2.1.json", "2.2": "keypair_create_2.2.json", "2.10": "keypair_create_2.10.json", "2.92": "keypair_create_2.92.json"},
			Do:     httpapi.JSON(a.createKeypair)},
		{Method: "GET", Path: one, Status: 200, Rule: rule("os_compute_api:os-keypairs:show", own), Queries: show, Do: httpapi.Get(a.showKeypair)},
		{Method: "DELETE", Path: one, Status: 204, Rule: rule("os_compute_api:os-keypairs:delete", own), Queries: show, Do: httpapi.Get(a.deleteKeypair)},
	}
}

// keypairUser is the user a call is about: the caller, or whom an administrator names. The row's rule is asked again
// about that user.
func keypairUser(c *httpapi.Call, named string) (string, error) {
	if named == "" || !c.Version.AtLeast("2.10") {
		return c.Caller.UserID, nil
	}
	return named, c.Enforce(c.Route.Rule.Name, policy.Target{"user_id": named})
}

// keypairView is a keypair as a list shows it.
type keypairView struct {
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	Fingerprint string `json:"fingerprint"`
	Type        string `json:"type,omitempty"` // since 2.2
}

func newKeypairView(c *httpapi.Call, k nova.Keypair) keypairView {
	v := keypairView{Name: k.Name, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint}
	if c.Version.AtLeast("2.2") {
		v.Type = k.Type
	}
	return v
}

type keypairItem struct {
	Keypair keypairView `json:"keypair"`
}

type keypairList struct {
	Keypairs []keypairItem `json:"keypairs"`
	Links    []link        `json:"keypairs_links,omitempty"`
}

func (a *API) listKeypairs(c *httpapi.Call) (keypairList, error) {
	list := keypairList{Keypairs: []keypairItem{}}
	user, err := keypairUser(c, first(c.Query, "user_id"))
	if err != nil {
		return list, err
	}
	page := db.Page{}
	if c.Version.AtLeast("2.35") {
		if page.Limit, page.Marker, err = pageOf(c); err != nil || page.Limit == 0 {
			return list, err
		}
	}
	found, err := a.svc.Keypairs(c.Ctx(), user, page)
	for _, k := range found {
		list.Keypairs = append(list.Keypairs, keypairItem{newKeypairView(c, k)})
	}
	if len(found) > 0 && page.Limit > 0 {
		list.Links = nextLinks(c, "os-keypairs", page.Limit, len(found), found[len(found)-1].Name)
	}
	return list, err
}

type keypairShown struct {
	keypairView
	UserID    string     `json:"user_id"`
	CreatedAt stamp      `json:"created_at"`
	Deleted   bool       `json:"deleted"`
	DeletedAt *time.Time `json:"deleted_at"`
	ID        int64      `json:"id"`
	UpdatedAt *stamp     `json:"updated_at"`
}

type keypairAnswer[V any] struct {
	Keypair V `json:"keypair"`
	status  int
}

// StatusCode is that of old versions, 0 for the route's.
func (k keypairAnswer[V]) StatusCode() int { return k.status }

func (a *API) showKeypair(c *httpapi.Call) (v keypairAnswer[keypairShown], err error) {
	user, err := keypairUser(c, first(c.Query, "user_id"))
	if err != nil {
		return v, err
	}
	k, err := a.svc.Keypair(c.Ctx(), user, c.Param("keypair_name"))
	v.Keypair = keypairShown{keypairView: newKeypairView(c, k), UserID: k.UserID, CreatedAt: stamp(k.CreatedAt), ID: k.ID, UpdatedAt: stampOf(k.UpdatedAt)}
	return v, err
}

type keypairCreate struct {
	Keypair struct {
		Name      string  `json:"name"`
		PublicKey *string `json:"public_key"`
		Type      string  `json:"type"`
		UserID    string  `json:"user_id"`
	} `json:"keypair"`
}

type keypairCreated struct {
	keypairView
	UserID     string `json:"user_id"`
	PrivateKey string `json:"private_key,omitempty"`
}

func (a *API) createKeypair(c *httpapi.Call, body keypairCreate) (v keypairAnswer[keypairCreated], err error) {
	if !c.Version.AtLeast("2.2") {
		v.status = 200
	}
	in := body.Keypair
	k := nova.Keypair{Name: strings.TrimSpace(in.Name), Type: in.Type}
	if k.Type == "" {
		k.Type = nova.KeypairSSH
	}
	if k.UserID, err = keypairUser(c, in.UserID); err != nil {
		return v, err
	}
	private := ""
	if in.PublicKey != nil {
		k.PublicKey = *in.PublicKey
		k, err = a.svc.ImportKeypair(c.Ctx(), k)
	} else {
		k, private, err = a.svc.GenerateKeypair(c.Ctx(), k)
	}
	v.Keypair = keypairCreated{keypairView: newKeypairView(c, k), UserID: k.UserID, PrivateKey: private}
	return v, err
}

func (a *API) deleteKeypair(c *httpapi.Call) (httpapi.None, error) {
	if !c.Version.AtLeast("2.2") {
		c.SetStatus(202)
	}
	user, err := keypairUser(c, first(c.Query, "user_id"))
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteKeypair(c.Ctx(), user, c.Param("keypair_name"))
}
