package httpclient

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ftpServer is a real one (pyftpdlib) with a directory of its own.
func ftpServer(t *testing.T) (dir, port string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.Command("/usr/bin/python3", "-c", `
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
a = DummyAuthorizer()
a.add_anonymous(sys.argv[1])
a.add_user("user", "pass word", sys.argv[1])
FTPHandler.authorizer = a
s = FTPServer(("127.0.0.1", 0), FTPHandler)
print(s.address[1], flush=True)
s.serve_forever()`, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if port, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%v: it is in Debian's python3-pyftpdlib", err)
	}
	return dir, strings.TrimSpace(port)
}

var local = Config{AllowedNetworks: []string{"127.0.0.1/32"}, FTP: true}

func TestFTP(t *testing.T) {
	dir, port := ftpServer(t)
	data := bytes.Repeat([]byte("0123456789\r\n"), 100_000)
	if err := os.Mkdir(filepath.Join(dir, "a b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"image", "a b/image"} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"127.0.0.1:" + port + "/image", "127.0.0.1:" + port + "/a%20b/image", "user:pass%20word@127.0.0.1:" + port + "/image"} {
		if got, err := get(t, local, "ftp://"+path, nil); err != nil || got != string(data) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	_, web := listen(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "ftp://127.0.0.1:"+port+"/image", http.StatusFound)
	})
	if got, err := get(t, local, "http://127.0.0.1:"+web, nil); err != nil || got != string(data) {
		t.Errorf("redirected: %d bytes, %v", len(got), err)
	}
	for path, want := range map[string]string{
		"127.0.0.1:" + port + "/absent":              "550",
		"127.0.0.1:" + port + "/nowhere/image":       "550",
		"user:wrong@127.0.0.1:" + port + "/image":    "530",
		"127.0.0.1:" + port + "/a%20b/":              "no file",
		"127.0.0.1:" + port + "/x%0D%0ADELE%20image": "no file",
		"127.0.0.2:" + port + "/image":               "not allowed",
	} {
		if _, err := get(t, local, "ftp://"+path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	without := local
	without.FTP = false
	_, err := get(t, without, "ftp://127.0.0.1:"+port+"/image", nil)
	refused(t, err, `the scheme "ftp" is not allowed`)
}

// TestFTPSize: a length is told where the server tells one.
func TestFTPSize(t *testing.T) {
	dir, port := ftpServer(t)
	if err := os.WriteFile(filepath.Join(dir, "image"), []byte("bytes"), 0o644); err != nil {
		t.Fatal(err)
	}
	client, err := New(local)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Get("ftp://127.0.0.1:" + port + "/image")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ContentLength != 5 {
		t.Errorf("got %+v", res)
	}
}

// hostile answers as an FTP server, each command as replies says, and sends data.
func hostile(t *testing.T, replies map[string]string, data func(net.Conn)) string {
	t.Helper()
	files, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(); files.Close() })
	go func() {
		if c, err := files.Accept(); err == nil {
			data(c)
			c.Close()
		}
	}()
	port := files.Addr().(*net.TCPAddr).Port
	usual := map[string]string{"": "220 ", "USER": "230 ", "TYPE": "200 ", "EPSV": fmt.Sprintf("229 (|||%d|)", port), "RETR": "150 \r\n226 ", "SIZE": "502 "}
	go func() {
		c, err := control.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		text := textproto.NewConn(c)
		for command := ""; err == nil; command, err = text.ReadLine() {
			verb, _, _ := strings.Cut(command, " ")
			reply, ok := replies[verb]
			if !ok {
				reply = usual[verb]
			}
			reply = strings.ReplaceAll(reply, "PORT", fmt.Sprintf("%d,%d", port>>8, port&255))
			if reply != "" {
				_ = text.PrintfLine("%s", reply)
			}
		}
	}()
	return "ftp://" + control.Addr().String() + "/image"
}

func TestFTPHostile(t *testing.T) {
	five := func(c net.Conn) { _, _ = c.Write([]byte("bytes")) }
	quick := local
	quick.IdleTimeout = 50 * time.Millisecond
	for name, tc := range map[string]struct {
		config  Config
		replies map[string]string
		want    string // of the error; "" is none
	}{
		"as usual":         {local, nil, ""},
		"PASV, elsewhere":  {local, map[string]string{"EPSV": "500 ", "PASV": "227 (169,254,169,254,PORT)."}, ""},
		"a service's port": {local, map[string]string{"EPSV": "229 (|||22|)"}, "no port"},
		"no port":          {local, map[string]string{"EPSV": "500 ", "PASV": "227 whatever"}, "no port"},
		"broken off":       {local, map[string]string{"RETR": "150 \r\n426 aborted"}, `426 "aborted"`},
		"talks for ever":   {local, map[string]string{"TYPE": "200-" + strings.Repeat("x\r\n", maxReplies)}, "EOF"},
		"says nothing":     {quick, map[string]string{"USER": ""}, "stopped sending"},
		"does not end":     {quick, map[string]string{"RETR": "150 "}, "stopped sending"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := get(t, tc.config, hostile(t, tc.replies, five), nil)
			if tc.want == "" && (err != nil || got != "bytes") || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

// TestFTPCancelled: who waits for bytes does not when the request has ended.
func TestFTPCancelled(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	url := hostile(t, nil, func(c net.Conn) { _, _ = c.Write([]byte("b")); <-over })
	ctx, cancel := context.WithCancel(t.Context())
	client, err := New(local)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
