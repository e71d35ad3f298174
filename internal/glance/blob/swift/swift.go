// Package swift keeps images in a container of OpenStack Object Storage, one
// large object per image, named by its ID.
//
// The bytes stream into segments "image.upload-00001" of the same container.
// Commit writes the manifest that makes one object of them, for which Swift
// checks that all are there, and that there was none before. The manifest's
// content type names the upload, so that a listing tells whose each segment is.
package swift

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ncw/swift/v2"

	"nacre/internal/glance/blob"
	"nacre/internal/oslo/httpclient"
)

// Config are the options of a store of that kind, under the original's names:
// one account of Swift has all images.
type Config struct {
	AuthVersion   int    `yaml:"swift_store_auth_version"` // 1, 2 or 3, which is 0 too
	AuthAddress   string `yaml:"swift_store_auth_address"`
	User          string `yaml:"swift_store_user"` // "project:user"; "account:user" for version 1
	Key           string `yaml:"swift_store_key"`
	UserDomain    string `yaml:"swift_store_user_domain_name"`    // "Default" when empty
	ProjectDomain string `yaml:"swift_store_project_domain_name"` // "Default" when empty

	ApplicationCredentialID     string `yaml:"swift_store_application_credential_id"` // instead of user and key
	ApplicationCredentialSecret string `yaml:"swift_store_application_credential_secret"`

	Region          string `yaml:"swift_store_region"`
	EndpointType    string `yaml:"swift_store_endpoint_type"` // publicURL, internalURL or adminURL
	Endpoint        string `yaml:"swift_store_endpoint"`      // with the account, instead of the catalogue's
	Container       string `yaml:"swift_store_container"`     // "glance" when empty
	CreateContainer bool   `yaml:"swift_store_create_container_on_put"`
	ChunkSize       int64  `yaml:"swift_store_large_object_chunk_size"` // MiB of a segment; 200 when 0
	CACert          string `yaml:"swift_store_cacert"`                  // file of authorities instead of the system's
}

// Check completes what is left out and reports every mistake.
func (c *Config) Check() error {
	var errs []error
	if c.AuthVersion == 0 {
		c.AuthVersion = 3
	}
	if c.AuthVersion < 1 || c.AuthVersion > 3 {
		errs = append(errs, fmt.Errorf("swift_store_auth_version: %d is none of 1, 2, 3", c.AuthVersion))
	}
	if c.AuthAddress == "" {
		errs = append(errs, errors.New("swift_store_auth_address is needed"))
	}
	switch {
	case c.ApplicationCredentialID != "" && c.ApplicationCredentialSecret != "" && c.AuthVersion == 3 && c.User == "":
	case c.ApplicationCredentialID != "" || c.ApplicationCredentialSecret != "":
		errs = append(errs, errors.New("swift_store_application_credential_id goes with its secret, version 3 and no swift_store_user"))
	case c.Key == "" || !strings.Contains(c.User, ":"):
		errs = append(errs, errors.New("swift_store_user, as project:user, and swift_store_key are needed"))
	}
	if c.EndpointType == "" {
		c.EndpointType = "publicURL"
	}
	if _, ok := endpoints[c.EndpointType]; !ok {
		errs = append(errs, fmt.Errorf("swift_store_endpoint_type: %q is none of publicURL, internalURL, adminURL", c.EndpointType))
	}
	for _, option := range []struct {
		value *string
		or    string
	}{{&c.Container, "glance"}, {&c.UserDomain, "Default"}, {&c.ProjectDomain, "Default"}} {
		if *option.value == "" {
			*option.value = option.or
		}
	}
	if c.ChunkSize == 0 {
		c.ChunkSize = 200
	}
	if c.ChunkSize < 1 || c.ChunkSize > 5<<10 {
		errs = append(errs, errors.New("swift_store_large_object_chunk_size is not within 1 and 5120 MiB"))
	}
	if strings.ContainsAny(c.Container, "/?") {
		errs = append(errs, fmt.Errorf("swift_store_container: %q is no container's name", c.Container))
	}
	return errors.Join(errs...)
}

