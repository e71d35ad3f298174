package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

// tokens is an Opener whose tokens are good once.
type tokens struct {
	mu sync.Mutex
	m  map[string]nova.ConsoleToken
}

func (o *tokens) OpenConsole(_ context.Context, token string) (nova.ConsoleToken, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, ok := o.m[token]
	delete(o.m, token)
	if !ok {
		return t, fault.NotFound("Token not found")
	}
	return t, nil
}

// guest is a console that greets and then echoes.
func guest(t *testing.T) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), strings.Repeat("deep", 20), "vnc.sock")
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(filepath.Dir(at))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	old, _ := os.Getwd()
	if err := dir.Chdir(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", "vnc.sock")
	_ = os.Chdir(old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, "RFB 003.008\n")
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return at
}

func start(t *testing.T) (base string, p *Proxy) {
	t.Helper()
	web := t.TempDir()
	if err := os.WriteFile(filepath.Join(web, "vnc_auto.html"), []byte("<html>noVNC"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := guest(t)
	o := &tokens{m: map[string]nova.ConsoleToken{}}
	for _, name := range []string{"t1", "t2", "t3", "t4"} {
		o.m[name] = nova.ConsoleToken{ServerID: "s", UserID: "u", Network: "unix", Address: at}
	}
	o.m["dead"] = nova.ConsoleToken{Network: "unix", Address: "/nonexistent"}
	p = New(o, Config{Web: web, Origins: []string{"*.example.org"}})
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	return srv.URL, p
}

func TestSession(t *testing.T) {
	base, p := start(t)
	c, res, err := websocket.Dial(t.Context(), base+"/?token=t1", &websocket.DialOptions{Subprotocols: []string{"binary"}})
	if err != nil || res.Header.Get("Sec-WebSocket-Protocol") != "binary" {
		t.Fatal(err)
	}
	conn := websocket.NetConn(t.Context(), c, websocket.MessageBinary)
	got := make([]byte, 12)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "RFB 003.008\n" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := conn.Write([]byte("hello guest!")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello guest!" {
		t.Fatalf("%q %v", got, err)
	}
	done := make(chan struct{})
	go func() { p.Close(); close(done) }()
	if _, err := conn.Read(got); err == nil {
		t.Error("the session outlives the proxy")
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("Close does not return")
	}
}

func TestRefusals(t *testing.T) {
	base, _ := start(t)
	for _, tc := range []struct {
		name, url, origin string
		status            int
	}{
		{"no token", "/", "", 403},
		{"wrong token", "/?token=x", "", 403},
		{"first use", "/websockify?token=t2", "", 101},
		{"second use", "/websockify?token=t2", "", 403},
		{"foreign page", "/?token=t3", "http://evil.example.com", 403},
		{"its token still good, for a known page", "/?token=t3", "https://dash.example.org:8443", 101},
		{"own page", "/?token=t4", base, 101},
		{"guest is gone", "/?token=dead", "", 502},
	} {
		h := http.Header{}
		if tc.origin != "" {
			h.Set("Origin", tc.origin)
		}
		c, res, err := websocket.Dial(t.Context(), base+tc.url, &websocket.DialOptions{HTTPHeader: h})
		if res == nil || res.StatusCode != tc.status {
			t.Errorf("%s: %v %v", tc.name, res, err)
		}
		if err == nil {
			c.CloseNow()
			continue
		}
		if rest, _ := io.ReadAll(res.Body); len(rest) > 0 || !res.Close {
			t.Errorf("%s: %q follows the refusal, connection closed: %t", tc.name, rest, res.Close)
		}
	}
}

func TestPages(t *testing.T) {
	base, _ := start(t)
	for url, status := range map[string]int{"/vnc_auto.html?path=%3Ftoken%3Dx": 200, "/": 404, "/app/": 404, "/..%2f..%2fetc/passwd": 404, "/absent": 404} {
		res, err := http.Get(base + url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %d, want %d", url, res.StatusCode, status)
		}
	}
	res, err := http.Post(base+"/vnc_auto.html", "", nil)
	if err != nil || res.StatusCode != 405 {
		t.Error(res, err)
	}
}
