// Package messagingtest starts real brokers for tests.
package messagingtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// RabbitMQ starts a private broker and returns its URL. It ends with the test.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
	if len(bins) == 0 {
		t.Fatal("RabbitMQ is not installed: apt-get install rabbitmq-server")
	}
	dir, err := os.MkdirTemp("/tmp", "nacre-mq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ports := freePorts(t, 3)
	port, dist, epmd := ports[0], ports[1], ports[2]
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cmd := exec.Command(bins[0])
	cmd.Env = append(os.Environ(), "RABBITMQ_NODENAME=nacre"+port+"@localhost", "RABBITMQ_MNESIA_BASE="+dir+"/mnesia", "RABBITMQ_LOG_BASE="+dir,
		"RABBITMQ_CONFIG_FILE="+write("rabbitmq.conf", "listeners.tcp.1 = 127.0.0.1:"+port+"\nlog.file = false\n"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+write("enabled_plugins", "[]."), "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_PID_FILE="+dir+"/pid", "RABBITMQ_DIST_PORT="+dist, "ERL_EPMD_PORT="+epmd, "ERL_EPMD_ADDRESS=127.0.0.1", "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		endEpmd(epmd)
	})
	url := "amqp://guest:guest@127.0.0.1:" + port + "/"
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if conn, err := amqp.Dial(url); err == nil {
			conn.Close()
			return url
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(out.Name())
			t.Fatalf("RabbitMQ did not start:\n%s", text)
		}
	}
}

// freePorts are different ones: each is held until all are found.
func freePorts(t testing.TB, count int) (ports []string) {
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// endEpmd ends the port mapper that Erlang leaves behind, found by the port it was given.
func endEpmd(port string) {
	procs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range procs {
		env, _ := os.ReadFile(p)
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(p), "exe"))
		if strings.HasSuffix(exe, "/epmd") && strings.Contains(string(env), "ERL_EPMD_PORT="+port+"\x00") {
			var pid int
			if _, err := fmt.Sscan(filepath.Base(filepath.Dir(p)), &pid); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}
