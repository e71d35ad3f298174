package test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var imported = regexp.MustCompile(`from '\./([^']+)'`)

// console opens the first guest's screen as a browser does: the page, the code
// that it loads, then the screen through a websocket. The token is good once.
func (u *hour) console(t *testing.T) {
	var shown struct{ URL string }
	u.me.Show(&shown, "console", "url", "show", "--novnc", "one")
	at, err := url.Parse(shown.URL)
	if err != nil || at.Host != "127.0.0.1:6080" {
		t.Fatalf("the console is at %q: %v", shown.URL, err)
	}
	browser := u.HTTP()
	page := fetch(t, browser, shown.URL)
	if !strings.Contains(page, "noVNC") {
		t.Errorf("the page is\n%.500s", page)
	}
	for _, m := range imported.FindAllStringSubmatch(page, -1) {
		if code := fetch(t, browser, "http://127.0.0.1:6080/"+m[1]); !strings.Contains(code, "export") {
			t.Errorf("%s is\n%.200s", m[1], code)
		}
	}
	screen := "http://127.0.0.1:6080/" + at.Query().Get("path")
	c, res, err := websocket.Dial(t.Context(), screen, &websocket.DialOptions{HTTPClient: browser, Subprotocols: []string{"binary"}})
	if err != nil {
		t.Fatalf("%s: %v %v", screen, res, err)
	}
	defer c.CloseNow()
	c.SetReadLimit(16 << 20)
	watch(t, websocket.NetConn(t.Context(), c, websocket.MessageBinary))
	if again, res, err := websocket.Dial(t.Context(), screen, &websocket.DialOptions{HTTPClient: browser}); err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("the token is good twice: %v %v", res, err)
		if err == nil {
			again.CloseNow()
		}
	}
}

func fetch(t *testing.T, browser *http.Client, at string) string {
	t.Helper()
	res, err := browser.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", at, res.StatusCode, err)
	}
	return string(text)
}

// watch speaks RFB 3.8 as far as the first picture, and presses a key.
func watch(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(boot))
	read := func(n int) []byte {
		t.Helper()
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatalf("the screen: %v", err)
		}
		return b
	}
	write := func(b ...byte) {
		t.Helper()
		if _, err := conn.Write(b); err != nil {
			t.Fatalf("the screen: %v", err)
		}
	}
	if v := string(read(12)); v != "RFB 003.008\n" {
		t.Fatalf("the screen speaks %q", v)
	}
	write([]byte("RFB 003.008\n")...)
	if types := read(int(read(1)[0])); !strings.Contains(string(types), "\x01") {
		t.Fatalf("who has the token is asked for more: security types %v", types)
	}
	write(1)
	if result := binary.BigEndian.Uint32(read(4)); result != 0 {
		t.Fatalf("refused: %d", result)
	}
	write(1) // shared
	start := read(24)
	width, height := start[0:2], start[2:4]
	read(int(binary.BigEndian.Uint32(start[20:])))
	write(4, 1, 0, 0, 0, 0, 0xff, 0x0d) // Return is pressed
	write(append([]byte{3, 0, 0, 0, 0, 0}, append(width, height...)...)...)
	if kind := read(1)[0]; kind != 0 {
		t.Errorf("message %d instead of a picture", kind)
	}
	picture := read(3 + 12)
	if count := binary.BigEndian.Uint16(picture[1:3]); count == 0 {
		t.Error("the picture is empty")
	}
}

// obedience has the second guest do all that the API can tell it.
func (u *hour) obedience(t *testing.T) {
	api, at := u.API(), "8774/v2.1/servers/"+u.ids["two"]
	var two struct {
		Server struct {
			Status string
			Task   *string `json:"OS-EXT-STS:task_state"`
		}
	}
	for _, step := range []struct {
		status string
		action map[string]any
	}{
		{"PAUSED", map[string]any{"pause": nil}}, {"ACTIVE", map[string]any{"unpause": nil}},
		{"SUSPENDED", map[string]any{"suspend": nil}}, {"ACTIVE", map[string]any{"resume": nil}},
		{"SHUTOFF", map[string]any{"os-stop": nil}}, {"ACTIVE", map[string]any{"os-start": nil}},
		{"ACTIVE", map[string]any{"reboot": map[string]string{"type": "HARD"}}}, {"ACTIVE", map[string]any{"reboot": map[string]string{"type": "SOFT"}}},
	} {
		api.Want(202, "POST", at+"/action", step.action, nil)
		u.Until(fmt.Sprintf("after %v the server is %s", step.action, step.status), boot, func() bool {
			api.Want(200, "GET", at, nil, &two)
			return two.Server.Status == step.status && two.Server.Task == nil
		})
	}
	api.Want(202, "POST", at+"/action", map[string]any{"lock": nil}, nil)
	if _, err := u.me.Run("server", "stop", "two"); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a locked server is stopped: %v", err)
	}
	api.Want(202, "POST", at+"/action", map[string]any{"unlock": nil}, nil)
	u.Until("the second guest answers after all that", boot, func() bool { _, err := u.ssh("ping -c1 -W2 " + u.fixed["two"]); return err == nil })
	var told struct {
		Actions []struct{ Action string } `json:"instanceActions"`
	}
	api.Want(200, "GET", at+"/os-instance-actions", nil, &told)
	seen := fmt.Sprint(told.Actions)
	for _, want := range []string{"create", "pause", "unpause", "suspend", "resume", "stop", "start", "reboot", "lock", "unlock"} {
		if !strings.Contains(seen, "{"+want+"}") {
			t.Errorf("no action %s among %s", want, seen)
		}
	}
	var volumes struct{ VolumeAttachments []any }
	api.Want(200, "GET", at+"/os-volume_attachments", nil, &volumes)
	if volumes.VolumeAttachments == nil || len(volumes.VolumeAttachments) != 0 {
		t.Errorf("volumes: %v", volumes)
	}
}
