package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/httpclient"
)

// StagingStore is the name of the staging area.
const StagingStore = "os_glance_staging_store"

// areas are the parts of the staging area: what came, then what each plugin
// made of it. Each has its own directory, so that a plugin that is run again
// finds its input as it was.
const areas = 1 + maxPlugins

// openStaging opens the staging area in dir.
func openStaging(dir string) (out []*blob.File, err error) {
	for i := range areas {
		path := dir
		if i > 0 {
			path = filepath.Join(dir, fmt.Sprintf("plugin_%d", i))
		}
		f, err := blob.NewFile(path)
		if err != nil {
			return nil, fmt.Errorf("glance: node_staging_uri: %w", err)
		}
		out = append(out, f)
	}
	return out, nil
}

// attempt is the upload ID of a task under a lease: another for each owner, so
// that two never write to the same file.
func attempt(taskID string, fence int64) string { return fmt.Sprintf("%s%012x", taskID[:24], fence) }

// discard removes what the last owners of a flow left unfinished in a store.
func discard(ctx context.Context, st *imageImport, b blob.Store) error {
	fence := flow.Fence(ctx)
	for f := fence; f > max(0, fence-8); f-- {
		if err := b.Discard(ctx, st.ImageID, attempt(st.TaskID, f)); err != nil {
			return err
		}
	}
	return nil
}

// importStage brings the bytes into the staging area.
func (s *Service) importStage(ctx context.Context, st *imageImport) error {
	if st.Method == GlanceDirect {
		return s.isStaged(ctx, st)
	}
	img, err := s.store.AnyImage(ctx, st.ImageID)
	if err != nil {
		return err
	}
	if st.Method == GlanceDownload {
		if err := s.copyMetadata(ctx, st); err != nil {
			return importFault(err, st.ImageID)
		}
	}
	src, length, err := s.source(ctx, st, img)
	if err != nil {
		return importFault(err, st.ImageID)
	}
	defer src.Close()
	size, err := s.toArea(ctx, st, img, 0, src, length)
	if err == nil && length != glance.None && size != length {
		err = fault.BadRequest("Task %s failed because downloaded data size %d is different from expected %d", st.TaskID, size, length)
	}
	if err != nil {
		return importFault(err, st.ImageID)
	}
	return s.changeImport(ctx, st.ImageID, flow.Done, func(img *glance.Image) error {
		if st.Method != CopyImage {
			img.Size = size
		}
		return nil
	})
}

// isStaged checks that the bytes that a client staged are there.
func (s *Service) isStaged(ctx context.Context, st *imageImport) error {
	r, err := s.staging[0].Open(ctx, st.ImageID, 0)
	if err != nil {
		return errStaged(err)
	}
	return r.Close()
}

func errStaged(err error) error {
	if errors.Is(err, blob.ErrNotFound) {
		return fault.Conflict("The staged data of the image is not in the staging area of this service.")
	}
	return err
}

// toArea writes src to a part of the staging area and tells its size.
func (s *Service) toArea(ctx context.Context, st *imageImport, img glance.Image, area int, src io.Reader, length int64) (int64, error) {
	limit := s.config.ImageSizeCap
	if st.Method != CopyImage {
		var err error
		if limit, err = s.room(ctx, img.Owner, length); err != nil {
			return 0, err
		}
	}
	to := s.staging[area]
	if err := discard(ctx, st, to); err != nil {
		return 0, err
	}
	if err := to.Delete(ctx, st.ImageID); err != nil {
		return 0, err
	}
	out, err := to.Create(ctx, st.ImageID, attempt(st.TaskID, flow.Fence(ctx)), length)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(out, io.LimitReader(s.watched(ctx, st, StagingStore, src), limit+1))
	if err == nil && size > limit {
		err = s.tooLarge(size, limit)
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return 0, errors.Join(err, out.Abort())
	}
	return size, out.Commit()
}

// source opens what is to be imported. Its length is glance.None if it does not say.
func (s *Service) source(ctx context.Context, st *imageImport, img glance.Image) (io.ReadCloser, int64, error) {
	switch st.Method {
	case CopyImage:
		r, err := s.Open(ctx, img, nil, 0)
		if errors.Is(err, ErrNoData) {
			err = fault.NotFound("Image not found in any configured store")
		}
		return r, img.Size, err
	case GlanceDownload:
		base, err := s.remoteURL(ctx, st)
		if err != nil {
			return nil, 0, err
		}
		return s.fetch(ctx, s.region, base+"/file", st)
	}
	return s.fetch(ctx, s.web, st.URI, nil)
}

