package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
)

// TestExplain compares with what Python's jsonschema and pprint say.
func TestExplain(t *testing.T) {
	const deep = `{"type": "object", "required": ["name"], "additionalProperties": false, "properties": {"name": {"type": "string", "maxLength": 200},
		"list": {"type": "array", "items": {"type": "object", "patternProperties": {"^[A-Z]+$": {"type": "number", "maximum": 3.40282e+38}}, "additionalProperties": false}},
		"parent_provider_uuid": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}}}`
	var told SchemaError
	s := Service{Name: "x", Schemas: fstest.MapFS{"deep.json": {Data: []byte(deep)}}, ShallowFirst: true,
		SchemaFault: func(e SchemaError) *fault.Fault { told = e; return fault.BadRequest("") },
		Table:       Table{{Method: "POST", Path: "/", Bodies: Schemas{"": "deep.json"}, Do: JSON(func(*Call, any) (None, error) { return None{}, nil })}}}
	api, err := New(s, Door{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ body, want string }{
		"limit in a list": {`{"name": "a", "list": [{"A": 1}, {"B": 1e39}]}`, `1e39 is greater than the maximum of 3.40282e+38

Failed validating 'maximum' in schema['properties']['list']['items']['patternProperties']['^[A-Z]+$']:
    {'maximum': 3.40282e+38, 'type': 'number'}

On instance['list'][1]['B']:
    1e39`},
		"form of a name": {`{"name": "a", "list": [{"b": 1, "a": 2}]}`, `'a', 'b' do not match any of the regexes: '^[A-Z]+$'

Failed validating 'additionalProperties' in schema['properties']['list']['items']:
    {'additionalProperties': False,
     'patternProperties': {'^[A-Z]+$': {'maximum': 3.40282e+38,
                                        'type': 'number'}},
     'type': 'object'}

On instance['list'][0]:
    {'a': 2, 'b': 1}`},
		"top before depth": {`{"list": [{"A": "x"}], "text": "` + strings.Repeat("four ", 20) + `"}`, `'name' is a required property

Failed validating 'required' in schema:
    {'additionalProperties': False,
     'properties': {'list': {'items': {'additionalProperties': False,
                                       'patternProperties': {'^[A-Z]+$': {'maximum': 3.40282e+38,
                                                                          'type': 'number'}},
                                       'type': 'object'},
                             'type': 'array'},
                    'name': {'maxLength': 200, 'type': 'string'},
                    'parent_provider_uuid': {'anyOf': [{'format': 'uuid',
                                                        'type': 'string'},
                                                       {'type': 'null'}]}},
     'required': ['name'],
     'type': 'object'}

On instance:
    {'list': [{'A': 'x'}],
     'text': 'four four four four four four four four four four four four '
             'four four four four four four four four '}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tc.body))
			c := &Call{R: r, Body: []byte(tc.body), api: api}
			if err := api.validate(c, &api.svc.Table[0]); err == nil {
				t.Fatal("accepted")
			}
			if got := told.Explain(); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// TestOrder tells which of several refusals comes first.
func TestOrder(t *testing.T) {
	api := testAPI(t, func(s *Service) {
		s.PolicyFirst = true
		s.Admit = func(c *Call) error {
			if c.R.Header.Get("X-Bad") != "" {
				return fault.New(http.StatusTeapot, "not admitted")
			}
			return nil
		}
		s.Table = append(s.Table, Route{Method: "PUT", Path: "/things/{thing_id}", Status: 200, Bodies: Schemas{"2.1": "thing.json"},
			Rule: policy.Rule{Name: "things:put", Check: "role:member"}, Do: OnJSON(find, func(*Call, thing, thingBody) (None, error) { return None{}, nil }).RuleFirst()})
	})
	for name, tc := range map[string]struct {
		token, bad, id, body string
		status               int
	}{
		"not admitted": {"r", "x", "t9", "{}", 418}, "stranger": {"r", "", "t9", "{}", 403}, "absent": {"m", "", "t9", "{}", 404},
		"schema": {"m", "", "t1", "{}", 400}, "good": {"m", "", "t1", `{"thing": {"name": "a"}}`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("PUT", "/v2.1/things/"+tc.id, strings.NewReader(tc.body))
			r.Header.Set("X-Auth-Token", tc.token)
			if tc.bad != "" {
				r.Header.Set("X-Bad", tc.bad)
			}
			w := httptest.NewRecorder()
			if api.ServeHTTP(w, r); w.Code != tc.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestPlainQuery(t *testing.T) {
	const plain = `{"type": "object", "properties": {"limit": {"type": "string", "pattern": "^[0-9]+$"}}}`
	api := testAPI(t, func(s *Service) {
		s.PlainQuery, s.Vary = true, "version"
		s.Schemas.(fstest.MapFS)["list.json"].Data = []byte(plain)
	})
	for query, status := range map[string]int{"limit=1": 200, "limit=x&limit=1": 200, "limit=1&limit=x": 400} {
		r := httptest.NewRequest("GET", "/v2.1/things?"+query, nil)
		r.Header.Set("X-Auth-Token", "m")
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, r); w.Code != status || w.Header().Get("Vary") != "version" {
			t.Errorf("%s: %d %s", query, w.Code, w.Header())
		}
	}
}

func TestPublicPathRefusesMethodsToAnybody(t *testing.T) {
	api := testAPI(t, func(s *Service) {
		s.NotAllowed = func(_ *Call, allow []string) Response {
			return Response{Status: 405, Header: http.Header{"Allow": allow}}
		}
	})
	w := httptest.NewRecorder()
	if api.ServeHTTP(w, httptest.NewRequest("POST", "/", nil)); w.Code != 405 || w.Header().Get("Allow") != "GET" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}
