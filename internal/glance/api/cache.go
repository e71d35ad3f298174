package api

import (
	"net/http"
	"strings"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func cacheRule(name string) policy.Rule {
	return policy.Rule{Name: name, Check: "rule:context_is_admin", Scope: scope}
}

func (a *API) cacheRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/cache", Status: 200, Rule: cacheRule("cache_list"), Do: httpapi.Get(a.showCache)},
		{Method: "DELETE", Path: "/cache", Status: 204, Rule: cacheRule("cache_delete"), Do: httpapi.Get(a.clearCache)},
		{Method: "PUT", Path: "/cache/{image_id}", Status: 202, Rule: cacheRule("cache_image"), Do: httpapi.Get(a.queueImage)},
		{Method: "DELETE", Path: "/cache/{image_id}", Status: 204, Rule: cacheRule("cache_delete"), Do: httpapi.Get(a.uncache)},
		{Method: "GET", Path: "/cache/nodes/{image_id}", Status: 200, Rule: cacheRule("list_cached_nodes"), Do: httpapi.Get(a.cachedNodes)},
		{Method: "POST", Path: "/cache/clean", Status: 200, Rule: cacheRule("cache_clean"), Do: httpapi.Get(a.cleanCache)},
		{Method: "POST", Path: "/cache/prune", Status: 200, Rule: cacheRule("cache_prune"), Do: httpapi.Get(a.pruneCache)},
	}
}

type cachedView struct {
	ImageID      string  `json:"image_id"`
	Hits         int64   `json:"hits"`
	LastAccessed float64 `json:"last_accessed"` // seconds since 1970
	LastModified float64 `json:"last_modified"`
	Size         int64   `json:"size"`
}

type cacheView struct {
	Cached []cachedView `json:"cached_images"`
	Queued []string     `json:"queued_images"`
}

func (a *API) showCache(c *httpapi.Call) (cacheView, error) {
	have, queued, err := a.svc.CacheState(c.Ctx())
	v := cacheView{[]cachedView{}, []string{}}
	for _, i := range have {
		v.Cached = append(v.Cached, cachedView{i.ImageID, i.Hits, seconds(i.LastAccessed), seconds(i.LastModified), i.Size})
	}
	for _, r := range queued {
		v.Queued = append(v.Queued, r.ImageID)
	}
	return v, err
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func (a *API) clearCache(c *httpapi.Call) (httpapi.None, error) {
	switch strings.ToLower(c.R.Header.Get("X-Image-Cache-Clear-Target")) {
	case "":
		return httpapi.None{}, a.svc.ClearCache(c.Ctx(), true, true)
	case "cache":
		return httpapi.None{}, a.svc.ClearCache(c.Ctx(), true, false)
	case "queue":
		return httpapi.None{}, a.svc.ClearCache(c.Ctx(), false, true)
	}
	return httpapi.None{}, fault.BadRequest("If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.")
}

func (a *API) queueImage(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.QueueImage(c.Ctx(), c.Param("image_id"))
}

func (a *API) uncache(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.Uncache(c.Ctx(), c.Param("image_id"))
}

func (a *API) cachedNodes(c *httpapi.Call) ([]string, error) {
	return a.svc.CachedNodes(c.Ctx(), c.Param("image_id"))
}

func (a *API) cleanCache(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.CleanCache(c.Ctx())
}

type prunedView struct {
	Files int   `json:"total_files_pruned"`
	Bytes int64 `json:"total_bytes_pruned"`
}

func (a *API) pruneCache(c *httpapi.Call) (prunedView, error) {
	files, bytes, err := a.svc.PruneCache(c.Ctx())
	return prunedView{files, bytes}, err
}

// cacheRefused is a rule of the cache that somebody does not pass.
func cacheRefused(rule string) bool {
	return strings.HasPrefix(rule, "cache_") || rule == "list_cached_nodes"
}

// refused is the 403 without a word about what was refused.
func refused() *fault.Fault {
	return fault.New(http.StatusForbidden, "Access was denied to this resource.")
}
