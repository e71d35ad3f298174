package api_test

import (
	"fmt"
	"strings"
	"testing"

	"nacre/internal/glance/service"
)

const ns = "/v2/metadefs/namespaces"

// namespace makes a namespace with one thing of each kind in it.
func (c *cloud) namespace(t testing.TB, name, more string) {
	t.Helper()
	c.do(t, "admin", "POST", ns, fmt.Sprintf(`{"namespace": %q, "objects": [{"name": "o", "required": ["a"], "properties": {"a": {"title": "A", "type": "string"}}}],
		"properties": {"p": {"title": "P", "type": "integer", "default": 3, "minimum": 1.9, "enum": ["1"]}}, "tags": [{"name": "t"}],
		"resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "hw:"}]%s}`, name, more), nil).want(t, 201, `"default":"3","minimum":1,"enum":["1"]`)
}

func TestMetadefRefusals(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	cloud.namespace(t, "N", "")
	cloud.namespace(t, "Kept", `, "protected": true, "visibility": "public"`)
	other := `, "namespace": "Other", "owner": "` + memberProject + `"`
	cloud.do(t, "admin", "POST", ns, `{`+other[2:]+`}`, nil).want(t, 201, `"owner":"`+memberProject)
	long := strings.Repeat("x", 81)
	for name, tc := range map[string]struct {
		as, method, path, body string
		status                 int
		want                   string
	}{
		"unknown attribute":      {"admin", "POST", ns, `{"namespace": "X", "colour": "red"}`, 400, `Provided object does not match schema 'namespace': Additional properties are not allowed ('colour' was unexpected)\n\nFailed validating 'additionalProperties' in schema:`},
		"empty name":             {"admin", "POST", ns, `{"namespace": ""}`, 400, `1 to 80 characters`},
		"update to empty name":   {"admin", "PUT", ns + "/N", `{"namespace": ""}`, 400, `1 to 80 characters`},
		"null":                   {"admin", "POST", ns, `null`, 400, `Unexpected body type.`},
		"two mistakes":           {"admin", "POST", ns + "/N/objects", `{"colour": "red"}`, 400, `'colour' was unexpected`},
		"no name":                {"admin", "POST", ns, `{"display_name": "x"}`, 400, `'namespace' is a required property`},
		"wrong type":             {"admin", "POST", ns, `{"namespace": "X", "protected": "yes"}`, 400, `'yes' is not of type 'boolean'\n\nFailed validating 'type' in schema['properties']['protected']:`},
		"visibility":             {"admin", "POST", ns, `{"namespace": "X", "visibility": "shared"}`, 400, `'shared' is not one of ['public', 'private']`},
		"read-only":              {"admin", "POST", ns, `{"namespace": "X", "created_at": "x"}`, 403, `Attribute 'created_at' is read-only.`},
		"read-only self":         {"admin", "PUT", ns + "/N/objects/o", `{"name": "o", "self": "x"}`, 403, `Attribute 'self' is read-only.`},
		"no object":              {"admin", "POST", ns, `[]`, 400, `does not match`},
		"no body":                {"admin", "POST", ns, ``, 400, `Body expected in request.`},
		"body":                   {"admin", "DELETE", ns + "/N", `{}`, 400, `A body is not expected with this request.`},
		"taken":                  {"admin", "POST", ns, `{"namespace": "N"}`, 409, `The metadata definition namespace=N already exists.`},
		"rename to taken":        {"admin", "PUT", ns + "/Other", `{"namespace": "N"}`, 409, `Invalid update. It would result in a duplicate metadata definition namespace with the same name of N`},
		"two of a name":          {"admin", "POST", ns, `{"namespace": "X", "tags": [{"name": "a"}, {"name": "a"}]}`, 409, `tag has the name a.`},
		"long name inside":       {"admin", "POST", ns, `{"namespace": "X", "objects": [{"name": "` + long + `"}]}`, 400, `1 to 80 characters`},
		"long prefix inside":     {"admin", "POST", ns, `{"namespace": "X", "resource_type_associations": [{"name": "r", "prefix": "` + long + `"}]}`, 400, `at most 80 characters`},
		"property without title": {"admin", "POST", ns, `{"namespace": "X", "properties": {"p": {"type": "string"}}}`, 400, `'title' is a required property`},
		"property's own word":    {"admin", "POST", ns, `{"namespace": "X", "properties": {"p": {"title": "P", "type": "string", "colour": "red"}}}`, 400, `Unknown attribute of property p: \"colour\"`},
		"default of a list":      {"admin", "POST", ns, `{"namespace": "X", "properties": {"p": {"title": "P", "type": "array", "default": ["x"]}}}`, 400, `It may not be a JSON array.`},
		"enum of numbers":        {"admin", "POST", ns, `{"namespace": "X", "properties": {"p": {"title": "P", "type": "integer", "enum": [1]}}}`, 400, `It may not be a JSON number.`},
		"update of nothing":      {"admin", "PUT", ns + "/Nix", `{"namespace": "Nix"}`, 404, `Namespace Nix not found`},
		"hidden":                 {"stranger", "GET", ns + "/N", ``, 404, `The resource could not be found.`},
		"hidden properties":      {"stranger", "GET", ns + "/N/properties", ``, 404, `Namespace N not found`},
		"hidden objects":         {"stranger", "GET", ns + "/N/objects", ``, 404, `Namespace N not found`},
		"objects of nothing":     {"member", "GET", ns + "/Nix/objects", ``, 404, `Metadata definition namespace=Nix was not found.`},
		"own but not admin":      {"member", "DELETE", ns + "/Other", ``, 403, `You are not authorized to complete delete_metadef_namespace action.`},
		"public, not admin":      {"stranger", "POST", ns + "/Kept/objects", `{"name": "x"}`, 403, `You are not authorized to complete add_metadef_object action.`},
		"protected":              {"admin", "DELETE", ns + "/Kept", ``, 403, `Metadata definition namespace Kept is protected and cannot be deleted.`},
		"protected objects":      {"admin", "DELETE", ns + "/Kept/objects", ``, 403, `Metadata definition namespace Kept is protected and cannot be deleted.`},
		"protected object":       {"admin", "DELETE", ns + "/Kept/objects/o", ``, 403, `Metadata definition object o is protected and cannot be deleted.`},
		"protected property":     {"admin", "DELETE", ns + "/Kept/properties/p", ``, 403, `Metadata definition property p is protected and cannot be deleted.`},
		"protected tag":          {"admin", "DELETE", ns + "/Kept/tags/t", ``, 403, `Metadata definition tag t is protected and cannot be deleted.`},
		"protected association":  {"admin", "DELETE", ns + "/Kept/resource_types/OS::Nova::Flavor", ``, 403, `Metadata definition resource-type-association OS::Nova::Flavor is protected and cannot be deleted.`},
		"missing in protected":   {"admin", "DELETE", ns + "/Kept/tags/nix", ``, 404, `Could not find metadata tag nix`},
		"no such object":         {"admin", "GET", ns + "/N/objects/nix", ``, 404, `Could not find metadata object nix`},
		"no such property":       {"admin", "PUT", ns + "/N/properties/nix", `{"name": "nix", "title": "N", "type": "string"}`, 404, `Could not find property nix`},
		"no such association":    {"admin", "DELETE", ns + "/N/resource_types/nix", ``, 404, `Failed to find resource type nix to delete`},
		"object taken":           {"admin", "POST", ns + "/N/objects", `{"name": "o"}`, 409, `A metadata definition object with name=o already exists in namespace=N.`},
		"property taken":         {"admin", "POST", ns + "/N/properties", `{"name": "p", "title": "P", "type": "string"}`, 409, `A metadata definition property with name=p already exists in namespace=N.`},
		"tag taken":              {"admin", "POST", ns + "/N/tags/t", ``, 409, `A metadata tag with name=t already exists in namespace=N.`},
		"tags taken":             {"admin", "POST", ns + "/N/tags", `{"tags": [{"name": "x"}, {"name": "x"}]}`, 409, `A metadata tag with name=x already exists`},
		"association taken":      {"admin", "POST", ns + "/N/resource_types", `{"name": "OS::Nova::Flavor"}`, 409, `resource-type=OS::Nova::Flavor to namespace=N already exists.`},
		"property without name":  {"admin", "POST", ns + "/N/properties", `{"title": "P", "type": "string"}`, 400, `schema 'property': 'name' is a required property`},
		"tag without name":       {"admin", "POST", ns + "/N/tags", `{"tags": [{}]}`, 400, `schema 'tags': 'name' is a required property`},
		"no tags":                {"admin", "POST", ns + "/N/tags", `{}`, 400, `Expected tags in the form`},
		"long tag":               {"admin", "POST", ns + "/N/tags/" + long, ``, 400, `1 to 80 characters`},
		"association's word":     {"admin", "POST", ns + "/N/resource_types", `{"name": "x", "colour": "red"}`, 400, `schema 'resource_type_association'`},
		"prefix not there":       {"admin", "GET", ns + "/N/properties/p?resource_type=OS::Nova::Flavor", ``, 404, `Property p does not start with the expected resource type association prefix of 'hw:'.`},
		"type not there":         {"admin", "GET", ns + "/N/properties/p?resource_type=nix", ``, 404, `The metadata definition resource-type with name=nix, was not found.`},
		"association not there":  {"admin", "GET", ns + "/Other/properties/p?resource_type=OS::Nova::Flavor", ``, 404, `resource-type=OS::Nova::Flavor to namespace=Other, was not found.`},
		"list: limit":            {"admin", "GET", ns + "?limit=x", ``, 400, `limit param must be an integer`},
		"list: negative":         {"admin", "GET", ns + "?limit=-1", ``, 400, `limit param must be positive`},
		"list: direction":        {"admin", "GET", ns + "?sort_dir=up", ``, 400, `Invalid sort direction: up`},
		"list: key":              {"admin", "GET", ns + "?sort_key=colour", ``, 400, `colour`},
		"list: visibility":       {"admin", "GET", ns + "?visibility=shared", ``, 400, `Invalid visibility value: shared`},
		"list: marker":           {"admin", "GET", ns + "?marker=Nix", ``, 404, `Metadata definition namespace=Nix was not found.`},
		"list: hidden marker":    {"stranger", "GET", ns + "?marker=N", ``, 403, `Forbidding request, metadata definition namespace=N is not visible.`},
		"objects: limit":         {"admin", "GET", ns + "/N/objects?limit=0", ``, 400, `limit param must be positive`},
		"tags: marker":           {"admin", "GET", ns + "/N/tags?marker=nix", ``, 404, `Could not find metadata tag nix`},
	} {
		t.Run(name, func(t *testing.T) { cloud.do(t, tc.as, tc.method, tc.path, tc.body, nil).want(t, tc.status, tc.want) })
	}
}

