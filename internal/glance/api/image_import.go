package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) importRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "PUT", Path: "/images/{image_id}/stage", Status: 204, RawBody: true, Rule: policy.Rule{Name: "modify_image"},
			Do: httpapi.OnRaw(a.svc.Image, a.stage)},
		{Method: "POST", Path: "/images/{image_id}/import", Status: 202, Do: httpapi.Get(a.importImage)}, // which rule is asked depends on the method
		{Method: "GET", Path: "/images/{image_id}/tasks", Status: 200, Rule: policy.Rule{Name: "get_image"},
			Do: httpapi.On(a.missing("The resource could not be found."), a.listImageTasks)},
	}
}

func (a *API) stage(c *httpapi.Call, img glance.Image, w http.ResponseWriter) error {
	return a.receive(c, img, w, a.svc.Stage)
}

// importImage asks for bytes to be brought to an image.
func (a *API) importImage(c *httpapi.Call) (httpapi.None, error) {
	req, err := a.importOf(c)
	if err != nil {
		return httpapi.None{}, err
	}
	rule := "modify_image"
	switch req.Method {
	case service.CopyImage:
		rule = "copy_image"
	case service.GlanceDirect:
		if img, err := a.svc.Image(c.Ctx(), c.Param("image_id")); err == nil && a.svc.StageHost(img) != "" {
			return httpapi.None{}, a.svc.Forward(c.Ctx(), a.svc.StageHost(img), http.MethodPost, c.R.URL.Path, c.Body)
		}
	}
	return httpapi.None{}, a.svc.ImportImage(c.Ctx(), c.Param("image_id"), req, func(img glance.Image) error {
		if c.Allowed(rule, img.PolicyTarget()) {
			return nil
		}
		return a.forbidden(c, rule, nil)
	})
}

// importOf reads what is to be imported.
func (a *API) importOf(c *httpapi.Call) (req service.ImportRequest, err error) {
	v, err := body(c)
	if err != nil {
		return req, err
	}
	obj, _ := v.(map[string]any)
	method, ok := obj["method"].(map[string]any)
	if !ok {
		return req, fault.BadRequest("Import request requires a 'method' field.")
	}
	name, ok := method["name"]
	if !ok {
		return req, fault.BadRequest("Import request requires a 'name' field.")
	}
	req = service.ImportRequest{Body: json.RawMessage(c.Body)}
	if req.Method, _ = name.(string); !slices.Contains(a.svc.ImportMethods(), req.Method) {
		return req, fault.BadRequest("Unknown import method name '%v'.", name)
	}
	must, err := flag(obj, "all_stores_must_succeed", true)
	if err != nil {
		return req, err
	}
	if req.All, err = flag(obj, "all_stores", false); err != nil {
		return req, err
	}
	req.MayFail = !must
	req.URI, _ = method["uri"].(string)
	req.Remote = remoteOf(method)
	return req, storesOf(c, obj, &req)
}

// flag is a member of an object that is true or false.
func flag(obj map[string]any, name string, otherwise bool) (bool, error) {
	v, ok := obj[name]
	if !ok {
		return otherwise, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, fault.BadRequest("'%s' must be boolean value only", name)
	}
	return b, nil
}

func remoteOf(method map[string]any) (r service.RemoteImage) {
	r.Region, _ = method["glance_region"].(string)
	r.ImageID, _ = method["glance_image_id"].(string)
	r.Interface, _ = method["glance_service_interface"].(string)
	if r.Interface == "" {
		r.Interface = "public"
	}
	return r
}

// storesOf reads which stores are to get the bytes, from the body or a header.
func storesOf(c *httpapi.Call, obj map[string]any, req *service.ImportRequest) error {
	v, listed := obj["stores"]
	header := c.R.Header.Get("X-Image-Meta-Store")
	switch {
	case req.All && (listed || header != ""):
		return fault.BadRequest("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
	case listed && header != "":
		return fault.BadRequest("Stores parameter and x-image-meta-store header can't be both specified")
	case header != "":
		req.Stores = []string{header}
	case listed:
		list, ok := v.([]any)
		req.Stores = plain(list).([]string)
		if !ok || slices.Contains(req.Stores, "") {
			return fault.BadRequest("'stores' must be a list of store identifiers")
		}
	}
	return nil
}

// dataOf is the body of a call that sends an image's bytes.
func dataOf(c *httpapi.Call) (service.Data, error) {
	kind, _, _ := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	if kind != "application/octet-stream" {
		return service.Data{}, unsupported(c)
	}
	data := service.Data{Body: c.R.Body, Length: c.R.ContentLength, Store: c.R.Header.Get("X-Image-Meta-Store")}
	if text := c.R.Header.Get("X-Openstack-Image-Size"); text != "" {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return data, fault.BadRequest("Invalid or missing image size in request headers.")
		}
		data.Expected, data.Length = &n, max(n, data.Length)
	}
	return data, nil
}
