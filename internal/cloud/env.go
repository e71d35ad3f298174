package cloud

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
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
	Events    *messaging.Notifier // nil in nacre admin without a bus
	Clock     clock.Clock
	Transport *keystoneauth.Transport
	Metrics   *telemetry.Metrics
	Ops       *http.ServeMux // the operator's port: what is not for tenants

	tokens    validator
	validator atomic.Pointer[validator]
	issue     func(ctx context.Context, user, project string) (token string, expires time.Time, err error)
	metadata  atomic.Pointer[http.Handler]

	adminKnown bool // Secrets.AdminPassword is the administrator's
	fail       func(point string)
}

// validator tells what tokens stand for, also those that have expired a while ago.
type validator interface {
	auth.Validator
	ValidateExpired(ctx context.Context, token string) (auth.Identity, error)
}

// Database is the URL of a service's own database.
func (e *Env) Database(name string) string {
	if url := e.Config.Databases[name]; url != "" {
		return url
	}
	if e.Config.Database != "" {
		return strings.ReplaceAll(e.Config.Database, "{name}", name)
	}
	return "sqlite://" + filepath.Join(e.Config.StateDir, "db", name+".db")
}

// soleWriter makes sure that no cloud is running that writes to a service's
// SQLite database, which has one writer, and that none is started meanwhile.
func (e *Env) soleWriter(name string) (unlock func() error, err error) {
	if !strings.HasPrefix(e.Database(name), "sqlite:") {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(e.Config.StateDir, 0o755); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(e.Config.StateDir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("stop the cloud first, for its SQLite database has one writer: %s is in use: %w", e.Config.StateDir, err)
	}
	return lock.Close, nil
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
	proxies, _ := e.Config.certificateProxies() // Check reports a mistake; until then there are none
	public := ""
	if i := slices.IndexFunc(Catalogue, func(s Catalog) bool { return s.Name == service }); i >= 0 && (e.Config.Public != "" || e.Config.PublicEndpoints[service] != "") {
		public = e.PublicURL(Catalogue[i])
	}
	identity := e.PublicURL(keystoneEntry) + "/"
	if url := e.Config.Authtoken.AuthURL; url != "" {
		identity = strings.TrimSuffix(url, "v3")
	}
	return httpapi.Door{CertificateProxies: proxies, Tokens: e.tokens, Expired: e.tokens.ValidateExpired, ServiceRoles: e.Config.Authtoken.ServiceTokenRoles,
		PolicyFile:  e.Config.PolicyFile(service),
		IdentityURL: identity, PublicURL: public, Clock: e.Clock, Observe: e.Metrics.Observer(service)}
}

// Session is a service user's: clients of the other services.
func (e *Env) Session(service string) *keystoneauth.Session {
	if e.Config.Authtoken.AuthURL != "" {
		return e.elsewhere()
	}
	return e.session(service, e.Secrets.Services[service], "service")
}

// elsewhere is the session of the user whom a Keystone that runs elsewhere knows.
// Its catalogue says where the other services are.
func (e *Env) elsewhere() *keystoneauth.Session {
	a := e.Config.Authtoken
	return keystoneauth.New(keystoneauth.Config{AuthURL: a.AuthURL, Username: a.Username, Password: a.Password, UserDomain: a.UserDomainName,
		Project: a.ProjectName, ProjectDomain: a.ProjectDomainName, Region: e.Config.Region,
		Endpoints: map[string]string{"identity": a.AuthURL}}, e.Transport)
}

// Admin is the session of the cloud's administrator.
func (e *Env) Admin() *keystoneauth.Session {
	return e.session("admin", e.Secrets.AdminPassword, "admin")
}

func (e *Env) session(user, password, project string) *keystoneauth.Session {
	cfg := keystoneauth.Config{AuthURL: e.URL(keystoneEntry.Port) + "/v3", Username: user, Password: password, Project: project,
		Region: e.Config.Region, Endpoints: map[string]string{}}
	if e.issue != nil {
		cfg.Issue = func(ctx context.Context) (string, time.Time, error) { return e.issue(ctx, user, project) }
	}
	for _, s := range Catalogue {
		cfg.Endpoints[s.Type] = e.URL(s.Port) + s.Path
	}
	return keystoneauth.New(cfg, e.Transport)
}

// PublicURL is the address of a service as clients are told it, without its version.
func (e *Env) PublicURL(s Catalog) string {
	return cmp.Or(e.Config.PublicEndpoints[s.Name], e.URL(s.Port))
}

// URL is the address of a port of this cloud, without a path, as clients are told
// it where a service has no address of its own.
func (e *Env) URL(port int) string {
	scheme, _, told := strings.Cut(e.Config.Public, "://")
	switch {
	case !told && e.Config.TLS.Cert == "":
		scheme = "http"
	case !told:
		scheme = "https"
	}
	return scheme + "://" + e.hostPort(e.Config.publicHost(), port)
}

// HostPort is where a service of that classic port listens.
func (e *Env) HostPort(port int) string { return e.hostPort(e.Config.Listen, port) }

func (e *Env) hostPort(host string, port int) string {
	return net.JoinHostPort(host, fmt.Sprint(port+e.Config.PortOffset))
}

// failAt names the points of a service's flows at which a test may end this
// process: "nova.server_create.spawn.before". nil when there is none.
func (e *Env) failAt(service string) func(point string) {
	if e.fail == nil {
		return nil
	}
	return func(point string) { e.fail(service + "." + point) }
}

// commitPoints are the points of a service's calls at which a test may end this
// process: "keystone.commit" and "keystone.committed". What the service does
// unasked has none.
func (e *Env) commitPoints(service string) []db.Option {
	fail := e.failAt(service)
	if fail == nil {
		return nil
	}
	return []db.Option{db.Points(func(ctx context.Context, point string) {
		if auth.RequestID(ctx) != "" {
			fail(point)
		}
	})}
}

// fakeHosts names the hosts of the fake hypervisor.
func (e *Env) fakeHosts() []string {
	hosts := make([]string, max(1, e.Config.FakeHosts))
	for i := range hosts {
		hosts[i] = fmt.Sprintf("%s-%d", e.Config.Host, i)
	}
	return hosts
}

// Metadata is nova's metadata service, of this process or at its address.
func (e *Env) Metadata() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := e.metadata.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		http.Error(w, "503 Service Unavailable", http.StatusServiceUnavailable)
	})
}