// TestMetadefs changes and reads everything in a namespace.
func TestMetadefs(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	cloud.namespace(t, "N", `, "visibility": "public"`)
	for _, step := range []struct {
		as, method, path, body string
		status                 int
		want                   string
	}{
		{"stranger", "GET", ns + "/N?resource_type=OS::Nova::Flavor", ``, 200, `"properties":{"hw:p":{`},
		{"stranger", "GET", ns + "/N?resource_type=OS::Nova::Flavor", ``, 200, `"required":["hw:a"],"properties":{"hw:a":{`},
		{"stranger", "GET", ns + "/N?resource_type=nix", ``, 200, `"properties":{"p":{`},
		{"stranger", "GET", ns + "/N/properties/hw:p?resource_type=OS::Nova::Flavor", ``, 200, `{"name":"p",`},
		{"admin", "PUT", ns + "/N/properties/p", `{"name": "q", "title": "Q", "type": "string", "items": {"type": "string"}}`, 200, `{"name":"q","type":"string","title":"Q","items":{"type":"string"}}`},
		{"stranger", "GET", ns + "/N/properties", ``, 200, `{"properties":{"q":{"name":"q",`},
		{"admin", "PUT", ns + "/N/objects/o", `{"name": "o2", "description": "d"}`, 200, `{"name":"o2","description":"d","created_at":`},
		{"stranger", "GET", ns + "/N/objects/o2", ``, 200, `"required":[],"description":"d","properties":{},`},
		{"admin", "PUT", ns + "/N/tags/t", `{"name": "t2"}`, 200, `{"name":"t2","created_at":`},
		{"admin", "POST", ns + "/N/tags", `{"tags": []}`, 201, `{"tags":[]}`},
		{"stranger", "GET", ns + "/N/tags", ``, 200, `{"tags":[{"name":"t2"}]}`},
		{"admin", "POST", ns + "/N/tags", `{"tags": [{"name": "a"}, {"name": "b"}]}`, 201, `{"tags":[{"name":"a"},{"name":"b"}]}`},
		{"stranger", "GET", ns + "/N/tags?sort_key=name&sort_dir=asc&limit=1", ``, 200, `{"tags":[{"name":"a"}]}`},
		{"stranger", "GET", ns + "/N/tags?sort_key=name&sort_dir=asc&limit=1&marker=a", ``, 200, `{"tags":[{"name":"b"}]}`},
		{"admin", "DELETE", ns + "/N/tags/b", ``, 204, ``},
		{"stranger", "GET", ns + "/N/tags/b", ``, 404, ``},
		{"admin", "POST", ns + "/N/resource_types", `{"name": "OS::Cinder::Volume", "properties_target": "image"}`, 201, `"properties_target":"image"`},
		{"stranger", "GET", ns + "/N/resource_types", ``, 200, `{"resource_type_associations":[{"name":"OS::Nova::Flavor","prefix":"hw:",`},
		{"stranger", "GET", "/v2/metadefs/resource_types", ``, 200, `{"name":"OS::Cinder::Volume",`},
		{"admin", "DELETE", ns + "/N/resource_types/OS::Cinder::Volume", ``, 204, ``},
		{"stranger", "GET", ns + "?resource_types=x,OS::Nova::Flavor", ``, 200, `"namespace":"N"`},
		{"stranger", "GET", ns + "?resource_types=OS::Cinder::Volume", ``, 200, `"namespaces":[]`},
		{"admin", "DELETE", ns + "/N/objects", ``, 204, ``},
		{"admin", "DELETE", ns + "/N/properties", ``, 204, ``},
		{"admin", "DELETE", ns + "/N/tags", ``, 204, ``},
		{"admin", "PUT", ns + "/N", `{"namespace": "M", "display_name": "m", "protected": true}`, 200, `"visibility":"private","protected":true,"owner":"` + adminProject},
		{"stranger", "GET", ns + "/M", ``, 404, ``},
		{"admin", "GET", ns + "/M", ``, 200, `"resource_type_associations":[{"name":"OS::Nova::Flavor"`},
		{"admin", "PUT", ns + "/M", `{"namespace": "M"}`, 200, `"protected":false`},
		{"admin", "DELETE", ns + "/M", ``, 204, ``},
		{"admin", "DELETE", ns + "/M", ``, 404, `Namespace M not found`},
	} {
		cloud.do(t, step.as, step.method, step.path, step.body, nil).want(t, step.status, step.want)
	}
	cloud.namespace(t, "N", "")
	header := map[string]string{"X-Openstack-Append": "True"}
	cloud.do(t, "admin", "POST", ns+"/N/tags", `{"tags": [{"name": "u"}]}`, header).want(t, 201, `{"tags":[{"name":"u"}]}`)
	cloud.do(t, "admin", "GET", ns+"/N/tags", "", nil).want(t, 200, `{"tags":[{"name":"u"},{"name":"t"}]}`)
	cloud.do(t, "admin", "POST", ns+"/N/tags", `{"tags": [{"name": "t"}]}`, header).want(t, 409, "")
}

