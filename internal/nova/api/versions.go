package api

import (
	"net/http"

	"nacre/internal/oslo/httpapi"
)

// versionRoutes are discovery: what is spoken here, told without a token.
func (a *API) versionRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/", Status: 200, Public: true, Do: httpapi.Get(listVersions)},
		{Method: "GET", Path: "/versions", Status: 200, Public: true, Do: httpapi.Get(listVersions)},
		{Method: "GET", Path: "/v2", Status: 200, Public: true, Do: httpapi.Get(showLegacy)},
		{Method: "GET", Path: "/v2/", Status: 200, Public: true, Do: httpapi.Get(showLegacy)},
		{Method: "GET", Path: "/v2.1", Status: 200, Public: true, Do: httpapi.Get(showVersion)},
		{Method: "GET", Path: "/v2.1/", Status: 200, Public: true, Do: httpapi.Get(showVersion)},
	}
}

type link struct {
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
	Href string `json:"href"`
}

type mediaType struct {
	Base string `json:"base"`
	Type string `json:"type"`
}

type versionView struct {
	ID         string      `json:"id"`
	Status     string      `json:"status"`
	Version    string      `json:"version"`
	MinVersion string      `json:"min_version"`
	Updated    string      `json:"updated"`
	Links      []link      `json:"links"`
	MediaTypes []mediaType `json:"media-types,omitempty"`
}

func legacyVersion(base string) versionView {
	return versionView{ID: "v2.0", Status: "SUPPORTED", Updated: "2011-01-21T11:33:21Z",
		Links: []link{{Rel: "self", Href: base + "/v2/"}}}
}

func currentVersion(base string) versionView {
	return versionView{ID: "v2.1", Status: "CURRENT", Version: Max, MinVersion: Min, Updated: "2013-07-23T11:33:21Z",
		Links: []link{{Rel: "self", Href: base + "/v2.1/"}}}
}

func listVersions(c *httpapi.Call) (map[string][]versionView, error) {
	return map[string][]versionView{"versions": {legacyVersion(c.BaseURL()), currentVersion(c.BaseURL())}}, nil
}

func showLegacy(c *httpapi.Call) (map[string]versionView, error) {
	return map[string]versionView{"version": described(legacyVersion(c.BaseURL()), "2")}, nil
}

// showVersion tells the lowest microversion in its headers, whichever is asked for.
func showVersion(c *httpapi.Call) (versionAnswer, error) {
	return versionAnswer{described(currentVersion(c.BaseURL()), "2.1")}, nil
}

type versionAnswer struct {
	Version versionView `json:"version"`
}

// Headers are those of a call at the lowest microversion.
func (versionAnswer) Headers() http.Header {
	return http.Header{"Openstack-Api-Version": {"compute " + Min}, "X-Openstack-Nova-Api-Version": {Min},
		"Vary": {"OpenStack-API-Version", "X-OpenStack-Nova-API-Version"}}
}

func described(v versionView, api string) versionView {
	v.Links = append(v.Links, link{Rel: "describedby", Type: "text/html", Href: "http://docs.openstack.org/"})
	v.MediaTypes = []mediaType{{"application/json", "application/vnd.openstack.compute+json;version=" + api}}
	return v
}
