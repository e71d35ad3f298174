//go:build kill

package test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// newIdentity starts the service and makes what the calls are about.
func newIdentity(t *testing.T, engine func(t *testing.T, dir string) database) *identity {
	dir, err := os.MkdirTemp("/tmp", "nacre-kill-") // short, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	i := &identity{t: t, dir: dir, addr: fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(250)), names: map[string]string{}}
	i.db = engine(t, dir)
	t.Cleanup(i.kill)
	i.bootstrap()
	i.start("")
	i.world()
	i.kill()
	if err := i.db.keep(); err != nil {
		t.Fatal(err)
	}
	return i
}

const identityConfig = `
listen: %[1]s
ops_listen: %[1]s:9464
password_hash_rounds: 4
token_expiration: 24h
fail_point: %[2]q
databases: {%[3]s}
auth_methods: [external, password, token, oauth1, mapped, application_credential]
federation: {trusted_proxies: [127.0.0.0/8], trusted_dashboard: ["http://horizon"], saml: {idp_entity_id: "https://here", idp_sso_endpoint: "https://here/sso"}}
keystone: {v2: true, security_compliance: {lockout_failure_attempts: 5, disable_user_account_days_inactive: 90, unique_last_password_count: 3, password_expires_days: 30}}
`

// command is one of the binary, on this service's state.
func (i *identity) command(failPoint string, args ...string) *exec.Cmd {
	i.t.Helper()
	databases := ""
	if u := i.db.url(); u != "" {
		databases = fmt.Sprintf("keystone: %q", u)
	}
	file := filepath.Join(i.dir, "nacre.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, identityConfig, i.addr, failPoint, databases), 0o600); err != nil {
		i.t.Fatal(err)
	}
	return exec.Command(os.Getenv("NACRE_BINARY"), append(args, "--config", file, "--state-dir", i.dir)...)
}

// bootstrap makes the administrator.
func (i *identity) bootstrap() {
	i.t.Helper()
	cmd := i.command("", "admin", "keystone", "bootstrap", "--bootstrap-region-id", "RegionOne")
	cmd.Env = append(os.Environ(), "OS_BOOTSTRAP_PASSWORD="+adminOfTest)
	if out, err := cmd.CombinedOutput(); err != nil {
		i.t.Fatalf("%v: %s", err, out)
	}
}

// start runs the service until it answers, or dies at the fail point.
func (i *identity) start(failPoint string) {
	i.t.Helper()
	i.kill()
	i.cmd = i.command(failPoint, "run", "keystone")
	log, err := os.Create(filepath.Join(i.dir, "log"))
	if err != nil {
		i.t.Fatal(err)
	}
	defer log.Close()
	i.cmd.Stdout, i.cmd.Stderr = log, log
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < limit; time.Sleep(2 * time.Millisecond) {
		if res, err := i.client().Get("http://" + net.JoinHostPort(i.addr, "5000") + "/v3"); err == nil {
			res.Body.Close()
			return
		}
	}
	text, _ := os.ReadFile(log.Name())
	i.t.Fatalf("it does not answer:\n%s", text)
}

func (i *identity) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: limit}
}

// kill ends the process as a power cut would.
func (i *identity) kill() {
	if cmd := i.cmd; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// died waits for the end at a fail point.
func (i *identity) died() {
	i.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- i.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(limit):
		i.t.Fatal("it lives on")
	}
}

func (i *identity) restore() {
	i.t.Helper()
	i.kill()
	if err := i.db.restore(); err != nil {
		i.t.Fatal(err)
	}
}
