package api

import (
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/pprint"
)

// The media types of a patch: the older one is draft 4 of JSON Patch.
const (
	patchDraft4  = "application/openstack-images-v2.0-json-patch"
	patchDraft10 = "application/openstack-images-v2.1-json-patch"
)

var operations = []string{"add", "remove", "replace"}

// change is one operation of a patch as it was sent.
type change struct {
	op    string
	path  []string
	value any
	fresh bool // draft 4: add demands that there was nothing
}

func (a *API) updateImage(c *httpapi.Call, img glance.Image) (imageView, error) {
	changes, err := patchOf(c)
	if err != nil {
		return imageView{}, err
	}
	var do []service.Change
	for _, ch := range changes {
		if err := a.mayChange(c, img, ch); err != nil {
			return imageView{}, err
		}
		do = append(do, changeFor(ch))
	}
	img, err = a.svc.UpdateImage(c.Ctx(), img.ID, do)
	return a.view(c, img), err
}

// changeFor is what an operation asks of the service.
func changeFor(ch change) service.Change {
	do := service.Change{Op: ch.op, Property: ch.path[0], Fresh: ch.fresh}
	if ch.path[0] != "locations" {
		do.Value = plain(ch.value)
		return do
	}
	if len(ch.path) > 1 {
		do.Position = ch.path[1]
	}
	list, isList := ch.value.([]any)
	if !isList && ch.value != nil {
		list = []any{ch.value}
	}
	for _, v := range list {
		do.Locations = append(do.Locations, locationOf(v))
	}
	return do
}

// mayChange asks the rules that single attributes have.
func (a *API) mayChange(c *httpapi.Call, img glance.Image, ch change) error {
	switch ch.path[0] {
	case "visibility":
		v, _ := ch.value.(string)
		return enforceVisibility(c, glance.Visibility(v), img.PolicyTarget())
	case "locations":
		return a.mayLocate(c, img, ch)
	}
	return nil
}

// mayLocate lets locations be changed only where they are shown.
func (a *API) mayLocate(c *httpapi.Call, img glance.Image, ch change) error {
	rule, verb := "set_image_location", map[string]string{"add": "add", "replace": "update", "remove": "remove"}[ch.op]
	if ch.op == "remove" {
		rule = "delete_image_location"
	}
	if list, ok := ch.value.([]any); ok && ch.op == "replace" && len(list) == 0 {
		f := fault.Forbidden("Access was denied to this resource.")
		f.Detail = "Cannot set locations to empty list."
		return f
	}
	if err := enforce(c, rule, img.PolicyTarget()); err != nil {
		return err
	}
	if !a.svc.Config().ShowMultipleLocations {
		return fault.Forbidden("It's not allowed to %s locations if locations are invisible.", verb)
	}
	return nil
}

// patchOf reads the body as a patch and checks each operation.
func patchOf(c *httpapi.Call) ([]change, error) {
	kind, _, _ := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	if kind != patchDraft4 && kind != patchDraft10 {
		f := unsupported(c)
		f.Header = http.Header{"Accept-Patch": {patchDraft4 + ", " + patchDraft10}}
		return nil, f
	}
	v, err := body(c)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fault.BadRequest("Request body must be a JSON array of operation objects.")
	}
	changes := make([]change, len(list))
	for i, raw := range list {
		obj, ok := raw.(map[string]any)
		if !ok {
			return nil, fault.BadRequest("Operations must be JSON objects.")
		}
		if changes[i], err = changeOf(obj, kind == patchDraft4); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func changeOf(obj map[string]any, draft4 bool) (ch change, err error) {
	ch.fresh = draft4
	var pointer any
	if draft4 {
		ch.op, pointer, err = draft4Operation(obj)
	} else {
		ch.op, pointer, err = draft10Operation(obj)
	}
	if err != nil {
		return ch, err
	}
	if ch.path, err = pathOf(pointer, ch.op); err != nil {
		return ch, err
	}
	if ch.op != "remove" {
		v, ok := obj["value"]
		if !ok {
			return ch, fault.BadRequest(`Operation "%s" requires a member named "value".`, ch.op)
		}
		ch.value = v
	}
	return ch, checkChange(ch)
}

func draft10Operation(obj map[string]any) (op string, pointer any, err error) {
	v, ok := obj["op"]
	if !ok || v == nil {
		return "", nil, fault.BadRequest("Unable to find `op` in JSON Schema change. It must be one of the following: %s.",
			strings.Join(operations, ", "))
	}
	op, _ = v.(string)
	if !slices.Contains(operations, op) {
		return "", nil, fault.BadRequest("Invalid operation: `%s`. It must be one of the following: %s.", bare(v),
			strings.Join(operations, ", "))
	}
	pointer, ok = obj["path"]
	if !ok {
		return "", nil, fault.BadRequest("Unable to find 'path' in JSON Schema change")
	}
	return op, pointer, nil
}

// bare is a value as Python's str prints it.
func bare(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return pprint.Repr(v)
}

func draft4Operation(obj map[string]any) (op string, pointer any, err error) {
	for _, name := range operations {
		if v, ok := obj[name]; ok {
			if op != "" {
				return "", nil, fault.BadRequest(`Operation objects must contain only one member named "add", "remove", or "replace".`)
			}
			op, pointer = name, v
		}
	}
	if op == "" {
		return "", nil, fault.BadRequest(`Operation objects must contain exactly one member named "add", "remove", or "replace".`)
	}
	return op, pointer, nil
}

var (
	adjacentSlashes = regexp.MustCompile(`/\s*?/`)
	badEscape       = regexp.MustCompile(`~[^01]`)
)

// pathOf decodes a JSON pointer: a property, or a place in the locations.
func pathOf(v any, op string) ([]string, error) {
	pointer, ok := v.(string)
	switch {
	case !ok || !strings.HasPrefix(pointer, "/"):
		return nil, fault.BadRequest("Pointer `%s` does not start with \"/\".", bare(v))
	case adjacentSlashes.MatchString(pointer[1:]):
		return nil, fault.BadRequest("Pointer `%s` contains adjacent \"/\".", pointer)
	case len(pointer) > 1 && strings.HasSuffix(pointer, "/"):
		return nil, fault.BadRequest("Pointer `%s` end with \"/\".", pointer)
	case badEscape.MatchString(pointer) || strings.HasSuffix(pointer, "~"):
		return nil, fault.BadRequest("Pointer `%s` contains \"~\" not part of a recognized escape sequence.", pointer)
	}
	var path []string
	for part := range strings.SplitSeq(strings.TrimLeft(pointer, "/"), "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		path = append(path, strings.TrimSpace(part))
	}
	depth := 1
	if path[0] == "locations" && op != "replace" {
		depth = 2
	}
	if len(path) != depth {
		return nil, fault.BadRequest("Invalid JSON pointer for this resource: '/%s'", strings.Join(path, "/"))
	}
	return path, nil
}

// checkChange refuses attributes that are not the client's and values that the
// schema does not allow.
func checkChange(ch change) error {
	name := ch.path[0]
	switch {
	case slices.Contains(readOnly, name) || slices.Contains(disallowed, name) || name == "id":
		return readOnlyFault(name)
	case isReserved(name) && name != "locations":
		return reservedFault(name)
	case ch.op == "remove":
		return nil
	case len(ch.path) == 2:
		return imageSchema.check(map[string]any{name: []any{ch.value}})
	}
	return imageSchema.check(map[string]any{name: ch.value})
}
