package api

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// MaxLimit is how many items a list returns at most.
const MaxLimit = 1000

// links are the versioned and the permanent address of a resource: links(c, "flavors", "1").
func links(c *httpapi.Call, collection, id string) []link {
	return []link{
		{Rel: "self", Href: c.BaseURL() + root(c) + collection + "/" + id},
		bookmark(c, collection, id),
	}
}

// bookmark is the permanent address alone.
func bookmark(c *httpapi.Call, collection, id string) link {
	return link{Rel: "bookmark", Href: c.BaseURL() + "/" + collection + "/" + id}
}

// nextLinks is the address of the page after marker, the last item of a full page; none when the page was not full.
func nextLinks(c *httpapi.Call, path string, limit, items int, marker string) []link {
	if items == 0 || items < limit {
		return nil
	}
	if project := c.Param("project_id in URL"); project != "" {
		path = project + "/" + path
	}
	return []link{{Rel: "next", Href: c.BaseURL() + root(c) + path + "?" + pageQuery(c.Query, marker)}}
}

// pageQuery is the query string with another marker: sorted, a new marker at its end.
func pageQuery(asked url.Values, marker string) string {
	var pairs []string
	seen := false
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		value := asked[name][len(asked[name])-1]
		if name == "marker" {
			value, seen = marker, true
		}
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	if !seen {
		pairs = append(pairs, "marker="+url.QueryEscape(marker))
	}
	return strings.Join(pairs, "&")
}

// pageOf reads limit (at most MaxLimit, which is also the default) and marker.
func pageOf(c *httpapi.Call) (limit int, marker string, err error) {
	limit = MaxLimit
	if text := last(c.Query, "limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, "", fault.BadRequest("limit param must be an integer")
		}
		if n < 0 {
			return 0, "", fault.BadRequest("limit param must be positive")
		}
		limit = min(n, MaxLimit)
	}
	return limit, last(c.Query, "marker"), nil
}

// last is the value of a query parameter, the last one if it is repeated; "" when it is absent.
func last(q url.Values, name string) string {
	if vs := q[name]; len(vs) > 0 {
		return vs[len(vs)-1]
	}
	return ""
}

// first is the value of a query parameter, the first one if it is repeated; "" when it is absent.
func first(q url.Values, name string) string { return q.Get(name) }
