package host

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What follows runs programs of others on the machine: OpenStack's own
// services, as Debian packages them, and what they need.

// Service is a program that runs until the test ends.
type Service struct {
	cmd   *exec.Cmd
	ended chan error
}

// Path is a place on the machine for a program's files.
func (h *Host) Path(parts ...string) string {
	return filepath.Join(append([]string{filepath.Dir(h.Dir)}, parts...)...)
}

// Write writes a file below Path, and its directory.
func (h *Host) Write(name, text string) string {
	h.t.Helper()
	file := h.Path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return file
}

// Serve starts a program; what it prints is in Path(name + ".log").
func (h *Host) Serve(name string, env []string, program string, args ...string) *Service {
	h.t.Helper()
	log, err := os.OpenFile(h.Path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	s := &Service{h.Command(context.Background(), program, args...), make(chan error, 1)}
	s.cmd.Env = append(append(os.Environ(), "LC_ALL=C.UTF-8"), env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return s
}

// End ends the program in order.
func (s *Service) End() {
	_ = syscall.Kill(s.cmd.Process.Pid, syscall.SIGTERM)
	<-s.ended
}

// CPU is the user and system time that a program and those it started have
// had, to a hundredth of a second.
func (s *Service) CPU() (d time.Duration) {
	for _, pid := range append(children(s.cmd.Process.Pid), s.cmd.Process.Pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(after); len(f) > 12 {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			d += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return d
}

// children are all processes below one.
func children(pid int) (below []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		child, _ := strconv.Atoi(f)
		below = append(append(below, child), children(child)...)
	}
	return below
}

// Answers waits until a program answers at a URL with less than 500.
func (h *Host) Answers(name, url string) {
	h.t.Helper()
	client := h.HTTP()
	client.Timeout = 30 * time.Second
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if res, err := client.Get(url); err == nil {
			res.Body.Close()
			if res.StatusCode < http.StatusInternalServerError {
				return
			}
		}
	}
	h.t.Fatalf("%s does not answer at %s:\n%s", name, url, tail(h.Path(name+".log"), 40))
}

// MariaDB starts one with these databases; its root needs no password.
func (h *Host) MariaDB(databases ...string) *Service {
	h.t.Helper()
	data, socket := h.Path("mysql"), h.Path("mysql.sock")
	h.Must("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	s := h.Serve("mariadb", nil, "mariadbd", "--no-defaults", "--user=root", "--datadir="+data, "--bind-address=127.0.0.1", "--socket="+socket,
		"--pid-file="+h.Path("mysql.pid"), "--max-connections=500", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite", "--skip-log-bin", "--tmpdir="+filepath.Dir(h.Dir),
		"--character-set-server=utf8mb3", "--collation-server=utf8mb3_general_ci")
	var sql strings.Builder
	for _, name := range databases {
		sql.WriteString("CREATE DATABASE " + name + "; GRANT ALL ON " + name + ".* TO 'openstack'@'127.0.0.1' IDENTIFIED BY 'sql';")
	}
	h.Until("MariaDB answers", time.Minute, func() bool {
		_, err := h.Run("mariadb", "--no-defaults", "-u", "root", "-S", socket, "-e", "SELECT 1")
		return err == nil
	})
	h.SQL("mysql", sql.String())
	return s
}

// SQL runs statements on one of MariaDB's databases.
func (h *Host) SQL(database, text string) {
	h.t.Helper()
	h.Must("mariadb", "--no-defaults", "-u", "root", "-S", h.Path("mysql.sock"), database, "-e", text)
}

// Database is the URL of one of MariaDB's databases, as SQLAlchemy wants it.
func Database(name string) string {
	return "mysql+pymysql://openstack:sql@127.0.0.1:3306/" + name + "?charset=utf8"
}

// UWSGI serves a WSGI program on a port, as Debian's packages do, in one process.
func (h *Host) UWSGI(name, port, program string, env ...string) *Service {
	h.t.Helper()
	return h.uwsgi(1, name, port, program, env...)
}

func (h *Host) uwsgi(processes int, name, port, program string, env ...string) *Service {
	h.t.Helper()
	ini := h.Write(name+".ini", `[uwsgi]
http-socket = 127.0.0.1:`+port+`
buffer-size = 65535
master = true
plugins = python3
lazy-apps = true
die-on-term = true
enable-threads = true
processes = `+strconv.Itoa(processes)+`
threads = 4
http-auto-chunked = true
http-chunked-input = true
wsgi-manage-chunked-input = true
http-raw-body = true
rem-header = Content-Length
add-header = Connection: close
disable-logging = true
wsgi-file = `+program+"\n")
	return h.Serve(name, env, "uwsgi_python3", "--ini", ini)
}

// OriginalKeystone makes OpenStack's own Keystone on MariaDB, whose database
// is there, and serves it by as many processes as there are CPUs. Its files are in Path("keystone").
func (h *Host) OriginalKeystone(options string) *Service {
	h.t.Helper()
	dir := h.Path("keystone")
	conf := h.Write("keystone/keystone.conf", "[DEFAULT]\nuse_stderr = true\n[database]\nconnection = "+Database("keystone")+
		"\n[fernet_tokens]\nkey_repository = "+dir+"/fernet-keys\n[credential]\nkey_repository = "+dir+"/credential-keys\n"+options)
	for _, sub := range []string{"fernet-keys", "credential-keys"} {
		h.Must("install", "-d", "-m", "700", filepath.Join(dir, sub))
	}
	manage := func(args ...string) { h.Must("keystone-manage", append([]string{"--config-file", conf}, args...)...) }
	manage("db_sync")
	manage("fernet_setup", "--keystone-user", "root", "--keystone-group", "root")
	manage("credential_setup", "--keystone-user", "root", "--keystone-group", "root")
	manage("bootstrap", "--bootstrap-password", AdminPassword, "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", "http://127.0.0.1:5000/v3",
		"--bootstrap-internal-url", "http://127.0.0.1:5000/v3", "--bootstrap-admin-url", "http://127.0.0.1:5000/v3")
	s := h.uwsgi(runtime.NumCPU(), "keystone", "5000", "/usr/bin/keystone-wsgi-public", "OS_KEYSTONE_CONFIG_DIR="+dir)
	h.Answers("keystone", "http://127.0.0.1:5000/v3")
	return s
}

// OriginalGlance makes OpenStack's own Glance on MariaDB, whose database is
// there, with images in files, and serves it by as many processes as there are
// CPUs. The options say where Keystone is.
func (h *Host) OriginalGlance(options string) *Service {
	h.t.Helper()
	paste, err := os.ReadFile("/usr/share/glance-common/glance-api-paste.ini")
	if err != nil {
		h.t.Fatal(err)
	}
	at := func(name string) string { return h.Path("glance", name) }
	h.Must("mkdir", "-p", at("images"), at("staging"), at("tasks"), at("lock"))
	conf := h.Write("glance/glance-api.conf", `[DEFAULT]
use_stderr = true
enabled_backends = files:file
node_staging_uri = file://`+at("staging")+`
[database]
connection = `+Database("glance")+`
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = `+at("images")+`
[os_glance_staging_store]
filesystem_store_datadir = `+at("staging")+`
[os_glance_tasks_store]
filesystem_store_datadir = `+at("tasks")+`
[paste_deploy]
flavor = keystone
config_file = `+h.Write("glance/glance-api-paste.ini", string(paste))+`
[oslo_concurrency]
lock_path = `+at("lock")+"\n"+options)
	h.Must("glance-manage", "--config-file", conf, "db_sync")
	s := h.uwsgi(runtime.NumCPU(), "glance-api", "9292", "/usr/bin/glance-wsgi-api", "OS_GLANCE_CONFIG_DIR="+h.Path("glance"))
	h.Answers("glance-api", "http://127.0.0.1:9292/versions")
	return s
}