// fetch opens a URL, with the token of an import's caller if one is given.
func (s *Service) fetch(ctx context.Context, client *http.Client, uri string, as *imageImport) (io.ReadCloser, int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, 0, fault.BadRequest("URI for web-download does not pass filtering: %s", uri)
	}
	if as != nil {
		token, err := s.token(ctx, as)
		if err != nil {
			return nil, 0, err
		}
		r.Header.Set("X-Auth-Token", token)
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, 0, fetchFault(uri, err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, 0, fault.BadRequest("HTTP Error %d: %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	return worded{res.Body, uri}, res.ContentLength, nil
}

// worded is a body whose errors a task can tell.
type worded struct {
	io.ReadCloser
	uri string
}

// Read implements io.Reader.
func (w worded) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fetchFault(w.uri, err)
	}
	return n, err
}

// fetchFault words what kept a URL from being read. What the network says of
// addresses is for the operator: a tenant could map the cloud by it.
func fetchFault(uri string, err error) error {
	var refused *httpclient.Refused
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, flow.ErrLost):
		return err
	case errors.As(err, &refused):
		return fault.BadRequest("URI for web-download does not pass filtering: %s", uri).Cause(err)
	case errors.Is(err, httpclient.ErrIdle):
		return fault.BadRequest("The server of %s has stopped sending.", uri).Cause(err)
	}
	return fault.BadRequest("%s could not be read.", uri).Cause(err)
}

// remoteURL is the image of glance-download, by the catalogue.
func (s *Service) remoteURL(ctx context.Context, st *imageImport) (string, error) {
	endpoint, err := s.identity.Endpoint(ctx, st.Remote.Region, st.Remote.Interface)
	if err != nil {
		return "", err
	}
	if endpoint == "" {
		return "", fault.NotFound("%s glance endpoint not found for region %s", st.Remote.Interface, st.Remote.Region)
	}
	base := strings.TrimSuffix(endpoint, "/") + "/v2/images/" + url.PathEscape(st.Remote.ImageID)
	if !s.config.ImportFiltering.Passes(base) {
		return "", fault.BadRequest("Processed URI for glance-download does not pass filtering: %s/file", base)
	}
	return base, nil
}

// maxMetadata bounds what another region says of an image, in bytes.
const maxMetadata = 4 << 20

// copyMetadata gives the image the formats and the properties of the one that
// glance-download is about.
func (s *Service) copyMetadata(ctx context.Context, st *imageImport) error {
	base, err := s.remoteURL(ctx, st)
	if err != nil {
		return err
	}
	body, _, err := s.fetch(ctx, s.region, base, st)
	if err != nil {
		return err
	}
	defer body.Close()
	var remote map[string]any
	if err := json.NewDecoder(io.LimitReader(body, maxMetadata)).Decode(&remote); err != nil {
		return fault.BadRequest("%s is no image.", base).Cause(err)
	}
	if status := remote["status"]; status != string(glance.Active) {
		return fault.BadRequest("Source image status should be active instead of %v", status)
	}
	disk, _ := remote["disk_format"].(string)
	container, _ := remote["container_format"].(string)
	return s.changeImport(ctx, st.ImageID, flow.Guard, func(img *glance.Image) error {
		img.DiskFormat, img.ContainerFormat = disk, container
		for name, v := range remote {
			text, ok := v.(string)
			if !ok || !s.carriesOver(name) {
				continue
			}
			if err := s.mayWrite(ctx, img, name); err != nil {
				return err
			}
			st.setProperty(img, name, text)
		}
		return nil
	})
}

// carriesOver reports whether glance-download takes a property along.
func (s *Service) carriesOver(name string) bool {
	if strings.HasPrefix(name, glance.ReservedNamespace) || setters[name] != nil {
		return false
	}
	for _, prefix := range s.config.GlanceDownload.ExtraProperties {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// importUnstage empties the staging area of the image.
func (s *Service) importUnstage(ctx context.Context, st *imageImport) error {
	for _, area := range s.staging {
		if err := discard(ctx, st, area); err != nil {
			return err
		}
		if err := area.Delete(ctx, st.ImageID); err != nil {
			return err
		}
	}
	s.forget(ctx, st)
	s.progress.end(st.ImageID)
	return nil
}
