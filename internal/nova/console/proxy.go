// Package console is the proxy between browsers and the consoles of guests. A visitor shows a token that the Compute API
// gave for one server; the token is used up by the first connection. The proxy carries bytes and reads none of them.
package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

// NoVNCDir is where the Debian package novnc puts its pages.
const NoVNCDir = "/usr/share/novnc"

// pingEvery is how often a silent browser is asked whether it is there; maxFrame is what it may send at once, in bytes.
const (
	pingEvery = 30 * time.Second
	maxFrame  = 1 << 20
)

// Opener turns a token into the console it is for, once. A 404 fault for one that is unknown, used or expired.
type Opener interface {
	OpenConsole(ctx context.Context, token string) (nova.ConsoleToken, error)
}

// Config are the options of a proxy.
type Config struct {
	Web     string   // directory of the noVNC pages; default NoVNCDir
	Origins []string // host patterns of pages elsewhere that may connect, such as "dashboard.example.org"
	Log     *slog.Logger
}

// Proxy is the handler behind port 6080 (novnc) and 6083 (serial).
type Proxy struct {
	cfg    Config
	opener Opener
	pages  http.Handler

	end    context.CancelFunc // of all sessions
	ended  context.Context
	active sync.WaitGroup
}

// New returns a proxy. Close ends its sessions.
func New(opener Opener, cfg Config) *Proxy {
	if cfg.Web == "" {
		cfg.Web = NoVNCDir
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	p := &Proxy{cfg: cfg, opener: opener, pages: http.FileServerFS(os.DirFS(cfg.Web))}
	p.ended, p.end = context.WithCancel(context.Background())
	return p
}

// Close ends all sessions and returns when they are over.
func (p *Proxy) Close() {
	p.end()
	p.active.Wait()
}

// ServeHTTP serves pages, and consoles to those who ask for a websocket.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer") // the page's address holds a token
	switch {
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		p.serveConsole(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		p.servePage(w, r)
	}
}

// servePage serves files, no listings.
func (p *Proxy) servePage(w http.ResponseWriter, r *http.Request) {
	if _, err := os.Stat(p.cfg.Web); err != nil {
		http.Error(w, "The console's pages are not installed on this host: apt-get install novnc", http.StatusNotFound)
		return
	}
	if r.URL.Path == "" || strings.HasSuffix(path.Clean(r.URL.Path), "/") || strings.HasSuffix(r.URL.Path, "/") {
		http.NotFound(w, r)
		return
	}
	p.pages.ServeHTTP(w, r)
}

// tokenOf finds the token where noVNC puts it, the query of the socket's address, or in a cookie.
func tokenOf(r *http.Request) string {
	if t := r.URL.Query().Get("token"); t != "" {
		return t
	}
	if c, err := r.Cookie("token"); err == nil {
		return c.Value
	}
	return ""
}

// serveConsole checks where the page comes from before the token is used up.
func (p *Proxy) serveConsole(w http.ResponseWriter, r *http.Request) {
	if !p.welcome(r) {
		refuse(w, http.StatusForbidden)
		return
	}
	token := tokenOf(r)
	if token == "" {
		refuse(w, http.StatusForbidden)
		return
	}
	to, err := p.opener.OpenConsole(r.Context(), token)
	if fault.Is(err, http.StatusNotFound) {
		refuse(w, http.StatusForbidden)
		return
	} else if err != nil {
		p.cfg.Log.ErrorContext(r.Context(), "console token cannot be checked", "error", err)
		refuse(w, http.StatusInternalServerError)
		return
	}
	guest, err := dial(r.Context(), to.Network, to.Address)
	if err != nil {
		p.cfg.Log.WarnContext(r.Context(), "console of a server does not answer", "server", to.ServerID, "host", to.Host, "error", err)
		refuse(w, http.StatusBadGateway)
		return
	}
	defer guest.Close()
	p.session(w, r, to, guest)
}

// refuse ends the connection without a word: to a client that asked for a
// websocket a body would look like the guest's first bytes.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

// welcome says whether the page that asks is ours or one of the configured others. A client that is no browser has none.
func (p *Proxy) welcome(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	for _, pattern := range p.cfg.Origins {
		for _, name := range []string{u.Host, u.Hostname()} {
			if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name)); err == nil && ok {
				return true
			}
		}
	}
	return false
}

// session carries bytes both ways until one side ends.
func (p *Proxy) session(w http.ResponseWriter, r *http.Request, to nova.ConsoleToken, guest io.ReadWriteCloser) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"binary"},
		InsecureSkipVerify: true /* of the origin: welcome did it */, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	p.active.Add(1)
	defer p.active.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ended, cancel)()
	start := time.Now()
	p.cfg.Log.InfoContext(ctx, "console opened", "server", to.ServerID, "user", to.UserID, "type", to.Type, "client", r.RemoteAddr)
	in, out := carry(ctx, cancel, c, guest)
	p.cfg.Log.InfoContext(ctx, "console closed", "server", to.ServerID, "user", to.UserID, "seconds", time.Since(start).Seconds(),
		"bytes_in", in, "bytes_out", out)
	_ = c.Close(websocket.StatusNormalClosure, "")
}

// carry copies in both directions and returns how much, once both are over.
func carry(ctx context.Context, cancel context.CancelFunc, c *websocket.Conn, guest io.ReadWriteCloser) (in, out int64) {
	c.SetReadLimit(maxFrame)
	browser := websocket.NetConn(ctx, c, websocket.MessageBinary)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		in, _ = io.Copy(guest, browser)
	})
	wg.Go(func() {
		defer cancel()
		out, _ = io.Copy(browser, guest)
	})
	wg.Go(func() {
		defer cancel()
		keepAlive(ctx, c)
	})
	<-ctx.Done()
	guest.Close()
	wg.Wait()
	return in, out
}

// keepAlive returns when the browser does not answer any more.
func keepAlive(ctx context.Context, c *websocket.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pingEvery):
		}
		ping, cancel := context.WithTimeout(ctx, pingEvery)
		err := c.Ping(ping)
		cancel()
		if err != nil {
			return
		}
	}
}

// errNetwork is for an address that is none.
var errNetwork = errors.New("the console's network is none of unix, tcp, pty")
