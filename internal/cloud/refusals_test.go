package cloud_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"nacre/internal/cloudtest"
	"nacre/internal/oslo/httpapi"
)

// refusal is a request that the original refused, recorded from it: an ID of
// nothing, or a body that does not fit.
type refusal struct {
	Service, Route, Action, URL, Version string
	Request, Response                    json.RawMessage
	Status                               int
}

func readRefusals(t *testing.T) (all []refusal) {
	t.Helper()
	f, err := os.Open("testdata/refusals.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r refusal
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// differs lists, by service and route, what is refused in other words or for
// the other of two mistakes, and why.
var differs = map[string]string{
	"placement POST /reshaper":                                                       "a newer release leaves it to services",
	"glance GET /v2/cache/nodes/{image_id}":                                          "a newer release has it",
	"glance POST /v2/cache/clean":                                                    "a newer release has it",
	"glance POST /v2/cache/prune":                                                    "a newer release has it",
	"glance GET /v2/images/{image_id}/locations":                                     "a newer release has it",
	"glance POST /v2/images/{image_id}/locations":                                    "a newer release has it",
	"placement PUT /allocations/{consumer_uuid}":                                     "two mistakes in one body",
	"nova PUT /v2.1/flavors/{flavor_id}/os-extra_specs/{flavor_extra_spec_key}":      "the types are named in another order",
	"glance GET /v2/metadefs/namespaces/{namespace_name}/properties/{property_name}": "the recorded cloud had the namespace",
	"neutron PUT /v2.0/networks/{network_id}":                                        "two mistakes: the body is looked at first",
	"neutron PUT /v2.0/subnets/{subnet_id}":                                          "two mistakes: the body is looked at first",
	"neutron PUT /v2.0/ports/{port_id}":                                              "two mistakes: the body is looked at first",
	"neutron POST /v2.0/agents/{agent_id}/l3-routers":                                "two mistakes: the agent is looked for first",
	"neutron POST /v2.0/agents/{agent_id}/dhcp-networks":                             "two mistakes: the agent is looked for first",
	"neutron POST /v2.0/networks/{network_id}/tags":                                  "a newer release adds several tags at once",
	"neutron POST /v2.0/subnets/{subnet_id}/tags":                                    "a newer release adds several tags at once",
	"neutron POST /v2.0/subnetpools/{subnetpool_id}/tags":                            "a newer release adds several tags at once",
	"neutron POST /v2.0/ports/{port_id}/tags":                                        "a newer release adds several tags at once",
	"neutron POST /v2.0/routers/{router_id}/tags":                                    "a newer release adds several tags at once",
	"neutron POST /v2.0/floatingips/{floatingip_id}/tags":                            "a newer release adds several tags at once",
	"neutron POST /v2.0/security-groups/{security_group_id}/tags":                    "a newer release adds several tags at once",
}

// TestRefusals replays what the original refused of every operation that is
// routed here, and wants the same status and words; of Keystone, whose own replay
// compares words, that it is refused.
func TestRefusals(t *testing.T) {
	c := cloudtest.Start(t, 1)
	c.People()
	token := c.Token(cloudtest.Admin)
	replayed := map[string]int{}
	for _, r := range readRefusals(t) {
		api := c.APIs[r.Service]
		if !routed(api, r) {
			continue
		}
		replayed[r.Service]++
		req := httptest.NewRequest(strings.Fields(r.Route)[0], "http://127.0.0.1"+r.URL, bytes.NewReader(r.Request))
		req.Header.Set("X-Auth-Token", token)
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/json")
		if r.Version != "" {
			req.Header.Set("OpenStack-API-Version", map[string]string{"nova": "compute ", "placement": "placement "}[r.Service]+r.Version)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, req)
		same := w.Code == r.Status && sameWords(t, w.Body.Bytes(), r.Response)
		_, other := differs[r.Service+" "+r.Route]
		if r.Service == "keystone" {
			other = true
		}
		switch {
		case other && (w.Code < 400 || w.Code >= 500):
			t.Errorf("%s %s answers %d", r.Service, r.Route, w.Code)
		case !other && !same:
			t.Errorf("%s %s %s %s\n  %s\n  got  %d %s\n  want %d %s", r.Service, r.Route, r.Action, r.Version, r.Request, w.Code, w.Body, r.Status, r.Response)
		}
	}
	for service := range c.APIs {
		if replayed[service] == 0 {
			t.Errorf("nothing was replayed of %s", service)
		}
	}
}

// routed reports whether a row of the service serves the recorded operation.
func routed(api *httpapi.API, r refusal) bool {
	for _, row := range api.Table() {
		if row.Method+" "+parameter.ReplaceAllString(row.Path, "{}") == parameter.ReplaceAllString(r.Route, "{}") && row.Action == r.Action {
			return true
		}
	}
	return false
}

var (
	requestID = regexp.MustCompile(`req-[0-9a-f-]{36}`)
	userID    = regexp.MustCompile(`for user [0-9a-f]{32}`)
)

// sameWords compares two answers but for the IDs of requests and of who asked.
func sameWords(t *testing.T, got, want []byte) bool {
	t.Helper()
	if len(want) == 0 {
		return true // the original's pages of HTML, and HEAD
	}
	var docs [2]any
	for i, text := range [][]byte{got, want} {
		if err := json.Unmarshal(userID.ReplaceAll(requestID.ReplaceAll(text, []byte("req")), []byte("for user")), &docs[i]); err != nil {
			return false
		}
	}
	return reflect.DeepEqual(docs[0], docs[1])
}
