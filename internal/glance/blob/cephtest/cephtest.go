// Package cephtest starts a Ceph of one monitor and one disk on loopback, for
// the tests of the driver that speaks to it.
package cephtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/oslo/uuid"
)

// Pool is for images.
const Pool = "images"

// Ceph is a running one without authentication.
type Ceph struct {
	Conf string // its configuration file
	FSID string

	dir     string
	started []*exec.Cmd
}

var shared struct {
	sync.Mutex
	*Ceph
}

// Start is the one Ceph of this test binary; Main ends it.
func Start(t testing.TB) *Ceph {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.Ceph == nil {
		c := &Ceph{FSID: uuid.New()}
		if err := c.start(); err != nil {
			c.stop()
			t.Fatalf("start Ceph (packages ceph-mon, ceph-mgr, ceph-osd, ceph-common): %v", err)
		}
		shared.Ceph = c
	}
	return shared.Ceph
}

// Main runs the tests and ends what they started.
func Main(m *testing.M) {
	code := m.Run()
	if shared.Ceph != nil {
		shared.stop()
	}
	os.Exit(code)
}

const conf = `[global]
fsid = %[2]s
mon host = v1:127.0.0.1:%[3]s
ms bind msgr2 = false
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
bluestore block size = 4294967296
osd memory target = 939524096
bluestore cache autotune = false
bluestore cache size = 67108864
run dir = %[1]s
admin socket = %[1]s/$cluster-$name.$pid.asok
log file = %[1]s/$cluster-$name.log
pid file = %[1]s/$name.pid
keyring = %[1]s/keyring
mon data = %[1]s/mon
osd data = %[1]s/osd
mgr data = %[1]s/mgr
`

func (c *Ceph) start() error {
	dir, err := os.MkdirTemp("", "ceph")
	if err != nil {
		return err
	}
	c.dir, c.Conf = dir, filepath.Join(dir, "ceph.conf")
	port, err := freePort()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Conf, fmt.Appendf(nil, conf, dir, c.FSID, port), 0o600); err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"osd", "mgr"} {
		if err := os.Mkdir(in(d), 0o755); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"ceph-authtool", "--create-keyring", in("keyring"), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"},
		{"monmaptool", "--create", "--addv", "a", "[v1:127.0.0.1:" + port + "]", "--fsid", c.FSID, in("monmap")},
		{"ceph-mon", "-c", c.Conf, "--mkfs", "-i", "a", "--monmap", in("monmap"), "--keyring", in("keyring")},
	} {
		if _, err := run(args...); err != nil {
			return err
		}
	}
	if err := errors.Join(c.begin("ceph-mon", "-f", "-c", c.Conf, "-i", "a"), c.begin("ceph-mgr", "-f", "-c", c.Conf, "-i", "x")); err != nil {
		return err
	}
	return c.disk()
}

// freePort is below those that the kernel gives to any connection: until the
// monitor listens on it nobody else has it.
func freePort() (port string, err error) {
	for range 1000 {
		port = strconv.Itoa(10000 + rand.IntN(20000))
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", err
}

// disk adds the one disk and waits for it.
func (c *Ceph) disk() error {
	id := uuid.New()
	number, err := c.Ceph("osd", "new", id)
	if err != nil {
		return err
	}
	block, err := os.Create(filepath.Join(c.dir, "osd", "block"))
	if err == nil {
		err = errors.Join(block.Truncate(4<<30), block.Close())
	}
	if err != nil {
		return err
	}
	if _, err := run("ceph-osd", "-c", c.Conf, "-i", number, "--mkfs", "--osd-uuid", id); err != nil {
		return err
	}
	if _, err := c.Ceph("osd", "crush", "add", "osd."+number, "1.0", "root=default", "host=vm"); err != nil {
		return err
	}
	if err := c.begin("ceph-osd", "-f", "-c", c.Conf, "-i", number); err != nil {
		return err
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if out, err := c.Ceph("osd", "stat"); err == nil && strings.Contains(out, "1 up") {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("the disk did not come up")
		}
	}
	if _, err := c.Ceph("osd", "pool", "create", Pool, "4"); err != nil {
		return err
	}
	_, err = c.Ceph("osd", "pool", "application", "enable", Pool, "rbd")
	return err
}

// Ceph runs the administrator's command. On a busy machine it loses its first
// exchange with the monitor now and then.
func (c *Ceph) Ceph(args ...string) (out string, err error) {
	for range 10 {
		out, err = run(append([]string{"ceph", "-c", c.Conf, "--connect-timeout", "60"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), "problem getting command descriptions") {
			break
		}
	}
	return out, err
}

// RBD runs the command of images.
func (c *Ceph) RBD(t testing.TB, args ...string) string {
	t.Helper()
	out, err := run(append([]string{"rbd", "-c", c.Conf}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func run(args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out)), nil
}

func (c *Ceph) begin(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	c.started = append(c.started, cmd)
	return nil
}

func (c *Ceph) stop() {
	for _, cmd := range c.started {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	_ = os.RemoveAll(c.dir)
}
