package api

import (
	"net/http"

	"nacre/internal/oslo/httpapi"
)

func (a *API) discoveryRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/", Status: 300, Public: true, Do: httpapi.Get(a.listVersions)},
		{Method: "GET", Path: "/v3", Status: 200, Public: true, Do: httpapi.Get(a.showVersion)},
		{Method: "GET", Path: "/healthcheck", Status: 200, Public: true, Do: httpapi.Get(a.healthcheck)},
	}
}

func version(c *httpapi.Call) view {
	return view{"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
		"links":       []view{{"rel": "self", "href": base(c) + "/"}},
		"media-types": []view{{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}}}
}

func (a *API) listVersions(c *httpapi.Call) (view, error) {
	c.Header().Set("Location", base(c)+"/")
	versions := []view{version(c)}
	if a.v2 != "" {
		versions = append(versions, v2Version(c))
	}
	return view{"versions": view{"values": versions}}, nil
}

func (a *API) showVersion(c *httpapi.Call) (view, error) { return view{"version": version(c)}, nil }

// healthcheck is 503 while the database does not answer.
func (a *API) healthcheck(c *httpapi.Call) (view, error) {
	if err := a.svc.Healthy(c.Ctx()); err != nil {
		c.SetStatus(http.StatusServiceUnavailable)
	}
	return view{"detailed": false, "reasons": []string{}}, nil
}
