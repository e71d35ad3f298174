package cloud

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/rbd"
	"nacre/internal/glance/blob/s3"
	"nacre/internal/glance/blob/swift"
	"nacre/internal/glance/blob/web"
	"nacre/internal/glance/service"
)

// GlanceOptions are the options of the original's glance-api.conf, by their
// names there.
type GlanceOptions struct {
	service.Config  `yaml:",inline"`
	EnabledBackends []string              `yaml:"enabled_backends"` // each "name:type", in the order in which stores are listed
	DefaultBackend  string                `yaml:"default_backend"`  // where images go that name no store; the first when empty
	Backends        map[string]ImageStore `yaml:"backends"`         // options by the store's name
	KeyManager      KeyManagerOptions     `yaml:"key_manager"`
	NodeStagingURI  string                `yaml:"node_staging_uri"` // where bytes wait for their import: file:///path; StateDir/glance/staging when empty
}

// ImageStore are the options of one store. Those of another type than its own
// are a mistake.
type ImageStore struct {
	Description string          `yaml:"store_description"`
	Weight      int             `yaml:"weight"` // the heaviest of an image's stores is read from
	File        blob.FileConfig `yaml:",inline"`
	Web         web.Config      `yaml:",inline"`
	S3          s3.Config       `yaml:",inline"`
	Swift       swift.Config    `yaml:",inline"`
	RBD         rbd.Config      `yaml:",inline"`
}

// imageStores are the types of stores. Each fills in what keeps or reads bytes.
var imageStores = map[string]func(o ImageStore, b *service.Backend) error{
	"file": func(o ImageStore, b *service.Backend) (err error) { b.Blobs, err = blob.OpenFile(o.File); return err },
	"http": func(o ImageStore, b *service.Backend) (err error) { b.Remote, err = web.New(o.Web); return err },
	"rbd":  func(o ImageStore, b *service.Backend) (err error) { b.Blobs, err = rbd.New(o.RBD); return err },
	"s3":   func(o ImageStore, b *service.Backend) (err error) { b.Blobs, err = s3.New(o.S3); return err },
	"swift": func(o ImageStore, b *service.Backend) (err error) {
		b.Blobs, err = swift.New(o.Swift)
		return err
	},
}

// absentStores are types of stores of the original that are not there, and why.
var absentStores = map[string]string{
	"cinder":           "images in volumes are not there yet: keep them in files, rbd, s3 or swift",
	"sheepdog":         "the project Sheepdog has ended, and the original dropped its store: keep images in files, rbd, s3 or swift",
	"vmware":           "the original dropped the store of VMware datastores: keep images in files, rbd, s3 or swift",
	"vmware_datastore": "the original dropped the store of VMware datastores: keep images in files, rbd, s3 or swift",
}

// reservedStore begins the names of stores that are the service's own.
const reservedStore = "os_glance_"

// stores lists the enabled ones, the default one first.
func (o GlanceOptions) stores() (names []string, types map[string]string, err error) {
	types = map[string]string{}
	var errs []error
	for _, text := range o.EnabledBackends {
		name, kind, _ := strings.Cut(text, ":")
		name, kind = strings.TrimSpace(name), strings.TrimSpace(kind)
		_, twice := types[name]
		switch {
		case name == "" || kind == "" || strings.ContainsAny(name, ", /"):
			errs = append(errs, fmt.Errorf("enabled_backends: %q is no store's name and type, as fast:file is", text))
		case strings.HasPrefix(name, reservedStore):
			errs = append(errs, fmt.Errorf("enabled_backends: names that begin with %s are the service's own: %s", reservedStore, name))
		case twice:
			errs = append(errs, fmt.Errorf("enabled_backends: %s is there twice", name))
		case absentStores[kind] != "":
			errs = append(errs, fmt.Errorf("enabled_backends: %s: %s", name, absentStores[kind]))
		case imageStores[kind] == nil:
			errs = append(errs, fmt.Errorf("enabled_backends: %q is none of the types %s", kind, strings.Join(slices.Sorted(maps.Keys(imageStores)), ", ")))
		default:
			errs = append(errs, o.Backends[name].onlyOf(name, kind))
		}
		names, types[name] = append(names, name), kind
	}
	for _, name := range slices.Sorted(maps.Keys(o.Backends)) {
		if _, ok := types[name]; !ok {
			errs = append(errs, fmt.Errorf("backends: %s is not in enabled_backends", name))
		}
	}
	if o.DefaultBackend != "" && types[o.DefaultBackend] == "" {
		errs = append(errs, fmt.Errorf("default_backend: %q is not in enabled_backends", o.DefaultBackend))
	} else if i := slices.Index(names, o.DefaultBackend); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, o.DefaultBackend)
	}
	if len(names) > 0 && types[names[0]] == "http" {
		errs = append(errs, errors.New("default_backend: nothing can be uploaded to a store of the type http"))
	}
	return names, types, errors.Join(errs...)
}

// onlyOf reports options that belong to another type of store.
func (i ImageStore) onlyOf(name, kind string) error {
	var errs []error
	for other, options := range map[string]any{"file": i.File, "http": i.Web, "rbd": i.RBD, "s3": i.S3, "swift": i.Swift} {
		if other != kind && !reflect.ValueOf(options).IsZero() {
			errs = append(errs, fmt.Errorf("backends: %s is a store of the type %s and has options of %s", name, kind, other))
		}
	}
	return errors.Join(errs...)
}

// check reports every mistake that can be seen without opening a store.
func (o GlanceOptions) check() error {
	_, _, err := o.stores()
	if err := errors.Join(o.Config.Check(), err, o.checkStaging(), o.KeyManager.check()); err != nil {
		return fmt.Errorf("glance: %w", err)
	}
	return nil
}

// open opens the stores; without any enabled, files in dir.
func (o GlanceOptions) open(dir string) ([]service.Backend, error) {
	names, types, err := o.stores()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		files, err := blob.NewFile(dir)
		return []service.Backend{{ID: "file", Description: "Files of this host", Blobs: files}}, err
	}
	var backends []service.Backend
	for _, name := range names {
		options := o.Backends[name]
		if f := &options.File; types[name] == "file" && f.Datadir == "" && len(f.Datadirs) == 0 {
			f.Datadir = dir
		}
		b := service.Backend{ID: name, Description: options.Description, Weight: options.Weight}
		if err := imageStores[types[name]](options, &b); err != nil {
			return nil, fmt.Errorf("glance: store %s: %w", name, err)
		}
		backends = append(backends, b)
	}
	return backends, nil
}
