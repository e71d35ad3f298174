package libvirtd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"nacre/internal/oslo/uuid"
)

// mounts are the directories of its own that the private daemon sees in the places of the system's. The paths inside
// stay as short as libvirt wants them, however long the state directory's name is.
var mounts = []struct{ dir, at string }{
	{"run", "/run/libvirt"},
	{"lib", "/var/lib/libvirt"},
	{"log", "/var/log/libvirt"},
	{"cache", "/var/cache/libvirt"},
	{"etc", "/etc/libvirt"},
}

const daemonConf = `listen_tls = 0
listen_tcp = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
max_clients = 1000
max_workers = 40
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
host_uuid = "%s"
`

// qemuConf: guests run as root because their files lie in a state directory that only root may enter; logs are written
// by the emulator itself because there is no virtlogd; control groups stay untouched because guests of another cloud
// may have the same names.
const qemuConf = `user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
max_core = 0
`

// prepare makes the private daemon's directories and configuration.
func (d *Daemon) prepare() error {
	if err := d.forgetOtherBoot(); err != nil {
		return err
	}
	for _, m := range mounts {
		for _, dir := range []string{filepath.Join(d.root, m.dir), m.at} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
	}
	if err := d.adoptCapabilities(); err != nil {
		return err
	}
	id, err := d.hostUUID()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"libvirtd.conf": fmt.Sprintf(daemonConf, id), "qemu.conf": qemuConf} {
		if err := os.WriteFile(filepath.Join(d.root, "etc", name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// forgetOtherBoot empties the run directory after the machine was booted: what it says of processes is not true any more.
func (d *Daemon) forgetOtherBoot() error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	file := filepath.Join(d.root, "boot_id")
	if was, err := os.ReadFile(file); err == nil && bytes.Equal(was, boot) {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(d.root, "run")); err != nil {
		return err
	}
	if err := os.MkdirAll(d.root, 0o711); err != nil {
		return err
	}
	return os.WriteFile(file, boot, 0o600)
}

// hostUUID is the identity that libvirt gives this host; it must differ between two daemons of one machine.
func (d *Daemon) hostUUID() (string, error) {
	file := filepath.Join(d.root, "host_uuid")
	if b, err := os.ReadFile(file); err == nil && uuid.Valid(string(b)) {
		return string(b), nil
	}
	id := uuid.New()
	return id, os.WriteFile(file, []byte(id), 0o600)
}

// adoptCapabilities copies what the system's daemon found out about the emulators, which takes seconds to find out anew.
// libvirt checks each entry against the emulator's time stamp.
func (d *Daemon) adoptCapabilities() error {
	const sub = "qemu/capabilities"
	to := filepath.Join(d.root, "cache", sub)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	from := os.DirFS(filepath.Join("/var/cache/libvirt", sub))
	if err := os.CopyFS(to, from); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.RemoveAll(to))
	}
	return nil
}

// process is a daemon that we started.
type process struct {
	pid   int
	ended chan struct{}
}

// launch starts the daemon in a mount namespace of its own. The thread that enters the namespace is never used again.
// Emulators leave their parent; a guest counts as ended only when somebody has taken note of its process's end, for
// which the first process of a container may take seconds: tini, if installed, does it at once.
func (d *Daemon) launch() (*process, error) {
	bin, err := exec.LookPath("libvirtd")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/libvirtd"); err != nil {
			return nil, errors.New("there is no libvirtd: install libvirt-daemon-system and qemu-system-x86")
		}
	}
	out, err := os.OpenFile(filepath.Join(d.root, "out"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	argv := []string{bin, "--pid-file", filepath.Join(d.root, "libvirtd.pid")}
	if tini, err := exec.LookPath("tini"); err == nil {
		argv = append([]string{tini, "-s", "--"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if err := d.enter(); err != nil {
			started <- err
			return
		}
		started <- cmd.Start()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // reaps it, should it end before we do
		close(p.ended)
	}()
	return p, nil
}

// enter gives the current thread a mount namespace in which the private daemon's directories cover the system's.
func (d *Daemon) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	for _, m := range mounts {
		if err := unix.Mount(filepath.Join(d.root, m.dir), m.at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	return nil
}

// pid is the private daemon's process, 0 when there is none.
func (d *Daemon) pid() int {
	file := filepath.Join(d.root, "libvirtd.pid")
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		return 0
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(args, []byte(file+"\x00")) {
		return 0
	}
	return pid
}