func TestMetadefPages(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	for i := range 3 {
		cloud.do(t, "admin", "POST", ns, fmt.Sprintf(`{"namespace": "N%d", "visibility": "public"}`, i), nil).want(t, 201, "")
	}
	cloud.do(t, "admin", "POST", ns, `{"namespace": "Mine"}`, nil).want(t, 201, "")
	cloud.do(t, "stranger", "GET", ns+"?limit=2", "", nil).want(t, 200, `"next":"/v2/metadefs/namespaces?limit=2&marker=N1","schema":"/v2/schemas/metadefs/namespaces","first":"/v2/metadefs/namespaces?limit=2"`)
	last := cloud.do(t, "stranger", "GET", ns+"?limit=2&marker=N1", "", nil).want(t, 200, `"namespace":"N0"`)
	if strings.Contains(string(last.body), "next") || strings.Contains(string(last.body), "Mine") {
		t.Errorf("got %s", last.body)
	}
	cloud.do(t, "admin", "GET", ns+"?sort_key=namespace&sort_dir=asc&limit=1", "", nil).want(t, 200, `"namespaces":[{"namespace":"Mine"`)
	cloud.do(t, "admin", "GET", ns+"?visibility=private", "", nil).want(t, 200, `"namespaces":[{"namespace":"Mine"`)
	cloud.do(t, "admin", "GET", ns+"?limit=0", "", nil).want(t, 200, `"namespaces":[]`)
}

// TestDefinitions loads the definitions that the binary carries, twice.
func TestDefinitions(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	for range 2 {
		if err := cloud.svc.EnsureDefinitions(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cloud.do(t, "stranger", "GET", ns+"/OS::Compute::CPUPinning?resource_type=OS::Nova::Flavor", "", nil).want(t, 200, `"hw:cpu_policy":{`)
	cloud.do(t, "stranger", "GET", "/v2/metadefs/resource_types", "", nil).want(t, 200, `"name":"OS::Glance::Image"`)
}
