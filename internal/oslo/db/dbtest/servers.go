package dbtest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
)

// server is a private instance of an engine, in one directory.
type server struct {
	name   string
	launch func(*server) error
	url    func(database string) string

	once sync.Once
	err  error
	dir  string // "" if the engine is not installed
	root *sql.DB
	mu   sync.Mutex
}

var (
	postgres = &server{name: "PostgreSQL"}
	mariadb  = &server{name: "MariaDB"}
)

func init() {
	postgres.launch, mariadb.launch = launchPostgres, launchMariaDB
	postgres.url = func(name string) string {
		return "postgres://postgres@/" + name + "?host=" + postgres.dir + "&sslmode=disable"
	}
	mariadb.url = func(name string) string { return "mysql://root@/" + name + "?socket=" + mariadb.dir + "/my.sock" }
}

// admin runs a statement on the server itself, one at a time: PostgreSQL
// copies its template for a new database and wants it to itself.
func (s *server) admin(statement string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.root.Exec(statement)
	return err
}

func launchPostgres(s *server) error {
	bin := newest("/usr/lib/postgresql/*/bin/postgres")
	if bin == "" {
		return nil
	}
	owner, err := prepare(s, "postgres")
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.Command(filepath.Join(filepath.Dir(bin), "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	if err := runAs(owner, initdb); err != nil {
		return err
	}
	cmd := exec.Command(bin, "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "synchronous_commit=off", "-c", "shared_buffers=16MB", "-c", "max_connections=200", "-c", "autovacuum=off", "-c", "max_wal_senders=0")
	if err := startTied(owner, cmd, syscall.SIGQUIT, filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	return s.connect("pgx", s.url("postgres"))
}

func launchMariaDB(s *server) error {
	bin := newest("/usr/sbin/mariadbd")
	if bin == "" {
		return nil
	}
	owner, err := prepare(s, "mysql")
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	if err := runAs(owner, install); err != nil {
		return err
	}
	cmd := exec.Command(bin, "--no-defaults", "--datadir="+data, "--socket="+s.dir+"/my.sock", "--skip-networking", "--pid-file="+s.dir+"/my.pid",
		"--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-log-bin", "--tmpdir="+s.dir, "--max-connections=200")
	if err := startTied(owner, cmd, syscall.SIGKILL, filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	return s.connect("mysql", "root@unix("+s.dir+"/my.sock)/")
}

func newest(pattern string) string {
	found, _ := filepath.Glob(pattern)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// prepare makes the server's directory and says whom to run it as: servers
// refuse to be root.
func prepare(s *server, name string) (*syscall.Credential, error) {
	sweep()
	s.dir = filepath.Join(os.TempDir(), fmt.Sprintf("nacre-dbtest-%d-%s", os.Getpid(), name))
	err := os.RemoveAll(s.dir) // of a process that had our number before us
	if err == nil {
		err = os.Mkdir(s.dir, 0o700)
	}
	if err != nil || os.Getuid() != 0 {
		return nil, err
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(s.dir, uid, gid)
}

// sweep removes what test binaries that are gone have left.
func sweep() {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), "nacre-dbtest-*-*"))
	for _, dir := range old {
		pid, err := strconv.Atoi(strings.Split(filepath.Base(dir), "-")[2])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			os.RemoveAll(dir)
		}
	}
}

func runAs(owner *syscall.Credential, cmd *exec.Cmd) error {
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
	}
	return nil
}

// startTied starts a server that gets signal when this process ends, however
// it ends. The signal follows the starting thread, so that one is kept.
func startTied(owner *syscall.Credential, cmd *exec.Cmd, signal syscall.Signal, logfile string) error {
	log, err := os.Create(logfile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = os.TempDir(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Pdeathsig: signal}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	return <-started
}

func (s *server) connect(driver, dsn string) (err error) {
	if s.root, err = sql.Open(driver, dsn); err != nil {
		return err
	}
	s.root.SetMaxOpenConns(1)
	for range 2400 { // two minutes
		if err = s.root.Ping(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return fmt.Errorf("%w\n%s", err, log)
}
