// Package keystoneauth is how one service is a client of the others: a
// session with a token of its own, the service catalogue, and a transport
// that calls handlers of this process directly and sockets otherwise.
package keystoneauth

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"

	"nacre/internal/oslo/trace"
)

// Transport sends a request to the handler registered for its host, or over a socket.
type Transport struct {
	mu       sync.RWMutex
	handlers map[string]http.Handler
	sockets  http.RoundTripper
}

// NewTransport returns a transport that knows no handlers yet. sockets serves
// the hosts without one; nil means Go's default with verified TLS.
func NewTransport(sockets http.RoundTripper) *Transport {
	if sockets == nil {
		sockets = http.DefaultTransport
	}
	return &Transport{handlers: map[string]http.Handler{}, sockets: sockets}
}

// Serve makes requests for host ("127.0.0.1:5000") calls of h.
func (t *Transport) Serve(host string, h http.Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handlers[host] = h
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.RLock()
	h := t.handlers[r.URL.Host]
	t.mu.RUnlock()
	ctx, span := trace.Start(r.Context(), "call "+r.Method+" "+r.URL.Host)
	r = r.WithContext(ctx)
	send := t.sockets.RoundTrip
	if h != nil {
		send = func(r *http.Request) (*http.Response, error) { return direct(h, r) }
	}
	res, err := send(r)
	span.End(err)
	return res, err
}

// direct runs h in its own goroutine and hands its answer over as it is written.
func direct(h http.Handler, r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.RemoteAddr = "127.0.0.1:0"
	if r.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{} // without a certificate of the client's
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	pr, pw := io.Pipe()
	w := &answer{header: http.Header{}, pipe: pw, begun: make(chan struct{})}
	go func() {
		defer func() {
			if p := recover(); p != nil {
				w.abort(fmt.Errorf("the handler broke off: %v", p))
				return
			}
			w.finish()
		}()
		h.ServeHTTP(w, in)
	}()
	select {
	case <-w.begun:
	case <-ctx.Done():
		pr.CloseWithError(ctx.Err())
		cancel()
		return nil, ctx.Err()
	}
	if w.err != nil {
		cancel()
		return nil, w.err
	}
	return &http.Response{Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: &body{PipeReader: pr, cancel: cancel}, ContentLength: -1, Request: r}, nil
}

// body ends the handler's context when the client is done with the answer.
type body struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// answer is the http.ResponseWriter of a direct call.
type answer struct {
	header http.Header
	sent   http.Header
	pipe   *io.PipeWriter
	once   sync.Once
	begun  chan struct{}
	status int
	err    error
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		return
	}
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.pipe.Write(p)
}

// Flush implements http.Flusher: what is written is already there.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

func (a *answer) finish() {
	a.WriteHeader(http.StatusOK)
	a.pipe.Close()
}

func (a *answer) abort(err error) {
	a.once.Do(func() {
		a.err = err
		close(a.begun)
	})
	a.pipe.CloseWithError(err)
}
