package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) imageRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/images", Status: 200,
			Rule: policy.Rule{Name: "get_images", Check: "rule:context_is_admin or (role:reader and project_id:%(project_id)s)", Scope: scope},
			Do:   httpapi.Get(a.listImages)},
		{Method: "POST", Path: "/images", Status: 201, Do: httpapi.Get(a.createImage)}, // add_image is asked of the image it describes
		{Method: "GET", Path: "/images/{image_id}", Status: 200, Rule: policy.Rule{Name: "get_image"},
			Do: httpapi.On(a.svc.Image, a.showImage)},
		{Method: "PATCH", Path: "/images/{image_id}", Status: 200, Rule: policy.Rule{Name: "modify_image"},
			Do: httpapi.On(a.svc.Image, a.updateImage)},
		{Method: "DELETE", Path: "/images/{image_id}", Status: 204,
			Rule: policy.Rule{Name: "delete_image", Check: ownImage, Scope: scope},
			Do:   httpapi.On(a.missing("Failed to find image %s to delete"), a.deleteImage)},
		{Method: "POST", Path: "/images/{image_id}/actions/deactivate", Status: 204,
			Rule: policy.Rule{Name: "deactivate", Check: ownImage, Scope: scope},
			Do:   httpapi.On(a.svc.Image, a.deactivate)},
		{Method: "POST", Path: "/images/{image_id}/actions/reactivate", Status: 204,
			Rule: policy.Rule{Name: "reactivate", Check: ownImage, Scope: scope},
			Do:   httpapi.On(a.svc.Image, a.reactivate)},
	}
}

// missing finds an image and words its absence.
func (a *API) missing(sentence string) func(context.Context, string) (glance.Image, error) {
	return func(ctx context.Context, id string) (glance.Image, error) {
		img, err := a.svc.Image(ctx, id)
		if fault.Is(err, http.StatusNotFound) {
			err = fault.NotFound(sentence, id)
		}
		return img, err
	}
}

// Attributes that a request may not have in it, by the sentence it gets.
var (
	disallowed = []string{"direct_url", "self", "file", "schema", "stores"}
	readOnly   = []string{"created_at", "updated_at", "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size"}
	reserved   = []string{"location", "locations", "deleted", "deleted_at"}
)

func readOnlyFault(name string) error {
	return fault.Forbidden("Attribute '%s' is read-only.", name)
}

func reservedFault(name string) error {
	return fault.Forbidden("Attribute '%s' is reserved.", name)
}

func isReserved(name string) bool {
	return slices.Contains(reserved, name) || strings.HasPrefix(name, glance.ReservedNamespace)
}

func (a *API) createImage(c *httpapi.Call) (createdImage, error) {
	want, err := a.imageOf(c)
	if err != nil {
		return createdImage{}, err
	}
	if err := mayAdd(c, want); err != nil {
		return createdImage{}, err
	}
	img, err := a.svc.CreateImage(c.Ctx(), want)
	return createdImage{a.view(c, img), c.BaseURL(), a.svc.Backends(), a.svc.ImportMethods()}, err
}

// imageOf is the image that the body describes.
func (a *API) imageOf(c *httpapi.Call) (glance.Image, error) {
	v, err := body(c)
	if err != nil {
		return glance.Image{}, err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return glance.Image{}, fault.BadRequest("Unexpected body type. Expected list/dict.")
	}
	return a.imageWith(c, obj)
}

// imageWith is a new image of the caller's with those attributes and properties.
func (a *API) imageWith(c *httpapi.Call, obj map[string]any) (glance.Image, error) {
	img := a.svc.NewImage(c.Caller.ProjectID)
	if err := checkNew(obj); err != nil {
		return img, err
	}
	for name, v := range obj {
		if name == "id" {
			img.ID = v.(string)
			continue
		}
		if err := service.Set(&img, name, plain(v)); err != nil {
			return img, err
		}
	}
	return img, nil
}

