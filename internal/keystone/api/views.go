package api

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// view is a resource on the wire. Attributes of the client's own lie beside
// those of the API, so it is no struct.
type view = map[string]any

// timeForm is how the API writes times: UTC, microseconds.
const timeForm = "2006-01-02T15:04:05.000000Z"

func wireTime(t time.Time) string { return t.UTC().Format(timeForm) }

// base is the address of the API, or of path in it.
func base(c *httpapi.Call, path ...string) string {
	return strings.Join(append([]string{c.BaseURL() + "/v3"}, path...), "/")
}

// member adds the link to itself and wraps a resource in its name.
func member(c *httpapi.Call, name, collection string, v view) view {
	v["links"] = view{"self": base(c, collection, v["id"].(string))}
	return view{name: v}
}

// linked shows resources, each with a link to itself.
func linked[T any](c *httpapi.Call, collection string, rows []T, show func(T) view) []view {
	views := make([]view, len(rows))
	for i, row := range rows {
		views[i] = show(row)
		views[i]["links"] = view{"self": base(c, collection, views[i]["id"].(string))}
	}
	return views
}

// list wraps resources with links to themselves.
func list[T any](c *httpapi.Call, collection string, rows []T, show func(T) view) view {
	return view{collection[strings.LastIndex(collection, "/")+1:]: linked(c, collection, rows, show), "links": listLinks(c)}
}

// limited is list of at most so many resources; it says when there are more. 0 is no limit.
func limited[T any](c *httpapi.Call, limit int, collection string, rows []T, show func(T) view) view {
	more := limit > 0 && len(rows) > limit
	if more {
		rows = rows[:limit]
	}
	v := list(c, collection, rows, show)
	if more {
		v["truncated"] = true
	}
	return v
}

func listLinks(c *httpapi.Call) view {
	self := c.BaseURL() + strings.TrimRight(c.R.URL.EscapedPath(), "/")
	if q := c.R.URL.RawQuery; q != "" {
		self += "?" + q
	}
	return view{"next": nil, "self": self, "previous": nil}
}

// withExtra lays v over the client's own attributes.
func withExtra(extra map[string]any, v view) view {
	out := maps.Clone(extra)
	if out == nil {
		out = view{}
	}
	maps.Copy(out, v)
	return out
}

// orEmpty makes an absent object {}.
func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return view{}
	}
	return m
}

// attributesIn reads the attributes of a resource out of a body that has not
// been checked yet, for a rule to be asked about them.
func attributesIn(c *httpapi.Call, name string) keystone.Attributes {
	var body map[string]json.RawMessage
	var a keystone.Attributes
	if json.Unmarshal(c.Body, &body) == nil {
		_ = json.Unmarshal(body[name], &a) // what is wrong with it the schema says
	}
	return a
}

// flag reads a query parameter that is on by being there, unless it is 0.
func flag(c *httpapi.Call, name string) bool {
	return c.Query.Has(name) && c.Query.Get(name) != "0"
}
