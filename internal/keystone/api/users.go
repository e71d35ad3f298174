package api

import (
	"slices"
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) userRoutes() httpapi.Table {
	manage := "(rule:admin_required) or (role:manager and token.domain.id:%(target.user.domain_id)s)"
	return httpapi.Table{
		{Method: "GET", Path: "/users", Status: 200,
			Rule: anyScope("identity:list_users", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)"),
			Do:   on(callerDomain("target.domain_id"), a.listUsers)},
		{Method: "POST", Path: "/users", Status: 201, Bodies: httpapi.Schemas{"": "user_create.json"},
			Rule: anyScope("identity:create_user", manage),
			Do:   onJSON(of(newUserTarget), a.createUser)},
		{Method: "GET", Path: "/users/{user_id}", Status: 200,
			Rule: anyScope("identity:get_user", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s"),
			Do:   on(a.user, a.showUser)},
		{Method: "PATCH", Path: "/users/{user_id}", Status: 200, Bodies: httpapi.Schemas{"": "user_update.json"},
			Rule: anyScope("identity:update_user", manage), Do: onJSON(a.user, a.updateUser)},
		{Method: "DELETE", Path: "/users/{user_id}", Status: 204,
			Rule: anyScope("identity:delete_user", manage), Do: on(a.user, a.deleteUser)},
		{Method: "POST", Path: "/users/{user_id}/password", Status: 204, Public: true,
			Bodies: httpapi.Schemas{"": "password_change.json"}, Do: httpapi.JSON(a.changePassword)},
		{Method: "GET", Path: "/users/{user_id}/groups", Status: 200,
			Rule: anyScope("identity:list_groups_for_user", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(user_id)s"),
			Do:   on(a.user, a.listGroupsOfUser)},
		{Method: "GET", Path: "/users/{user_id}/projects", Status: 200,
			Rule: anyScope("identity:list_user_projects", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s"),
			Do:   on(a.user, a.listProjectsOfUser)},
	}
}

// user finds the user that the path names.
func (a *API) user(c *httpapi.Call) (keystone.User, policy.Target, error) {
	u, err := a.svc.User(c.Ctx(), c.Param("user_id"))
	target := policy.Target{"user_id": c.Param("user_id")}
	if err == nil {
		addUser(target, u)
	}
	return u, target, err
}

func addUser(t policy.Target, u keystone.User) {
	t["target.user.id"], t["target.user.name"], t["target.user.domain_id"] = u.ID, u.Name, u.DomainID
}

// newUserTarget is what the body says of the user to be.
func newUserTarget(c *httpapi.Call) policy.Target {
	t := policy.Target{}
	if d := attributesIn(c, "user").Text("domain_id"); d != "" {
		t["target.user.domain_id"] = d
	}
	return t
}

func userView(u keystone.User) view {
	v := withExtra(u.Extra, view{"id": u.ID, "name": u.Name, "domain_id": u.DomainID, "enabled": u.Enabled,
		"password_expires_at": passwordExpiry(u), "options": orEmpty(u.Options)})
	if u.DefaultProjectID != "" {
		v["default_project_id"] = u.DefaultProjectID
	}
	return v
}

// passwordExpiry is when a user's password expires, in the form of this one date.
func passwordExpiry(u keystone.User) any {
	if u.PasswordExpires == nil {
		return nil
	}
	return strings.TrimSuffix(wireTime(*u.PasswordExpires), "Z")
}

// userFilters reads the conditions that a list of users can have. The date has
// its operator before it: lt:2016-11-06T15:32:17Z.
func userFilters(c *httpapi.Call) (keystone.Filters, error) {
	fs := keystone.NewFilters(c.Query, "domain_id", "enabled", "name", "idp_id", "protocol_id", "unique_id")
	for _, text := range c.Query["password_expires_at"] {
		f := keystone.Filter{Name: "password_expires_at", Comparator: "eq"}
		if i := strings.Index(text, ":"); i == 2 || i == 3 {
			f.Comparator, text = text[:i], text[i+1:]
		}
		var err error
		if f.Time, err = isoTime(text); err != nil {
			return nil, fault.BadRequest("Timestamp not in expected format. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
		}
		if !slices.Contains(keystone.TimeComparators, f.Comparator) {
			return nil, fault.BadRequest("The given operator %s is not valid. It must be one of the following: 'eq', 'neq', 'lt', 'lte', 'gt', or 'gte'.", f.Comparator)
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// isoTime reads a date in the forms of ISO 8601 that clients send; without a
// zone it is UTC.
func isoTime(text string) (t time.Time, err error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err = time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return t, err
}

func (a *API) listUsers(c *httpapi.Call, _ nothing) (view, error) {
	fs, err := userFilters(c)
	if err != nil {
		return nil, err
	}
	fs, limit, err := a.ofDomain(c, fs)
	if err != nil {
		return nil, err
	}
	rows, err := a.svc.Users(c.Ctx(), fs)
	return limited(c, limit, "users", rows, userView), err
}

// ofDomain narrows a list of users or groups to the domain that the caller may
// see, or, as in the original, to the caller's if lists are of one domain each.
// It gives how many the list may hold, too.
func (a *API) ofDomain(c *httpapi.Call, fs keystone.Filters) (keystone.Filters, int, error) {
	domainID, asked := fs.Equal("domain_id")
	if d := c.Caller.DomainID; d != "" {
		fs, domainID = append(fs, keystone.Filter{Name: "domain_id", Value: d}), d
	} else if !asked && a.svc.ListsOneDomain() && !c.Caller.System {
		if domainID = c.Caller.ProjectDomainID; domainID == "" {
			return nil, 0, fault.Unauthorized("The request you have made requires authentication.")
		}
		fs = append(fs, keystone.Filter{Name: "domain_id", Value: domainID})
	}
	limit, err := a.svc.IdentityListLimit(c.Ctx(), domainID)
	return fs, limit, err
}

type userBody struct {
	User keystone.Attributes `json:"user"`
}

func (a *API) createUser(c *httpapi.Call, _ nothing, b userBody) (view, error) {
	u, err := a.svc.CreateUser(c.Ctx(), b.User)
	if err != nil {
		return nil, err
	}
	return a.userMember(c, u, userView(u))
}

func (a *API) showUser(c *httpapi.Call, u keystone.User) (view, error) {
	return a.userMember(c, u, userView(u))
}

func (a *API) updateUser(c *httpapi.Call, u keystone.User, b userBody) (view, error) {
	u, err := a.svc.UpdateUser(c.Ctx(), u.ID, b.User)
	if err != nil {
		return nil, err
	}
	v := userView(u)
	v["extra"] = orEmpty(u.Extra) // the original tells them twice, here only
	return a.userMember(c, u, v)
}

func (a *API) deleteUser(c *httpapi.Call, u keystone.User) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteUser(c.Ctx(), u.ID)
}

type passwordBody struct {
	User struct {
		Original string `json:"original_password"`
		Password string `json:"password"`
	} `json:"user"`
}

func (a *API) changePassword(c *httpapi.Call, b passwordBody) (httpapi.None, error) {
	return httpapi.None{}, a.svc.ChangePassword(c.Ctx(), c.Param("user_id"), b.User.Original, b.User.Password)
}

func (a *API) listGroupsOfUser(c *httpapi.Call, u keystone.User) (view, error) {
	fs := keystone.NewFilters(c.Query, "name")
	if d := c.Caller.DomainID; d != "" {
		fs = append(fs, keystone.Filter{Name: "domain_id", Value: d})
	}
	rows, err := a.svc.GroupsOfUser(c.Ctx(), u.ID, fs)
	if err != nil {
		return nil, err
	}
	ends, err := a.svc.MembershipEnds(c.Ctx(), u.ID)
	if err != nil {
		return nil, err
	}
	limit, err := a.svc.IdentityListLimit(c.Ctx(), u.DomainID)
	return limited(c, limit, "groups", rows, func(g keystone.Group) view {
		v := groupView(g)
		v["membership_expires_at"] = expiry(ends, g.ID)
		return v
	}), err
}

func (a *API) listProjectsOfUser(c *httpapi.Call, u keystone.User) (view, error) {
	rows, err := a.svc.ProjectsOfUser(c.Ctx(), u.ID)
	fs := keystone.NewFilters(c.Query, "domain_id", "enabled", "name")
	return list(c, "projects", filtered(rows, fs), projectView), err
}

// filtered keeps the rows that pass the filters.
func filtered[T interface{ Attribute(string) any }](rows []T, fs keystone.Filters) []T {
	out := make([]T, 0, len(rows))
	for _, row := range rows {
		if fs.Match(row.Attribute) {
			out = append(out, row)
		}
	}
	return out
}
