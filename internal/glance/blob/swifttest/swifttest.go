// Package swifttest starts the original Swift on loopback, with its S3 door,
// for the tests of the drivers that speak to it.
package swifttest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// Swift is a running one. Its user is test:tester with the key "testing",
// which are the access and the secret key of S3 too.
type Swift struct {
	Host   string
	client *http.Client
}

// AuthURL is where tokens are had, by version 1 of the protocol.
func (s *Swift) AuthURL() string { return "http://" + s.Host + "/auth/v1.0" }

// The user of that Swift.
const (
	User = "test:tester"
	Key  = "testing"
)

var shared struct {
	sync.Mutex
	*Swift
	stop func()
}

// Keystone is where a Swift asks what tokens stand for, and who asks.
type Keystone struct {
	AuthURL, User, Key, Project string

	Command func(name string, args ...string) *exec.Cmd // of the machine that Swift is to run on; nil is this one
	Client  *http.Client                                // on that machine
}

// StartBehind is a Swift of this test whose users are Keystone's. It wants the
// role member or admin.
func StartBehind(t testing.TB, k Keystone) *Swift {
	t.Helper()
	s, stop, err := start(&k)
	if err != nil {
		t.Fatalf("start Swift (packages swift-proxy, swift-account, swift-container, swift-object, memcached, python3-keystonemiddleware): %v", err)
	}
	t.Cleanup(stop)
	return s
}

// Start is the one Swift of this test binary; Main ends it.
func Start(t testing.TB) *Swift {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.Swift == nil {
		s, stop, err := start(nil)
		if err != nil {
			t.Fatalf("start Swift (packages swift-proxy, swift-account, swift-container, swift-object, memcached): %v", err)
		}
		shared.Swift, shared.stop = s, stop
	}
	return shared.Swift
}

// Main runs the tests and ends what they started.
func Main(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// rings writes the three rings in one process: each swift-ring-builder takes seconds.
const rings = `
import sys
from swift.common.ring import RingBuilder
for n, (name, port) in enumerate(zip(('account', 'container', 'object'), sys.argv[2:])):
    b = RingBuilder(4, 1, 0)
    b.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(port), 'device': 'd1', 'weight': 1,
               'replication_ip': '127.0.0.1', 'replication_port': int(port), 'meta': ''})
    b.rebalance()
    b.get_ring().save('%s/%s.ring.gz' % (sys.argv[1], name))
`

var conf = template.Must(template.New("").Parse(`[DEFAULT]
devices = {{.Dir}}/node
mount_check = false
bind_ip = 127.0.0.1
bind_port = {{.Port}}
workers = 0
swift_dir = {{.Dir}}
user = root
log_level = ERROR
# on a busy machine the impatient defaults take every server for dead, and leave
# what a container lists to a daemon that does not run here
conn_timeout = 30
node_timeout = 60
container_update_timeout = 60
{{if eq .Name "proxy"}}
[pipeline:main]
pipeline = catch_errors cache bulk {{if .Keystone}}authtoken keystoneauth{{else}}s3api tempauth{{end}} slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{{.Cache}}
connect_timeout = 30
io_timeout = 60
error_suppression_limit = 1000000
{{with .Keystone}}
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {{.AuthURL}}
auth_url = {{.AuthURL}}
auth_type = password
username = {{.User}}
password = {{.Key}}
project_name = {{.Project}}
user_domain_name = Default
project_domain_name = Default
delay_auth_decision = true
# a token that was revoked is refused at once
token_cache_time = -1
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
{{end}}
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
{{else}}
[pipeline:main]
pipeline = {{.Name}}-server
[app:{{.Name}}-server]
use = egg:swift#{{.Name}}
{{end}}`))

func start(keystone *Keystone) (_ *Swift, stop func(), err error) {
	dir, err := os.MkdirTemp("", "swift")
	if err != nil {
		return nil, nil, err
	}
	var started []*exec.Cmd
	stop = func() {
		for _, c := range started {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
		_ = os.RemoveAll(dir)
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	ports, err := freePorts(5)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "node", "d1"), 0o755),
		run("/usr/bin/python3", "-c", rings, dir, ports[1], ports[2], ports[3])); err != nil {
		return nil, nil, err
	}
	command, client := exec.Command, http.DefaultClient
	if keystone != nil && keystone.Command != nil {
		command, client = keystone.Command, keystone.Client
	}
	begin := func(name string, args ...string) error {
		c := command(name, args...)
		if client == http.DefaultClient { // another machine ends what is on it, and its client ends threads, which would count as our death
			c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		}
		log, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			return err
		}
		c.Stdout, c.Stderr = log, log
		if err := c.Start(); err != nil {
			return err
		}
		started = append(started, c)
		return nil
	}
	if err := begin("memcached", "-u", "root", "-l", "127.0.0.1", "-p", ports[4], "-m", "16"); err != nil {
		return nil, nil, err
	}
	for i, name := range []string{"proxy", "account", "container", "object"} {
		var text bytes.Buffer
		_ = conf.Execute(&text, map[string]any{"Dir": dir, "Port": ports[i], "Name": name, "Cache": ports[4], "Keystone": keystone})
		file := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			return nil, nil, err
		}
		if err := begin("swift-"+name+"-server", file); err != nil {
			return nil, nil, err
		}
	}
	s := &Swift{"127.0.0.1:" + ports[0], client}
	if keystone != nil {
		return s, stop, s.wait(dir, s.listens)
	}
	return s, stop, s.wait(dir, s.probe)
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// freePorts are below those that the kernel gives to any connection: until they
// are listened on nobody else has them.
func freePorts(n int) (ports []string, err error) {
	for tries := 0; len(ports) < n; tries++ {
		port := strconv.Itoa(10000 + rand.IntN(20000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil && tries == 1000 {
			return nil, err
		} else if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

// wait waits until Swift answers.
func (s *Swift) wait(dir string, probe func() error) error {
	var last error
	for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if last = probe(); last == nil {
			return nil
		}
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	var all strings.Builder
	for _, l := range logs {
		text, _ := os.ReadFile(l)
		fmt.Fprintf(&all, "\n%s: %s", filepath.Base(l), text)
	}
	return fmt.Errorf("%w%s", last, all.String())
}

// listens reports whether somebody without a token is sent away.
func (s *Swift) listens() error {
	res, err := s.client.Get("http://" + s.Host + "/v1/AUTH_probe")
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		return errors.New(res.Status)
	}
	return nil
}

// probe logs in and makes a container, for which every server is needed.
func (s *Swift) probe() error {
	r, _ := http.NewRequest("GET", s.AuthURL(), nil)
	r.Header.Set("X-Auth-User", User)
	r.Header.Set("X-Auth-Key", Key)
	res, err := s.client.Do(r)
	if err != nil {
		return err
	}
	res.Body.Close()
	r, _ = http.NewRequest("PUT", res.Header.Get("X-Storage-Url")+"/probe", nil)
	r.Header.Set("X-Auth-Token", res.Header.Get("X-Auth-Token"))
	if res, err = s.client.Do(r); err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode/100 != 2 {
		return errors.New(res.Status)
	}
	return nil
}
