package api

import (
	"embed"
	"encoding/csv"
	"net/http"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// rootRoutes tell what is served here; they need no token.
func (a *API) rootRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/", Status: 200, Public: true, Do: httpapi.Get(listVersions)},
		{Method: "GET", Path: "/healthcheck", Status: 200, Public: true, Do: httpapi.Get(healthcheck)},
	}
}

func listVersions(c *httpapi.Call) (any, error) {
	v := map[string]any{"id": "v2.0", "status": "CURRENT", "links": []link{{"self", c.BaseURL() + "/v2.0/"}}}
	return map[string]any{"versions": []any{v}}, nil
}

func healthcheck(*httpapi.Call) (any, error) {
	return map[string]any{"detailed": false, "reasons": []string{"OK"}}, nil
}

// indexRoutes name the core resources.
func (a *API) indexRoutes() httpapi.Table {
	return httpapi.Table{{Method: "GET", Path: "/", Status: 200, Do: httpapi.Get(index)}}
}

func index(c *httpapi.Call) (any, error) {
	var list []any
	for _, name := range []string{"network", "subnet", "subnetpool", "port"} {
		list = append(list, map[string]any{"name": name, "collection": name + "s",
			"links": []link{{"self", c.BaseURL() + "/v2.0/" + name + "s"}}})
	}
	return map[string]any{"resources": list}, nil
}

//go:embed extensions.tsv
var extensionFile embed.FS

// extension is an addition to the core API that is built here.
type extension struct {
	Name        string `json:"name"`
	Alias       string `json:"alias"`
	Description string `json:"description"`
	Updated     string `json:"updated"`
	Links       []link `json:"links"`
}

// extensions reads the table of what is built: alias, name, updated, description.
var extensions = func() []extension {
	text, err := extensionFile.ReadFile("extensions.tsv")
	if err != nil {
		panic(err)
	}
	r := csv.NewReader(strings.NewReader(string(text)))
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		panic(err)
	}
	var out []extension
	for _, row := range rows {
		out = append(out, extension{Alias: row[0], Name: row[1], Updated: row[2], Description: row[3], Links: []link{}})
	}
	return out
}()

func (a *API) extensionRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/extensions", Status: 200, Do: httpapi.Get(listExtensions)},
		{Method: "GET", Path: "/extensions/{alias}", Status: 200, Do: httpapi.Get(showExtension)},
	}
}

func listExtensions(*httpapi.Call) (any, error) { return map[string]any{"extensions": extensions}, nil }

func showExtension(c *httpapi.Call) (any, error) {
	alias := c.Param("alias")
	for _, e := range extensions {
		if e.Alias == alias {
			return map[string]any{"extension": e}, nil
		}
	}
	f := fault.NotFound("Extension with alias %s does not exist", alias)
	f.Body = map[string]string{"message": "The resource could not be found.<br /><br />\n" + f.Message + "\n\n",
		"code": "404 " + http.StatusText(404), "title": "Not Found"}
	return nil, f
}
