package api

import (
	"maps"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
	"nacre/internal/oslo/pprint"
)

func (a *API) locationRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/images/{image_id}/locations", Status: 200,
			Rule: policy.Rule{Name: "fetch_image_location", Check: "rule:service_api", Scope: scope},
			Do:   httpapi.On(a.svc.Image, a.listLocations)},
		{Method: "POST", Path: "/images/{image_id}/locations", Status: 202,
			Rule: policy.Rule{Name: "add_image_location",
				Check: "rule:service_api or (role:member and project_id:%(project_id)s and project_id:%(owner)s)", Scope: scope},
			Do: httpapi.On(a.svc.Image, a.addLocation)},
		{Method: "DELETE", Path: "/stores/{store_id}/{image_id}", Status: 204,
			Rule: policy.Rule{Name: "delete_image_location"}, Do: httpapi.OnCall(a.storedImage, a.deleteFromStore)},
	}
}

type locationView struct {
	URL      string         `json:"url"`
	Metadata map[string]any `json:"metadata"`
}

func locationViews(svc *service.Service, img glance.Image) []locationView {
	views := make([]locationView, len(img.Locations))
	for i, l := range img.Locations {
		views[i] = locationView{svc.URLOf(l), l.Metadata}
		if l.Metadata == nil || l.Metadata["store"] == nil {
			views[i].Metadata = map[string]any{"store": l.Store}
			maps.Copy(views[i].Metadata, l.Metadata)
		}
	}
	return views
}

func (a *API) listLocations(_ *httpapi.Call, img glance.Image) ([]locationView, error) {
	return locationViews(a.svc, img), nil
}

// locationOf is a location whose shape the schema has checked.
func locationOf(v any) service.NewLocation {
	obj, _ := v.(map[string]any)
	n := service.NewLocation{Validation: map[string]string{}}
	n.URL, _ = obj["url"].(string)
	n.Metadata, _ = obj["metadata"].(map[string]any)
	data, _ := obj["validation_data"].(map[string]any)
	for name, value := range data {
		n.Validation[name], _ = value.(string)
	}
	return n
}

// validationOf checks the description of bytes that a client vouches for.
func validationOf(v any) error {
	data, ok := v.(map[string]any)
	if !ok {
		return fault.BadRequest("Provided object does not match schema 'location': %s is not of type 'object'", pprint.Repr(v))
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		text, isText := data[name].(string)
		switch {
		case name != "os_hash_algo" && name != "os_hash_value":
			return fault.BadRequest("Provided object does not match schema 'location': Additional properties are not allowed (%s was unexpected)", pprint.Quote(name))
		case !isText:
			return fault.BadRequest("Provided object does not match schema 'location': %s is not of type 'string'", pprint.Repr(data[name]))
		case name == "os_hash_value" && len(text) > 128:
			return fault.BadRequest("Provided object does not match schema 'location': %s is too long", pprint.Quote(text))
		case name == "os_hash_algo" && !slices.Contains([]string{"sha1", "sha256", "sha512", "md5"}, text):
			return fault.BadRequest("Provided object does not match schema 'location': %s is not one of ['sha1', 'sha256', 'sha512', 'md5']", pprint.Quote(text))
		}
	}
	if _, algo := data["os_hash_algo"]; len(data) == 1 {
		have, want := "os_hash_value", "os_hash_algo"
		if algo {
			have, want = want, have
		}
		return fault.BadRequest("Provided object does not match schema 'location': %s is a dependency of %s", pprint.Quote(want), pprint.Quote(have))
	}
	return nil
}

// addLocation is for services; whoever else comes names a web server.
func (a *API) addLocation(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	v, err := body(c)
	if err != nil {
		return httpapi.None{}, err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return httpapi.None{}, fault.BadRequest("Provided object does not match schema 'location': %s is not of type 'object'", pprint.Repr(v))
	}
	url, ok := obj["url"]
	if _, isText := url.(string); !ok {
		return httpapi.None{}, fault.BadRequest("Provided object does not match schema 'location': 'url' is a required property")
	} else if !isText {
		return httpapi.None{}, fault.BadRequest("Provided object does not match schema 'location': %s is not of type 'string'", pprint.Repr(url))
	}
	if data, ok := obj["validation_data"]; ok {
		if err := validationOf(data); err != nil {
			return httpapi.None{}, err
		}
	}
	n := locationOf(obj)
	service := c.Caller.HasRole("service") || slices.Contains(c.Caller.ServiceRoles, "service")
	if !service && !a.svc.ReadsWeb(n.URL) {
		return httpapi.None{}, fault.Forbidden("http store must be enabled to use location API by normal user.")
	}
	return httpapi.None{}, a.svc.AddLocation(c.Ctx(), img.ID, n)
}

// storedImage finds the store, then the image, and words their absence.
func (a *API) storedImage(c *httpapi.Call) (glance.Image, error) {
	if err := a.svc.HasStore(c.Param("store_id")); err != nil {
		return glance.Image{}, err
	}
	return a.missing("Failed to find image %s")(c.Ctx(), c.Param("image_id"))
}

func (a *API) deleteFromStore(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	if err := enforce(c, "get_image_location", img.PolicyTarget()); err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.RemoveFrom(c.Ctx(), img.ID, c.Param("store_id"))
}
