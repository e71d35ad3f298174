// Package s3 keeps images in a bucket of Amazon S3 or of what speaks like it,
// one object per image, named by its ID.
//
// An upload is a multipart upload of the object itself, which S3 shows when it
// is completed, at once. Beside it stands a small object "image.upload" that
// holds S3's own ID of the upload, so that whoever finds it can end what a dead
// process began. Memory is bounded: ThreadPools parts at most are on their way.
package s3

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"nacre/internal/glance/blob"
	"nacre/internal/oslo/httpclient"
)

// Config are the options of a store of that kind, under the original's names.
type Config struct {
	Host            string `yaml:"s3_store_host"` // "https://s3.example.org"; without a scheme it is https
	Region          string `yaml:"s3_store_region_name"`
	AccessKey       string `yaml:"s3_store_access_key"`
	SecretKey       string `yaml:"s3_store_secret_key"`
	Bucket          string `yaml:"s3_store_bucket"`
	CreateBucket    bool   `yaml:"s3_store_create_bucket_on_put"`
	BucketURLFormat string `yaml:"s3_store_bucket_url_format"`       // auto, virtual or path
	ChunkSize       int64  `yaml:"s3_store_large_object_chunk_size"` // MiB of a part, 5 at least; 10 when 0
	ThreadPools     int    `yaml:"s3_store_thread_pools"`            // parts of one upload on their way at once; 4 when 0
	CACert          string `yaml:"s3_store_cacert"`                  // file of authorities instead of the system's
}

// Check completes what is left out and reports every mistake.
func (c *Config) Check() error {
	var errs []error
	for name, value := range map[string]string{"s3_store_host": c.Host, "s3_store_access_key": c.AccessKey,
		"s3_store_secret_key": c.SecretKey, "s3_store_bucket": c.Bucket} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is needed", name))
		}
	}
	if c.ChunkSize == 0 {
		c.ChunkSize = 10
	}
	if c.ThreadPools == 0 {
		c.ThreadPools = 4
	}
	if c.BucketURLFormat == "" {
		c.BucketURLFormat = "auto"
	}
	if c.ChunkSize < 5 || c.ThreadPools < 1 {
		errs = append(errs, errors.New("s3_store_large_object_chunk_size is less than 5 MiB or s3_store_thread_pools less than 1"))
	}
	if _, ok := lookups[c.BucketURLFormat]; !ok {
		errs = append(errs, fmt.Errorf("s3_store_bucket_url_format: %q is none of auto, virtual, path", c.BucketURLFormat))
	}
	return errors.Join(errs...)
}

var lookups = map[string]minio.BucketLookupType{"auto": minio.BucketLookupAuto, "virtual": minio.BucketLookupDNS, "path": minio.BucketLookupPath}

// Store is a bucket.
type Store struct {
	Config
	core   minio.Core
	scheme string // of URLs: "s3" or "s3+https"
	host   string
}

// New makes a client. The server is not asked before it is needed.
func New(c Config) (*Store, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	host, plain := strings.CutPrefix(c.Host, "http://")
	host = strings.Trim(strings.TrimPrefix(host, "https://"), "/")
	// Completing a large object is silent for long.
	hc := httpclient.Config{AllowedNetworks: httpclient.Everywhere, IdleTimeout: 5 * time.Minute}
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, fmt.Errorf("s3_store_cacert: %w", err)
		}
		hc.RootCAs = x509.NewCertPool()
		hc.RootCAs.AppendCertsFromPEM(pem)
	}
	client, err := httpclient.New(hc)
	if err != nil {
		return nil, err
	}
	core, err := minio.NewCore(host, &minio.Options{Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure: !plain, Region: c.Region, BucketLookup: lookups[c.BucketURLFormat], Transport: client.Transport})
	if err != nil {
		return nil, fmt.Errorf("s3_store_host: %w", err)
	}
	s := &Store{Config: c, core: *core, scheme: "s3+https", host: host}
	if plain {
		s.scheme = "s3"
	}
	return s, nil
}

// Info implements blob.Store.
func (s *Store) Info() blob.Info {
	return blob.Info{Type: "s3", Properties: map[string]any{"s3_store_large_object_size": 0,
		"s3_store_large_object_chunk_size": s.ChunkSize, "s3_store_thread_pools": s.ThreadPools}}
}

// URL implements blob.Store.
func (s *Store) URL(image string) string {
	return s.scheme + "://" + s.host + "/" + s.Bucket + "/" + image
}

// marker is the object that tells of an upload.
func marker(image, upload string) string { return image + "." + upload }

