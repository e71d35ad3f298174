package cloud

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/keystoneauth"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/telemetry"
)

// Cloud is a running cloud, or the part of one that this process is.
type Cloud struct {
	Env   *Env
	First bool                    // this run made the state directory
	APIs  map[string]*httpapi.API // by service name

	mu      sync.Mutex // guards running
	running []Running
	servers []*http.Server
	lock    *os.File
	tls     *tls.Config                 // of the APIs; nil serves them in the clear
	traces  func(context.Context) error // sends the last traces
	cancel  context.CancelFunc
	work    sync.WaitGroup
	failed  chan error
}

// Start starts every process of every service. The cloud runs until Stop.
func Start(ctx context.Context, cfg Config) (*Cloud, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	c := &Cloud{APIs: map[string]*httpapi.API{}, failed: make(chan error, 1)}
	if err := c.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, c.Stop(ctx))
	}
	return c, nil
}

func (c *Cloud) start(ctx context.Context, cfg Config) error {
	if err := c.open(cfg); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	if err := c.listenOps(); err != nil {
		return err
	}
	if cfg.Traces != "" {
		stop, err := telemetry.ExportTraces(ctx, cfg.Traces, "nacre", cfg.Host)
		if err != nil {
			return err
		}
		c.traces = stop
	}
	for _, s := range Services {
		for _, p := range s.processes(cfg) {
			if err := c.startProcess(run, s, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// open makes or reads the state directory and takes it for this process alone.
func (c *Cloud) open(cfg Config) error {
	for _, dir := range []string{cfg.StateDir, filepath.Join(cfg.StateDir, "db"), filepath.Dir(cfg.PolicyFile(""))} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	if err := os.Chmod(filepath.Join(cfg.StateDir, "db"), 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(cfg.StateDir, "lock"))
	if err != nil {
		return fmt.Errorf("%s is in use by another nacre: %w", cfg.StateDir, err)
	}
	c.lock = lock
	var secrets Secrets
	first := false
	if cfg.whole() {
		if secrets, first, err = loadSecrets(cfg.StateDir, cfg.AdminPassword); err != nil {
			return err
		}
	}
	if c.tls, err = cfg.TLS.listener(); err != nil {
		return err
	}
	sockets, err := cfg.TLS.sockets()
	if err != nil {
		return err
	}
	bus, err := openBus(cfg.Bus)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(cfg.StateDir, "ops"), []byte(cfg.OpsListen), 0o644); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	c.First = first
	c.Env = &Env{Config: cfg, Secrets: secrets, Bus: bus, Clock: clock.System, Transport: keystoneauth.NewTransport(sockets),
		Metrics: telemetry.NewMetrics(), Ops: http.NewServeMux(), fail: killAt(cfg.FailPoint)}
	c.Env.Events = messaging.NewNotifier(bus, clock.System, c.Env.Metrics.EventDropped)
	c.Env.tokens = tokensOf{c.Env}
	if cfg.Authtoken.AuthURL != "" {
		c.Env.tokens = keystoneauth.NewValidator(c.Env.elsewhere(), cfg.Authtoken.TokenCacheTime)
	}
	return nil
}

// tokensOf validates with whatever the identity service of this cloud turns out to be.
type tokensOf struct{ env *Env }

// Validate implements auth.Validator.
func (t tokensOf) Validate(ctx context.Context, token string) (auth.Identity, error) {
	return t.env.identity().Validate(ctx, token)
}

// ValidateExpired implements validator.
func (t tokensOf) ValidateExpired(ctx context.Context, token string) (auth.Identity, error) {
	return t.env.identity().ValidateExpired(ctx, token)
}

// killAt ends this process at once when the named point is passed, as a power
// cut would; at the second time it is passed if "#2" follows the name.
func killAt(name string) func(string) {
	if name == "" {
		return nil
	}
	name, count, _ := strings.Cut(name, "#")
	var left atomic.Int64
	if n, err := strconv.ParseInt(count, 10, 64); err == nil {
		left.Store(n - 1)
	}
	return func(point string) {
		if point == name && left.Add(-1) < 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func openBus(url string) (messaging.Bus, error) {
	if url == "" {
		return messaging.InProcess()
	}
	return messaging.Dial(url)
}

func (c *Cloud) startProcess(ctx context.Context, s Service, p Process) error {
	began := time.Now()
	r, err := p.Start(ctx, c.Env)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	r.name = p.Name
	c.mu.Lock()
	c.running = append(c.running, r)
	c.mu.Unlock()
	if r.API != nil {
		c.APIs[s.Name] = r.API
		if r.Handler == nil {
			r.Handler = r.API
		}
		if err := c.serve(s.Catalog.Port, r.Handler); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	for port, h := range r.Also {
		if err := c.serve(port, h); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	for _, work := range r.Work {
		c.work.Go(func() {
			if err := work(ctx); err != nil && ctx.Err() == nil {
				c.fail(fmt.Errorf("%s ended: %w", p.Name, err))
			}
		})
	}
	slog.DebugContext(ctx, "process started", "process", p.Name, "took", time.Since(began))
	return nil
}

// serve serves h at a classic port, and to this process without a socket.
func (c *Cloud) serve(port int, h http.Handler) error {
	addr := c.Env.HostPort(port)
	if !c.Env.Config.Sockets {
		c.Env.Transport.Serve(addr, h)
		c.Env.Transport.Serve(c.Env.hostPort(c.Env.Config.publicHost(), port), h)
	}
	return c.listen(addr, c.tls, h)
}

// listen serves h on a TCP address, in the clear without secure. Bodies have no total timeout: images are large.
func (c *Cloud) listen(addr string, secure *tls.Config, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	c.servers = append(c.servers, srv)
	c.work.Go(func() {
		if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			c.fail(fmt.Errorf("serve %s: %w", addr, err))
		}
	})
	return nil
}

// listenOps serves what the operator watches: /metrics and /healthz.
func (c *Cloud) listenOps() error {
	mux := c.Env.Ops
	mux.Handle("GET /metrics", c.Env.Metrics.Handler())
	mux.HandleFunc("GET /healthz", c.health)
	return c.listen(c.Env.Config.OpsListen, nil, mux)
}

// health asks every process that can tell whether it works.
func (c *Cloud) health(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	running := slices.Clone(c.running)
	c.mu.Unlock()
	status := map[string]string{}
	code := http.StatusOK
	for _, p := range running {
		if p.Healthy == nil {
			continue
		}
		status[p.name] = "ok"
		if err := p.Healthy(r.Context()); err != nil {
			status[p.name], code = err.Error(), http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status)
}

func (c *Cloud) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// Failed tells of a part that ended by itself.
func (c *Cloud) Failed() <-chan error { return c.failed }

// stopWithin bounds an orderly stop; guests and daemons go on anyway.
const stopWithin = 1500 * time.Millisecond

// Stop ends this process's part of the cloud. Guests and their daemons keep running.
func (c *Cloud) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if c.cancel != nil {
		c.cancel()
	}
	var closing sync.WaitGroup
	for _, srv := range c.servers {
		closing.Go(func() {
			if srv.Shutdown(ctx) != nil {
				_ = srv.Close()
			}
		})
	}
	closing.Wait()
	ended := make(chan struct{})
	go func() { c.work.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		slog.Warn("some work did not end in time; it continues at the next start")
	}
	var errs []error
	for i := len(c.running) - 1; i >= 0; i-- {
		if c.running[i].Close != nil {
			errs = append(errs, c.running[i].Close())
		}
	}
	if c.traces != nil {
		errs = append(errs, c.traces(ctx))
	}
	if c.Env != nil {
		c.Env.Events.Close(ctx)
		c.Env.Bus.Close()
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	return errors.Join(errs...)
}
