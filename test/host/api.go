package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// API calls the services directly as the cloud's administrator: quicker than
// the client, and with errors that a test can expect.
type API struct {
	h      *Host
	client *http.Client
	token  string
}

// ErrAway says that the cloud did not answer.
var ErrAway = errors.New("the cloud does not answer")

// HTTP is a client on the machine.
func (h *Host) HTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: h.dial, DisableKeepAlives: true}}
}

// API makes a caller. Its token outlives restarts of the cloud.
func (h *Host) API() *API {
	h.t.Helper()
	a, err := h.Login(map[string]any{"scope": map[string]any{"project": map[string]any{"name": "admin", "domain": map[string]string{"id": "default"}}},
		"identity": WithPassword("admin", AdminPassword)})
	if err != nil {
		h.t.Fatalf("no token: %v", err)
	}
	return a
}

// WithPassword proves a user of the default domain.
func WithPassword(user, password string) map[string]any {
	return map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": map[string]any{
		"name": user, "password": password, "domain": map[string]string{"id": "default"}}}}
}

// Login makes a caller who authenticates so: what stands in "auth".
func (h *Host) Login(auth map[string]any) (*API, error) {
	a := &API{h: h, client: h.HTTP()}
	a.client.Timeout = 2 * time.Minute
	res, text, err := a.send("POST", "5000/v3/auth/tokens", map[string]any{"auth": auth}, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%d %s", res.StatusCode, text)
	}
	a.token = res.Header.Get("X-Subject-Token")
	return a, nil
}

// Token is the caller's.
func (a *API) Token() string { return a.token }

// Do sends a request to "<port>/path", decodes the answer into v, unless that
// is nil, and returns its status. A body that is an io.Reader goes as it
// stands; headers are names and values. The error is ErrAway when nobody answered, or says
// why the request was refused.
func (a *API) Do(method, at string, body, v any, headers ...string) (int, error) {
	res, text, err := a.send(method, at, body, headers)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w: %w", method, at, ErrAway, err)
	}
	if res.StatusCode >= 400 {
		return res.StatusCode, fmt.Errorf("%s %s: %d %s", method, at, res.StatusCode, text)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			return res.StatusCode, fmt.Errorf("%s %s: %d: %w in %s", method, at, res.StatusCode, err, text)
		}
	}
	return res.StatusCode, nil
}

// Want is Do that ends the test unless the status is as given.
func (a *API) Want(status int, method, at string, body, v any, headers ...string) {
	a.h.t.Helper()
	got, err := a.Do(method, at, body, v, headers...)
	if got != status || err != nil && got < 400 {
		a.h.t.Fatalf("%s %s: %d, want %d: %v", method, at, got, status, err)
	}
}

func (a *API) send(method, at string, body any, headers []string) (*http.Response, []byte, error) {
	data, kind := io.Reader(http.NoBody), "application/json"
	switch b := body.(type) {
	case nil:
	case io.Reader:
		data, kind = b, "application/octet-stream"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, nil, err
		}
		data = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, "http://127.0.0.1:"+at, data)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-Auth-Token", a.token)
	req.Header.Set("OpenStack-API-Version", "compute 2.37")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := a.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, text, err
}

// dial connects from within the machine's network namespace.
func (h *Host) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = h.inside(func() error { conn, err = (&net.Dialer{}).DialContext(ctx, network, addr); return err })
	return conn, err
}

// Listen listens on an address of the machine until the test ends.
func (h *Host) Listen(addr string) (l net.Listener) {
	h.t.Helper()
	if err := h.inside(func() (err error) { l, err = net.Listen("tcp", addr); return err }); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { l.Close() })
	return l
}

// inside runs f in the machine's network namespace, on a thread that is not
// used again.
func (h *Host) inside(f func() error) (err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // by its first thread this whole process would count as one of the machine's
			defer runtime.UnlockOSThread()
			err = h.inside(f)
			return
		}
		var ns *os.File
		if ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", h.holder.Process.Pid)); err != nil {
			return
		}
		defer ns.Close()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
			err = f()
		}
	}()
	<-ended
	return err
}
