package cloud

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/keystoneauth"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/telemetry"
)

// Env is what a process finds around it when it starts.
type Env struct {
	Config    Config
	Secrets   Secrets
	Bus       messaging.Bus
	Clock     clock.Clock
	Transport *keystoneauth.Transport
	Metrics   *telemetry.Metrics

	tokens    auth.Validator
	validator atomic.Pointer[auth.Validator]
	issue     func(ctx context.Context, user, project string) (token string, expires time.Time, err error)
	fail      func(point string)
}

// Database is the URL of a service's own database.
func (e *Env) Database(name string) string {
	if e.Config.Database != "" {
		return strings.ReplaceAll(e.Config.Database, "{name}", name)
	}
	return "sqlite://" + filepath.Join(e.Config.StateDir, "db", name+".db")
}

// Dir is a directory below the state directory, made when it is missing.
func (e *Env) Dir(parts ...string) (string, error) {
	dir := filepath.Join(append([]string{e.Config.StateDir}, parts...)...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	return dir, nil
}

// Door is the front of a service's API.
func (e *Env) Door(service string) httpapi.Door {
	return httpapi.Door{Tokens: e.tokens, PolicyFile: filepath.Join(e.Config.PolicyDir, service+".yaml"),
		IdentityURL: e.URL(Keystone.Catalog.Port) + "/", Clock: e.Clock, Observe: e.Metrics.Observer(service)}
}

// Session is a service user's: clients of the other services.
func (e *Env) Session(service string) *keystoneauth.Session {
	return e.session(service, e.Secrets.Services[service], "service")
}

// Admin is the session of the cloud's administrator.
func (e *Env) Admin() *keystoneauth.Session {
	return e.session("admin", e.Secrets.AdminPassword, "admin")
}

func (e *Env) session(user, password, project string) *keystoneauth.Session {
	cfg := keystoneauth.Config{AuthURL: e.URL(Keystone.Catalog.Port) + "/v3", Username: user, Password: password, Project: project,
		Region: e.Config.Region, Endpoints: map[string]string{}}
	if e.issue != nil {
		cfg.Issue = func(ctx context.Context) (string, time.Time, error) { return e.issue(ctx, user, project) }
	}
	for _, s := range Services {
		cfg.Endpoints[s.Catalog.Type] = e.URL(s.Catalog.Port) + s.Catalog.Path
	}
	return keystoneauth.New(cfg, e.Transport)
}

// URL is the address of a port of this cloud, without a path.
func (e *Env) URL(port int) string { return "http://" + e.HostPort(port) }

// HostPort is where a service of that classic port listens.
func (e *Env) HostPort(port int) string {
	return net.JoinHostPort(e.Config.Listen, fmt.Sprint(port+e.Config.PortOffset))
}

// Fail passes a point at which a test may end this process.
func (e *Env) Fail(point string) {
	if e.fail != nil {
		e.fail(point)
	}
}