// checkNew refuses what a new image may not have.
func checkNew(obj map[string]any) error {
	for _, name := range disallowed {
		if _, there := obj[name]; there {
			return readOnlyFault(name)
		}
	}
	if err := imageSchema.check(obj); err != nil {
		return err
	}
	for name := range obj {
		switch {
		case utf8.RuneCountInString(name) > 255:
			return fault.BadRequest("Custom property should not be greater than 255 characters.")
		case isReserved(name):
			return reservedFault(name)
		case slices.Contains(readOnly, name):
			return readOnlyFault(name)
		}
	}
	return nil
}

// plain turns a checked value into what the service takes.
func plain(v any) any {
	switch t := v.(type) {
	case json.Number:
		n, _ := t.Int64()
		return n
	case []any:
		list := make([]string, len(t))
		for i, e := range t {
			list[i], _ = e.(string)
		}
		return list
	}
	return v
}

func mayAdd(c *httpapi.Call, want glance.Image) error {
	target := policy.Target{"project_id": want.Owner, "owner": want.Owner, "visibility": string(want.Visibility)}
	if err := enforce(c, "add_image", target); err != nil {
		if want.Owner != c.Caller.ProjectID {
			return fault.Forbidden("You are not permitted to create images owned by '%s'", want.Owner)
		}
		return err
	}
	return enforceVisibility(c, want.Visibility, target)
}

func (a *API) showImage(c *httpapi.Call, img glance.Image) (imageView, error) {
	return a.view(c, img), nil
}

// deleteImage has the process that has the image's staged bytes do it, if it answers.
func (a *API) deleteImage(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	if host := a.svc.StageHost(img); host != "" {
		err := a.svc.Forward(c.Ctx(), host, http.MethodDelete, c.R.URL.Path, nil)
		if f, ok := fault.Of(err); !ok || f.Status < 500 {
			return httpapi.None{}, err
		}
	}
	err := a.svc.DeleteImage(c.Ctx(), img.ID)
	if fault.Is(err, http.StatusNotFound) {
		err = fault.NotFound("Failed to find image %s to delete", img.ID)
	}
	return httpapi.None{}, err
}

func (a *API) deactivate(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	return httpapi.None{}, a.svc.Deactivate(c.Ctx(), img.ID)
}

func (a *API) reactivate(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	return httpapi.None{}, a.svc.Reactivate(c.Ctx(), img.ID)
}

// imageView is an image as clients see it: its properties beside its attributes.
type imageView struct {
	glance.Image
	shown *service.Service // tells where locations are, if they are shown
}

// view is an image with what this cloud shows of it to the caller.
func (a *API) view(c *httpapi.Call, img glance.Image) imageView {
	return a.viewOf(img, a.svc.Readable(c.Ctx()))
}

// viewOf is view where it is known which properties the caller may read; nil is all.
func (a *API) viewOf(img glance.Image, readable func(property string) bool) imageView {
	if readable != nil {
		all := img.Properties
		img.Properties = make(map[string]*string, len(all))
		for name, value := range all {
			if readable(name) {
				img.Properties[name] = value
			}
		}
	}
	if c := a.svc.Config(); c.ShowMultipleLocations || c.ShowImageDirectURL {
		return imageView{img, a.svc}
	}
	return imageView{img, nil}
}

// attributesView are the attributes, in the original's order.
type attributesView struct {
	Name            *string `json:"name"`
	DiskFormat      *string `json:"disk_format"`
	ContainerFormat *string `json:"container_format"`
	Visibility      string  `json:"visibility"`
	Size            *int64  `json:"size"`
	VirtualSize     *int64  `json:"virtual_size"`
	Status          string  `json:"status"`
	Checksum        *string `json:"checksum"`
	Protected       bool    `json:"protected"`
	MinRAM          int64   `json:"min_ram"`
	MinDisk         int64   `json:"min_disk"`
	Owner           *string `json:"owner"`
	Hidden          bool    `json:"os_hidden"`
	HashAlgo        *string `json:"os_hash_algo"`
	HashValue       *string `json:"os_hash_value"`
	ID              string  `json:"id"`
	CreatedAt       string  `json:"created_at"`
	UpdatedAt       string  `json:"updated_at"`

	Locations []locationView `json:"locations,omitzero"` // nil is left out, empty is []
	DirectURL string         `json:"direct_url,omitempty"`

	Tags   []string `json:"tags"`
	Self   string   `json:"self"`
	File   string   `json:"file"`
	Schema string   `json:"schema"`
	Stores string   `json:"stores,omitempty"`
}

