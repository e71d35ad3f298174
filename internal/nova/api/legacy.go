package api

import (
	"context"
	"net/http"
	"strings"

	"nacre/internal/oslo/httpapi"
)

type legacyKey struct{}

// Handler serves the API and, below /v2, what it is at its lowest microversion:
// API 2.0, which knows no microversions, neither asked for nor told.
func Handler(a http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, old := strings.CutPrefix(r.URL.Path, "/v2/")
		if !old || rest == "" {
			a.ServeHTTP(w, r)
			return
		}
		in := r.Clone(context.WithValue(r.Context(), legacyKey{}, true))
		in.URL.Path = "/v2.1/" + rest
		in.URL.RawPath = strings.Replace(r.URL.RawPath, "/v2/", "/v2.1/", 1)
		in.Header.Del("OpenStack-API-Version")
		in.Header.Del("X-OpenStack-Nova-API-Version")
		a.ServeHTTP(&legacyWriter{ResponseWriter: w}, in)
	})
}

// root is the path of the API as the client knows it.
func root(c *httpapi.Call) string {
	if c.Ctx().Value(legacyKey{}) != nil {
		return "/v2/"
	}
	return "/v2.1/"
}

// legacyWriter leaves out what API 2.0 does not tell.
type legacyWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *legacyWriter) WriteHeader(status int) {
	if !w.begun {
		w.begun = true
		for _, name := range []string{"OpenStack-API-Version", "X-OpenStack-Nova-API-Version", "Vary"} {
			w.Header().Del(name)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *legacyWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap serves http.ResponseController.
func (w *legacyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