var endpoints = map[string]swift.EndpointType{"publicURL": swift.EndpointTypePublic, "internalURL": swift.EndpointTypeInternal,
	"adminURL": swift.EndpointTypeAdmin}

// Store is a container.
type Store struct {
	Config
	conn *swift.Connection
}

// idle ends an exchange with Swift in which nothing moves.
const idle = 5 * time.Minute

// New makes a client. The server is not asked before it is needed.
func New(c Config) (*Store, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	hc := httpclient.Config{AllowedNetworks: httpclient.Everywhere, IdleTimeout: idle}
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, fmt.Errorf("swift_store_cacert: %w", err)
		}
		hc.RootCAs = x509.NewCertPool()
		hc.RootCAs.AppendCertsFromPEM(pem)
	}
	client, err := httpclient.New(hc)
	if err != nil {
		return nil, err
	}
	conn := &swift.Connection{AuthUrl: c.AuthAddress, AuthVersion: c.AuthVersion, UserName: c.User, ApiKey: c.Key, Region: c.Region,
		EndpointType: endpoints[c.EndpointType], StorageUrl: c.Endpoint, Transport: transport{client.Transport}, ConnectTimeout: idle, Timeout: idle,
		ApplicationCredentialId: c.ApplicationCredentialID, ApplicationCredentialSecret: c.ApplicationCredentialSecret}
	if c.AuthVersion > 1 {
		conn.Tenant, conn.UserName, _ = strings.Cut(c.User, ":")
		conn.Domain, conn.TenantDomain = c.UserDomain, c.ProjectDomain
	}
	return &Store{Config: c, conn: conn}, nil
}

// transport ends a connection after a HEAD. To one that it refuses, as when a token
// was revoked, Swift sends the end of a body that there must not be, and the next
// request on that connection, an upload, would break.
type transport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodHead {
		r = r.Clone(r.Context())
		r.Close = true
	}
	return t.RoundTripper.RoundTrip(r)
}

// Info implements blob.Store.
func (s *Store) Info() blob.Info {
	return blob.Info{Type: "swift", Properties: map[string]any{"container": s.Container, "large_object_size": s.ChunkSize,
		"large_object_chunk_size": s.ChunkSize}}
}

// URL implements blob.Store.
func (s *Store) URL(image string) string { return "swift+config://ref1/" + s.Container + "/" + image }

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, image string, offset int64) (io.ReadCloser, error) {
	if err := blob.Valid(image); err != nil {
		return nil, err
	}
	h := swift.Headers{}
	if offset > 0 {
		h["Range"] = "bytes=" + strconv.FormatInt(offset, 10) + "-"
	}
	file, _, err := s.conn.ObjectOpen(ctx, s.Container, image, false, h)
	if err != nil {
		return nil, kindOf(err)
	}
	return file, nil
}

// Size implements blob.Store.
func (s *Store) Size(ctx context.Context, image string) (int64, error) {
	if err := blob.Valid(image); err != nil {
		return 0, err
	}
	o, _, err := s.conn.Object(ctx, s.Container, image)
	return o.Bytes, kindOf(err)
}

// uploadOf is the upload that made an object, by its content type.
func uploadOf(contentType string) string {
	_, params, _ := mime.ParseMediaType(contentType)
	return params["upload"]
}

func contentType(upload string) string { return "application/octet-stream;upload=" + upload }