// MarshalJSON writes properties and attributes into one object.
func (v imageView) MarshalJSON() ([]byte, error) {
	w := newJSONWriter(nil)
	v.write(w)
	return w.Bytes(), w.err
}

func (v imageView) write(w *jsonWriter) {
	if len(v.Properties) == 0 {
		w.value(v.attributes())
		return
	}
	w.value(v.Properties)
	w.Truncate(w.Len() - 1)
	joint := w.Len()
	w.value(v.attributes())
	w.Bytes()[joint] = ','
}

// jsonWriter puts values one after another, without the check of each that a
// MarshalJSON costs.
type jsonWriter struct {
	bytes.Buffer
	enc *json.Encoder
	err error
}

func newJSONWriter(b []byte) *jsonWriter {
	w := &jsonWriter{Buffer: *bytes.NewBuffer(b)}
	w.enc = json.NewEncoder(&w.Buffer)
	w.enc.SetEscapeHTML(false)
	return w
}

func (w *jsonWriter) value(v any) {
	if err := w.enc.Encode(v); err != nil {
		w.err = err
		return
	}
	w.Truncate(w.Len() - 1) // the line's end
}

func (v imageView) attributes() attributesView {
	href := "/v2/images/" + v.ID
	view := attributesView{
		Name: known(v.Name, v.Named), DiskFormat: some(v.DiskFormat), ContainerFormat: some(v.ContainerFormat),
		Visibility: string(v.Visibility), Size: known(v.Size, v.Size != glance.None),
		VirtualSize: known(v.VirtualSize, v.VirtualSize != glance.None), Status: string(v.Status),
		Checksum: some(v.Checksum), Protected: v.Protected, MinRAM: v.MinRAM, MinDisk: v.MinDisk, Owner: some(v.Owner),
		Hidden: v.Hidden, HashAlgo: some(v.HashAlgo), HashValue: some(v.HashValue), ID: v.ID,
		CreatedAt: isoTime(v.CreatedAt), UpdatedAt: isoTime(v.UpdatedAt), Tags: v.Tags,
		Self: href, File: href + "/file", Schema: "/v2/schemas/image", Stores: v.stores()}
	if v.shown == nil {
		return view
	}
	if v.shown.Config().ShowMultipleLocations {
		view.Locations = locationViews(v.shown, v.Image)
	}
	if first, ok := v.shown.FirstLocation(v.Image); ok && v.shown.Config().ShowImageDirectURL {
		view.DirectURL = v.shown.URLOf(first)
	}
	return view
}

// stores are those that have the image's bytes.
func (v imageView) stores() string {
	ids := make([]string, len(v.Locations))
	for i, l := range v.Locations {
		ids[i] = l.Store
	}
	return strings.Join(ids, ",")
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// known is nil for what is not known.
func known[T any](v T, ok bool) *T {
	if !ok {
		return nil
	}
	return &v
}

func some(s string) *string { return known(s, s != "") }

// createdImage is a new image and where to go with it.
type createdImage struct {
	imageView
	base    string
	stores  []service.Backend
	methods []string // of import
}

// Headers say where the image is and how its bytes may come, and to where.
func (v createdImage) Headers() http.Header {
	ids := make([]string, len(v.stores))
	for i, s := range v.stores {
		ids[i] = s.ID
	}
	h := http.Header{"Location": {v.base + "/v2/images/" + v.ID}, "Openstack-Image-Store-Ids": {strings.Join(ids, ",")}}
	if len(v.methods) > 0 {
		h["Openstack-Image-Import-Methods"] = []string{strings.Join(v.methods, ",")}
	}
	return h
}
