//go:build kill

package test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nacre/internal/keystone/api"
	"nacre/internal/oslo/httpapi"
)

// identityCall is a line of testdata: kind, status, method, path, headers, body.
type identityCall struct {
	kind               string // "idle", "absent" or none
	status             int
	method, path, body string
	headers            []string
}

var callForm = regexp.MustCompile(`^(?:(idle|absent) )?(?:(\d{3}) )?([A-Z]+) (/\S*)((?: \[[^\]]+\])*) ?(.*)$`)

func parseCall(line string) (c identityCall, ok bool) {
	m := callForm.FindStringSubmatch(line)
	if m == nil {
		return c, false
	}
	c = identityCall{kind: m[1], method: m[3], path: m[4], body: m[6]}
	_, _ = fmt.Sscan(m[2], &c.status)
	for _, h := range strings.Split(m[5], " [")[1:] {
		c.headers = append(c.headers, strings.TrimSuffix(h, "]"))
	}
	return c, true
}

func linesOf(t *testing.T, file string) (out []string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// identityCalls are those of testdata, which must have one of each route that may change something.
func identityCalls(t *testing.T) (out []identityCall) {
	for _, line := range linesOf(t, "testdata/identity_calls.txt") {
		c, ok := parseCall(line)
		if !ok || c.kind != "absent" && c.status == 0 {
			t.Fatalf("no call: %s", line)
		}
		out = append(out, c)
	}
	a, err := api.NewV2(nil, httpapi.Door{}, api.V2Public)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Table() {
		if changes(r) && !slices.ContainsFunc(out, func(c identityCall) bool { return c.method == r.Method && fits(r.Path, c.full()) }) {
			t.Errorf("testdata/identity_calls.txt has no call of %s %s", r.Method, r.Path)
		}
	}
	return out
}

// changes reports whether a route may: a browser logs in by GET, too.
func changes(r httpapi.Route) bool {
	return r.Method != "GET" && r.Method != "HEAD" || r.Public && strings.Contains(r.Path, "/OS-FEDERATION/")
}

// full is a call's path from the root: below /v3, if it does not say otherwise.
func (c identityCall) full() string {
	if strings.HasPrefix(c.path, "/v2.0/") {
		return c.path
	}
	return "/v3" + c.path
}

// fits reports whether a path is one of a route.
func fits(route, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	want, got := strings.Split(route, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for n, part := range want {
		if !strings.HasPrefix(part, "{") && part != got[n] {
			return false
		}
	}
	return true
}

var named = regexp.MustCompile(`\$[a-z][a-z0-9]*`)

// expand puts IDs in the place of their names.
func (i *identity) expand(text string) string {
	return named.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := i.names[name[1:]]
		if !ok {
			i.t.Fatalf("nothing is called %s", name)
		}
		return value
	})
}

// send gives status and answer, or 0 if the service did not answer.
func (i *identity) send(c identityCall) (int, string) {
	i.t.Helper()
	i.sign()
	res, err := i.do(c)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func (i *identity) do(c identityCall) (*http.Response, error) {
	req, err := http.NewRequest(c.method, "http://"+i.addr+":5000"+i.expand(c.full()), strings.NewReader(i.expand(c.body)))
	if err != nil {
		i.t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", i.token)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, i.expand(value))
	}
	return i.client().Do(req)
}