// Delete implements blob.Store. The manifest goes first: segments without one
// are a dead upload's.
func (s *Store) Delete(ctx context.Context, image string) error {
	if err := blob.Valid(image); err != nil {
		return err
	}
	o, _, err := s.conn.Object(ctx, s.Container, image)
	if err == nil {
		err = s.conn.ObjectDelete(ctx, s.Container, image)
	}
	if errors.Is(err, swift.ObjectNotFound) || errors.Is(err, swift.ContainerNotFound) {
		return nil
	} else if err != nil {
		return kindOf(err)
	}
	if upload := uploadOf(o.ContentType); upload != "" {
		return s.removeSegments(ctx, image, upload)
	}
	return nil
}

// Discard implements blob.Store.
func (s *Store) Discard(ctx context.Context, image, upload string) error {
	if err := blob.Valid(image, upload); err != nil {
		return err
	}
	o, _, err := s.conn.Object(ctx, s.Container, image)
	if err != nil && !errors.Is(err, swift.ObjectNotFound) && !errors.Is(err, swift.ContainerNotFound) {
		return kindOf(err)
	}
	if err == nil && uploadOf(o.ContentType) == upload {
		return nil // they are the object's
	}
	return s.removeSegments(ctx, image, upload)
}

func (s *Store) removeSegments(ctx context.Context, image, upload string) error {
	names, err := s.conn.ObjectNamesAll(ctx, s.Container, &swift.ObjectsOpts{Prefix: image + "." + upload + "-"})
	if errors.Is(err, swift.ContainerNotFound) {
		return nil
	}
	for _, name := range names {
		if derr := s.conn.ObjectDelete(ctx, s.Container, name); !errors.Is(derr, swift.ObjectNotFound) {
			err = errors.Join(err, derr)
		}
	}
	return kindOf(err)
}

// Objects implements blob.Store. A name sorts before what only begins with it,
// so an object comes before its segments.
func (s *Store) Objects(ctx context.Context, each func(blob.Object) error) error {
	var last blob.Object   // that each was called with
	var whole swift.Object // the last object seen
	err := s.conn.ObjectsWalk(ctx, s.Container, nil, func(ctx context.Context, opts *swift.ObjectsOpts) (any, error) {
		page, err := s.conn.Objects(ctx, s.Container, opts)
		for _, o := range page {
			name, _, _ := cutLast(o.Name, "-", isNumber)
			image, upload, ok := blob.Split(name)
			found := blob.Object{Image: image, Upload: upload, Size: o.Bytes, Modified: o.LastModified}
			if upload == "" {
				whole = o
			}
			owned := upload != "" && whole.Name == image && uploadOf(whole.ContentType) == upload
			if !ok || owned || upload != "" && last.Image == image && last.Upload == upload {
				continue
			}
			last = found
			if err := each(found); err != nil {
				return page, err
			}
		}
		return page, err
	})
	if errors.Is(err, swift.ContainerNotFound) {
		return nil
	}
	return err
}

// cutLast cuts at the last sep if what follows is as it should be.
func cutLast(text, sep string, is func(string) bool) (before, after string, ok bool) {
	if i := strings.LastIndex(text, sep); i >= 0 && is(text[i+1:]) && strings.Contains(text[:i], ".") {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

func isNumber(text string) bool { return len(text) == 5 && strings.Trim(text, "0123456789") == "" }

// kindOf maps what Swift says to an error of package blob.
func kindOf(err error) error {
	var said *swift.Error
	if !errors.As(err, &said) {
		return err
	}
	kind := errors.New("swift")
	switch {
	case errors.Is(err, swift.ObjectNotFound) || errors.Is(err, swift.ContainerNotFound):
		kind = blob.ErrNotFound
	case said.StatusCode == http.StatusRequestEntityTooLarge || said.StatusCode == http.StatusInsufficientStorage:
		kind = blob.ErrFull // the account's or the container's quota
	case said.StatusCode == http.StatusForbidden || errors.Is(err, swift.AuthorizationFailed):
		kind = blob.ErrDenied
	case said.StatusCode == http.StatusPreconditionFailed:
		kind = blob.ErrExists
	}
	return fmt.Errorf("%w: %w", kind, err)
}
