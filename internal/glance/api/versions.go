package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"nacre/internal/oslo/httpapi"
)

// versions are the minor versions of the API, the newest first.
var versions = []string{"v2.15", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.7", "v2.6", "v2.5",
	"v2.4", "v2.3", "v2.2", "v2.1", "v2.0"}

func (a *API) versionRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/", Status: http.StatusMultipleChoices, Public: true, Do: httpapi.Get(a.listVersions)},
		{Method: "GET", Path: "/versions", Status: 200, Public: true, Do: httpapi.Get(a.listVersions)},
		{Method: "GET", Path: "/healthcheck", Status: 200, Public: true, Do: httpapi.Raw(a.health)},
	}
}

type versionView struct {
	ID     string     `json:"id"`
	Status string     `json:"status"`
	Links  []linkView `json:"links"`
}

type linkView struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type versionsView struct {
	Versions []versionView `json:"versions"`
}

// cacheVersions are those that come before with a cache.
var cacheVersions = []string{"v2.18", "v2.17", "v2.16", "v2.15", "v2.14"}

func (a *API) listVersions(c *httpapi.Call) (versionsView, error) {
	var v versionsView
	all := versions
	if a.svc.Config().ImageCacheDir != "" {
		all = append(slices.Clone(cacheVersions), versions[1:]...)
	}
	for i, id := range all {
		status := "SUPPORTED"
		if i == 0 {
			status = "CURRENT"
		}
		v.Versions = append(v.Versions, versionView{id, status, []linkView{{"self", c.BaseURL() + "/v2/"}}})
	}
	return v, nil
}

// notFound answers a path outside of the API with its versions to choose from.
func (a *API) notFound(c *httpapi.Call) httpapi.Response {
	if p := c.R.URL.Path; p == "/v2" || strings.HasPrefix(p, "/v2/") {
		return failure(c, absent())
	}
	v, _ := a.listVersions(c)
	body, _ := json.Marshal(v)
	return httpapi.Response{Status: http.StatusMultipleChoices, Body: body,
		Header: http.Header{"Content-Type": {"application/json"}}}
}

// health says whether the database answers, as JSON or as a word.
func (a *API) health(c *httpapi.Call, w http.ResponseWriter) error {
	status, word := http.StatusOK, "OK"
	if err := a.svc.Ping(c.Ctx()); err != nil {
		status, word = http.StatusServiceUnavailable, "database"
	}
	if errorForm(c.R.Header.Get("Accept")) != "application/json" {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(status)
		_, err := w.Write([]byte(word))
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(map[string]any{"detailed": false, "reasons": []string{word}})
}
