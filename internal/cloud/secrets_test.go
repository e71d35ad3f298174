package cloud_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nacre/internal/cloudtest"
)

// locked is a log that several goroutines write.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestSecretsStayOutOfLogs plants secrets in requests and looks for them in
// the most talkative log.
func TestSecretsStayOutOfLogs(t *testing.T) {
	log := &locked{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	c := cloudtest.Start(t, 1)
	c.People()
	net, flavor, img := surroundings(c)
	body := serverBody("s", net, flavor, img)
	body["server"].(map[string]any)["adminPass"] = "planted-admin-pass"
	body["server"].(map[string]any)["user_data"] = "cGxhbnRlZC11c2VyLWRhdGE="
	var made struct{ Server struct{ ID string } }
	c.As(cloudtest.Member).Compute("2.93").Post("/servers", body).Want(202).Into(&made)
	await(t, c, made.Server.ID, "ACTIVE")
	wrong := strings.ReplaceAll(`{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "PW"}}}}}`, "PW", "planted-wrong-password")
	c.As(cloudtest.None).Identity().Post("/auth/tokens", wrong).Want(401)
	c.As(cloudtest.Member).Compute("2.93").Post("/servers", `{"server": {"adminPass": "planted-admin-pass", "nope": "planted-extra"}}`).Want(400)
	log.mu.Lock()
	text := log.b.String()
	log.mu.Unlock()
	secrets := []string{"planted-", "cGxhbnRlZC11c2VyLWRhdGE=", c.Token(cloudtest.Member), c.Token(cloudtest.Admin), c.Env.Secrets.MetadataSecret, c.Env.Secrets.AdminPassword}
	for _, s := range c.Env.Secrets.Services {
		secrets = append(secrets, s)
	}
	for _, s := range secrets {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("a secret is in the log: …%s…", text[max(0, i-200):min(len(text), i+40)])
		}
	}
	if len(text) == 0 {
		t.Error("nothing was logged, so nothing was looked at")
	}
	for _, f := range []string{"secrets.json", "openrc", "clouds.yaml"} {
		st, err := os.Stat(filepath.Join(c.Env.Config.StateDir, f))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, st.Mode(), err)
		}
	}
}
