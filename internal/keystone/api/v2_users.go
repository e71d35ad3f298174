package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) v2UserRoutes() httpapi.Table {
	const one = "/users/{user_id}"
	t := httpapi.Table{
		{Method: "GET", Path: "/users", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2Users)},
		{Method: "POST", Path: "/users", Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.createV2User)},
		{Method: "GET", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.Get(a.showV2User)},
		{Method: "PUT", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.updateV2User)},
		{Method: "DELETE", Path: one, Status: 204, Rule: v2Admin, Do: httpapi.Get(a.deleteV2User)},
		{Method: "PATCH", Path: "/OS-KSCRUD/users/{user_id}", Status: 200, Do: httpapi.JSON(a.changeV2Password)},
	}
	for _, part := range []string{"enabled", "password", "tenant"} { // the first release had no OS-KSADM; clients ask so still
		for _, path := range []string{"/OS-KSADM/", "/"} {
			t = append(t, httpapi.Route{Method: "PUT", Path: one + path + part, Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.updateV2User)})
		}
	}
	return t
}

// v2UserNames are attributes of users as version 3 calls them.
var v2UserNames = map[string]string{"username": "name", "OS_KSADM_password": "password", "tenantId": "default_project_id"}

func v2UserView(u keystone.User) view {
	v := withExtra(u.Extra, view{"id": u.ID, "name": u.Name, "username": u.Name, "enabled": u.Enabled})
	if u.DefaultProjectID != "" {
		v["tenantId"] = u.DefaultProjectID
	}
	return v
}

func v2UserList(rows []keystone.User) view {
	views := make([]view, len(rows))
	for i, u := range rows {
		views[i] = v2UserView(u)
	}
	return view{"users": views}
}

// v2User is the user that the path names, or 404 also for one of another domain.
func (a *API) v2User(c *httpapi.Call) (keystone.User, error) {
	return a.svc.V2User(c.Ctx(), c.Param("user_id"))
}

// listV2Users lists all users, or shows the one of a name.
func (a *API) listV2Users(c *httpapi.Call) (view, error) {
	fs := keystone.Filters{{Name: "domain_id", Value: keystone.DefaultDomainID}}
	if name := c.Query.Get("name"); name != "" {
		rows, err := a.svc.Users(c.Ctx(), append(fs, keystone.Filter{Name: "name", Value: name}))
		if err == nil && len(rows) == 0 {
			err = fault.NotFound("Could not find user: %s.", name)
		}
		if err != nil {
			return nil, err
		}
		return view{"user": v2UserView(rows[0])}, nil
	}
	rows, err := a.svc.Users(c.Ctx(), fs)
	return v2UserList(rows), err
}

func (a *API) createV2User(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource("user")
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, v2UserNames)
	if err := firstOf(v2Name(at, true, 255), v2Enabled(at), v2Password(at)); err != nil {
		return nil, err
	}
	at["domain_id"] = keystone.DefaultDomainID
	u, err := a.svc.CreateV2User(c.Ctx(), at)
	return view{"user": v2UserView(u)}, err
}

// v2Password refuses a password that is none.
func v2Password(a keystone.Attributes) error {
	if v := a["password"]; v != nil {
		if _, ok := v.(string); !ok {
			return fault.BadRequest("Invalid input for field 'password': it is not a string")
		}
	}
	return nil
}

func (a *API) showV2User(c *httpapi.Call) (view, error) {
	u, err := a.v2User(c)
	return view{"user": v2UserView(u)}, err
}

func (a *API) updateV2User(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource("user")
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, v2UserNames)
	u, err := a.v2User(c)
	if err := firstOf(err, v2Name(at, false, 255), v2Enabled(at), v2Password(at)); err != nil {
		return nil, err
	}
	u, err = a.svc.UpdateV2User(c.Ctx(), u, at)
	return view{"user": v2UserView(u)}, err
}

func (a *API) deleteV2User(c *httpapi.Call) (httpapi.None, error) {
	u, err := a.v2User(c)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteUser(c.Ctx(), u.ID)
}

// changeV2Password gives the caller a new password, and a token for the one
// that ends with the old.
func (a *API) changeV2Password(c *httpapi.Call, b struct {
	User struct {
		Original *string `json:"original_password"`
		Password *string `json:"password"`
	} `json:"user"`
}) (view, error) {
	id := c.Param("user_id")
	switch {
	case c.Caller.UserID != id:
		return nil, fault.Forbidden("Token belongs to another user")
	case b.User.Original == nil:
		return nil, expecting("original password", "user")
	case b.User.Password == nil:
		return nil, expecting("password", "user")
	}
	if _, err := a.v2User(c); err != nil {
		return nil, err
	}
	if err := a.svc.ChangePassword(c.Ctx(), id, *b.User.Original, *b.User.Password); err != nil {
		return nil, err
	}
	scope, err := a.svc.V2Scope(c.Ctx(), c.Caller.ProjectID, "", "")
	if err != nil {
		return nil, err
	}
	t, err := a.svc.AuthenticateV2(c.Ctx(), keystone.WithPassword(keystone.Ref{ID: id}, *b.User.Password), scope)
	if err != nil {
		return nil, err
	}
	return a.v2Access(c, t)
}
