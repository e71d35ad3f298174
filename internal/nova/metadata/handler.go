package metadata

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"

	"nacre/internal/oslo/fault"
)

// Source is where the handler finds instances. Its methods answer a 404 fault for an instance there is not.
type Source interface {
	// MetadataInstance need not fill in SecurityGroups.
	MetadataInstance(ctx context.Context, id string) (Instance, error)
	// SecurityGroupNames is asked for what the EC2 tree alone tells.
	SecurityGroupNames(ctx context.Context, id string) ([]string, error)
	SetServerPassword(ctx context.Context, id, password string) error
}

// Handler answers requests that the networking service's proxies forward. They name the instance in X-Instance-ID and
// prove with X-Instance-ID-Signature, an HMAC-SHA256 of that id under Secret, that they and not the guest did so.
type Handler struct {
	Source Source
	Secret string
}

// maxPassword is how many bytes a guest may post: four chunks of 255.
const maxPassword = 4 * 255

const (
	textPlain = "text/plain; charset=UTF-8"
	textHTML  = "text/html; charset=UTF-8"
	asJSON    = "application/json"
)

// ServeHTTP answers one request of a guest.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path.Clean("/"+r.URL.Path) == "/" {
		write(w, textPlain, listing(EC2Versions))
		return
	}
	i, err := h.instance(r)
	if err == nil {
		err = h.answer(w, r, i)
	}
	if err != nil {
		writeFault(w, r, err)
	}
}

// instance finds the instance that a proxy vouches for.
func (h *Handler) instance(r *http.Request) (Instance, error) {
	id, tenant, err := h.proven(r.Header)
	if err != nil {
		return Instance{}, err
	}
	i, err := h.Source.MetadataInstance(r.Context(), id)
	if err != nil {
		return Instance{}, err
	}
	if i.ProjectID != tenant {
		slog.WarnContext(r.Context(), "metadata asked for with another project's id", "server", id, "project", tenant)
		return Instance{}, errNotFound
	}
	if i.RandomSeed == nil {
		i.RandomSeed = make([]byte, 512)
		_, _ = rand.Read(i.RandomSeed)
	}
	return i, nil
}

// proven reads the proxy's headers and checks its signature.
func (h *Handler) proven(header http.Header) (id, tenant string, err error) {
	for _, name := range []string{"X-Instance-ID", "X-Instance-ID-Signature", "X-Tenant-ID"} {
		switch len(header.Values(name)) {
		case 0:
			return "", "", fault.BadRequest("%s header is missing from request.", name)
		case 1:
		default:
			return "", "", fault.BadRequest("Multiple %s headers found within request.", name)
		}
	}
	id, tenant = header.Get("X-Instance-ID"), header.Get("X-Tenant-ID")
	if h.Secret == "" || !hmac.Equal([]byte(Sign(h.Secret, id)), []byte(header.Get("X-Instance-ID-Signature"))) {
		return "", "", fault.Forbidden("Invalid proxy request signature.")
	}
	return id, tenant, nil
}

// Sign is what a proxy sends in X-Instance-ID-Signature.
func Sign(secret, instanceID string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(instanceID))
	return hex.EncodeToString(mac.Sum(nil))
}

var errNotFound = fault.NotFound("The resource could not be found.")

// answer sends what lies at the request's path.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, i Instance) error {
	parts := strings.Split(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"), "/")
	if parts[0] != "openstack" {
		if parts[0] == "ec2" {
			parts = parts[1:]
		}
		return h.answerEC2(w, r, i, parts)
	}
	return h.answerOpenStack(w, r, i, parts[1:])
}

func (h *Handler) answerEC2(w http.ResponseWriter, r *http.Request, i Instance, parts []string) (err error) {
	if len(parts) == 0 {
		write(w, textPlain, listing(EC2Versions))
		return nil
	}
	if parts[len(parts)-1] == "security-groups" {
		if i.SecurityGroups, err = h.Source.SecurityGroupNames(r.Context(), i.ID); err != nil {
			return err
		}
	}
	content, ok := ec2Item(i, parts)
	if !ok {
		return errNotFound
	}
	write(w, textPlain, content)
	return nil
}

func (h *Handler) answerOpenStack(w http.ResponseWriter, r *http.Request, i Instance, parts []string) error {
	if len(parts) == 0 {
		write(w, textPlain, listing(Versions))
		return nil
	}
	version := parts[0]
	if version != latest && !slices.Contains(Versions, version) || len(parts) > 2 {
		return errNotFound
	}
	if len(parts) == 1 {
		write(w, textPlain, strings.Join(names(i, version), "\n"))
		return nil
	}
	name := parts[1]
	if !slices.Contains(names(i, version), name) {
		return errNotFound
	}
	if name == passwordFile {
		return h.password(w, r, i)
	}
	content, err := item(i, version, name)
	if err != nil {
		return err
	}
	write(w, mediaOf(name), string(content))
	return nil
}

// mediaOf is the Content-Type of a file; the original calls network_data.json plain text.
func mediaOf(name string) string {
	switch name {
	case metaDataFile, vendorDataFile, vendorData2File:
		return asJSON
	}
	return textPlain
}

// password lets a guest leave its password once, encrypted with the owner's public key.
func (h *Handler) password(w http.ResponseWriter, r *http.Request, i Instance) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		write(w, textHTML, i.Password)
		return nil
	case http.MethodPost:
		if i.Password != "" {
			return fault.Conflict("There was a conflict when trying to complete your request.")
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxPassword+1))
		if err != nil || len(body) > maxPassword {
			return fault.BadRequest("Request is too large.")
		}
		if err := h.Source.SetServerPassword(r.Context(), i.ID, string(body)); err != nil {
			return err
		}
		write(w, textHTML, "")
		return nil
	}
	return fault.BadRequest("The server could not comply with the request since it is either malformed or otherwise incorrect.")
}

func listing(versions []string) string {
	return strings.Join(append(slices.Clone(versions), latest), "\n")
}

func write(w http.ResponseWriter, media, content string) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, content)
}

// writeFault answers with the page that the original's guests get.
func writeFault(w http.ResponseWriter, r *http.Request, err error) {
	f, ok := fault.Of(err)
	if !ok {
		slog.ErrorContext(r.Context(), "a metadata request failed", "path", r.URL.Path, "error", err)
		f = fault.New(http.StatusInternalServerError, "An unknown error has occurred. Please try your request again.")
	}
	if f.Status == http.StatusNotFound {
		f = errNotFound
	}
	title := http.StatusText(f.Status)
	w.Header().Set("Content-Type", textHTML)
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, errorPage(f.Status, title, f.Message))
}

// errorPage is the HTML of an error.
func errorPage(status int, title, sentence string) string {
	head := fmt.Sprintf("%d %s", status, title)
	return "<html>\n <head>\n  <title>" + head + "</title>\n </head>\n <body>\n  <h1>" + head + "</h1>\n  " +
		html.EscapeString(sentence) + "<br /><br />\n\n\n\n </body>\n</html>"
}
