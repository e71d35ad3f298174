package api

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// extensionTable lists the extensions that API 2.0 had, one a line: alias,
// name, quoted description. All of them have long been part of the API.
//
//go:embed extensions.tsv
var extensionTable string

// extensionRoutes tell old clients what they may use.
func (a *API) extensionRoutes() httpapi.Table {
	may := rule("os_compute_api:extensions", "@")
	return httpapi.Table{
		{Method: "GET", Path: "/extensions", Status: 200, Rule: may, Do: httpapi.Get(listExtensions)},
		{Method: "GET", Path: "/extensions/{alias}", Status: 200, Rule: may, Do: httpapi.Get(showExtension)},
	}
}

type extension struct {
	Alias       string     `json:"alias"`
	Description string     `json:"description"`
	Links       []struct{} `json:"links"`
	Name        string     `json:"name"`
	Namespace   string     `json:"namespace"`
	Updated     string     `json:"updated"`
}

var extensions = sync.OnceValue(func() (out []extension) {
	for line := range strings.Lines(extensionTable) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		description, err := strconv.Unquote(fields[2])
		if err != nil {
			panic("extensions.tsv: " + line)
		}
		out = append(out, extension{Alias: fields[0], Name: fields[1], Description: description, Links: []struct{}{},
			Namespace: "http://docs.openstack.org/compute/ext/fake_xml", Updated: "2014-12-03T00:00:00Z"})
	}
	return out
})

func listExtensions(*httpapi.Call) (map[string][]extension, error) {
	return map[string][]extension{"extensions": extensions()}, nil
}

func showExtension(c *httpapi.Call) (map[string]extension, error) {
	for _, e := range extensions() {
		if e.Alias == c.Param("alias") {
			return map[string]extension{"extension": e}, nil
		}
	}
	return nil, fault.NotFound("The resource could not be found.")
}
