package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) dataRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "PUT", Path: "/images/{image_id}/file", Status: 204, RawBody: true,
			Rule: policy.Rule{Name: "upload_image", Check: ownImage, Scope: scope},
			Do:   httpapi.OnRaw(a.svc.Image, a.upload)},
		{Method: "GET", Path: "/images/{image_id}/file", Status: 200,
			Rule: policy.Rule{Name: "download_image", Check: "rule:context_is_admin or (role:member and " + seenImage + ")", Scope: scope},
			Do:   httpapi.OnRaw(a.svc.Image, a.download)},
	}
}

func (a *API) upload(c *httpapi.Call, img glance.Image, w http.ResponseWriter) error {
	return a.receive(c, img, w, a.svc.Upload)
}

// receive hands the bytes of a request to whoever takes them.
func (a *API) receive(c *httpapi.Call, img glance.Image, w http.ResponseWriter, take func(ctx context.Context, id string, data service.Data) error) error {
	data, err := dataOf(c)
	if err != nil {
		return err
	}
	idle := a.watch(w)
	defer idle.stop()
	data.Body = idle.reader(data.Body)
	if err := take(c.Ctx(), img.ID, data); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) download(c *httpapi.Call, img glance.Image, w http.ResponseWriter) error {
	if img.Status == glance.Deactivated && !c.Caller.Admin {
		return fault.Forbidden("The requested image has been deactivated. Image data download is forbidden.")
	}
	prefer, err := a.preferred(c, img)
	if err != nil {
		return err
	}
	if !img.HasData() {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	part, err := partOf(c.R.Header, img.Size)
	if err != nil {
		return err
	}
	r, err := a.svc.Open(c.Ctx(), img, prefer, part.from)
	if errors.Is(err, service.ErrNoData) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	} else if err != nil {
		return err
	}
	defer r.Close()
	return part.send(w, r, img, a.watch(w))
}

// preferred are the stores that the client would rather read from.
func (a *API) preferred(c *httpapi.Call, img glance.Image) ([]string, error) {
	prefer := strings.FieldsFunc(c.Query.Get("prefer"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(prefer) == 0 {
		return nil, nil
	}
	if err := enforce(c, "download_from_store", img.PolicyTarget()); err != nil {
		return nil, err
	}
	for _, id := range prefer {
		if !slices.ContainsFunc(a.svc.Backends(), func(b service.Backend) bool { return b.ID == id }) {
			return nil, fault.BadRequest("Store '%s' is not configured.", id)
		}
	}
	return prefer, nil
}

// part is the piece of an image that a client wants: bytes [from, to).
type part struct {
	from, to int64
	whole    bool
}

var (
	rangeForm        = regexp.MustCompile(`(?i)^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$`)
	contentRangeForm = regexp.MustCompile(`^bytes (\d+)-(\d+)/(\d+|\*)$`)
)

// partOf reads Range or, as old clients send it, Content-Range.
func partOf(h http.Header, size int64) (part, error) {
	if text := h.Get("Range"); text != "" {
		return rangeOf(text, size)
	}
	if text := h.Get("Content-Range"); text != "" {
		return contentRangeOf(text, size)
	}
	return part{to: size, whole: true}, nil
}

func rangeOf(text string, size int64) (part, error) {
	if strings.Contains(text, ",") {
		return part{}, fault.BadRequest("Requests with multiple ranges are not supported in Glance. " +
			"You may make multiple single-range requests instead.")
	}
	m := rangeForm.FindStringSubmatch(text)
	if m == nil || m[1] == "" && m[2] == "" {
		return part{}, badRange("Invalid Range header.")
	}
	first, errFirst := strconv.ParseInt("0"+m[1], 10, 64)
	end, errLast := strconv.ParseInt("0"+m[2], 10, 64)
	if errFirst != nil || errLast != nil || m[1] != "" && m[2] != "" && first > end {
		return part{}, badRange("Invalid Range header.")
	}
	p := part{from: first, to: size}
	switch {
	case m[1] == "":
		p.from = max(0, size-end)
	case first >= size:
		return part{}, badRange(fmt.Sprintf("Invalid start position in Range header. "+
			"Start position MUST be in the inclusive range [0, %d].", size-1))
	case m[2] != "":
		p.to = min(size, end+1)
	}
	return p, nil
}

func contentRangeOf(text string, size int64) (part, error) {
	m := contentRangeForm.FindStringSubmatch(text)
	if m == nil {
		return part{}, badRange("Invalid Content-Range header.")
	}
	first, errFirst := strconv.ParseInt(m[1], 10, 64)
	end, errLast := strconv.ParseInt(m[2], 10, 64)
	switch {
	case errFirst != nil || errLast != nil || first > end:
		return part{}, badRange("Invalid Content-Range header.")
	case end >= size:
		return part{}, badRange(fmt.Sprintf("Invalid stop position in Content-Range header. "+
			"The stop position MUST be in the inclusive range [0, %d].", size-1))
	}
	return part{from: first, to: end + 1}, nil
}

func badRange(why string) *fault.Fault {
	f := fault.New(http.StatusRequestedRangeNotSatisfiable, "The Range requested is not available.")
	f.Detail = why
	return f
}

// sendBuffer is how many bytes of an image are read at a time.
const sendBuffer = 256 << 10

func (p part) send(w http.ResponseWriter, r io.Reader, img glance.Image, idle patience) error {
	h, status := w.Header(), http.StatusOK
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(p.to-p.from, 10))
	if img.Checksum != "" {
		h["Content-MD5"] = []string{img.Checksum}
	}
	if !p.whole {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", p.from, p.to-1, img.Size))
	}
	w.WriteHeader(status)
	defer idle.stop()
	n, err := idle.send(w, r, p.to-p.from)
	if err == io.EOF {
		err = fmt.Errorf("image %s ends after %d bytes: %w", img.ID, p.from+n, io.ErrUnexpectedEOF)
	}
	return err
}