// Create implements blob.Store.
func (s *Store) Create(ctx context.Context, image, upload string, size int64) (blob.Writer, error) {
	if err := blob.Valid(image, upload); err != nil {
		return nil, err
	}
	id, err := s.core.NewMultipartUpload(ctx, s.Bucket, image, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	if is(err, "NoSuchBucket") && s.CreateBucket {
		if err = s.makeBucket(ctx); err == nil {
			id, err = s.core.NewMultipartUpload(ctx, s.Bucket, image, minio.PutObjectOptions{ContentType: "application/octet-stream"})
		}
	}
	if err != nil {
		return nil, kindOf(err)
	}
	w := s.newWriter(ctx, image, upload, id, size)
	if err := s.put(ctx, marker(image, upload), id); err != nil {
		return nil, errors.Join(kindOf(err), w.Abort())
	}
	return w, nil
}

func (s *Store) makeBucket(ctx context.Context) error {
	err := s.core.MakeBucket(ctx, s.Bucket, minio.MakeBucketOptions{Region: s.Region})
	if is(err, "BucketAlreadyOwnedByYou") {
		return nil
	}
	return err
}

// put writes a small object.
func (s *Store) put(ctx context.Context, key, text string) error {
	_, err := s.core.PutObject(ctx, s.Bucket, key, strings.NewReader(text), int64(len(text)), "", s.signed([]byte(text)),
		minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true})
	return err
}

// signed is the hash that a request signs of its body: under TLS there is no
// need for one, and without it not every server takes a body signed in pieces.
func (s *Store) signed(body []byte) string {
	if s.scheme != "s3" {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, image string, offset int64) (io.ReadCloser, error) {
	if err := blob.Valid(image); err != nil {
		return nil, err
	}
	var o minio.GetObjectOptions
	if offset > 0 {
		if err := o.SetRange(offset, 0); err != nil {
			return nil, err
		}
	}
	body, _, _, err := s.core.GetObject(ctx, s.Bucket, image, o)
	return body, kindOf(err)
}

// Size implements blob.Store.
func (s *Store) Size(ctx context.Context, image string) (int64, error) {
	if err := blob.Valid(image); err != nil {
		return 0, err
	}
	o, err := s.core.StatObject(ctx, s.Bucket, image, minio.StatObjectOptions{})
	return o.Size, kindOf(err)
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, image string) error {
	if err := blob.Valid(image); err != nil {
		return err
	}
	return s.remove(ctx, image)
}

func (s *Store) remove(ctx context.Context, key string) error {
	err := s.core.RemoveObject(ctx, s.Bucket, key, minio.RemoveObjectOptions{})
	if is(err, "NoSuchKey") || is(err, "NoSuchBucket") {
		return nil
	}
	return kindOf(err)
}

// Discard implements blob.Store.
func (s *Store) Discard(ctx context.Context, image, upload string) error {
	if err := blob.Valid(image, upload); err != nil {
		return err
	}
	body, _, _, err := s.core.GetObject(ctx, s.Bucket, marker(image, upload), minio.GetObjectOptions{})
	if errors.Is(kindOf(err), blob.ErrNotFound) {
		return nil
	} else if err != nil {
		return kindOf(err)
	}
	id, err := io.ReadAll(io.LimitReader(body, 4096))
	body.Close()
	if err != nil {
		return kindOf(err)
	}
	return s.forget(ctx, image, upload, string(id))
}

// forget ends a multipart upload, then removes what told of it.
func (s *Store) forget(ctx context.Context, image, upload, id string) error {
	if err := s.core.AbortMultipartUpload(ctx, s.Bucket, image, id); err != nil && !is(err, "NoSuchUpload") {
		return kindOf(err)
	}
	return s.remove(ctx, marker(image, upload))
}

// Objects implements blob.Store.
func (s *Store) Objects(ctx context.Context, each func(blob.Object) error) error {
	ctx, stop := context.WithCancel(ctx) // ends the listing
	defer stop()
	for o := range s.core.Client.ListObjects(ctx, s.Bucket, minio.ListObjectsOptions{}) {
		if is(o.Err, "NoSuchBucket") {
			return nil
		} else if o.Err != nil {
			return kindOf(o.Err)
		}
		image, upload, ok := blob.Split(o.Key)
		if !ok {
			continue
		}
		if err := each(blob.Object{Image: image, Upload: upload, Size: o.Size, Modified: o.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// is reports whether S3 answered with that code.
func is(err error, code string) bool { return err != nil && minio.ToErrorResponse(err).Code == code }

// kindOf maps what S3 says to an error of package blob.
func kindOf(err error) error {
	if err == nil {
		return nil
	}
	said := minio.ToErrorResponse(err)
	kind := errors.New("s3")
	switch {
	case said.Code == "NoSuchKey" || said.Code == "NoSuchBucket" && said.StatusCode == http.StatusNotFound:
		kind = blob.ErrNotFound
	case said.StatusCode == http.StatusInsufficientStorage || said.Code == "QuotaExceeded" || said.Code == "XMinioStorageFull":
		kind = blob.ErrFull
	case said.StatusCode == http.StatusForbidden:
		kind = blob.ErrDenied
	}
	return fmt.Errorf("%w: %w", kind, err)
}
