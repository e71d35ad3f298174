package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance/service"
)

// TestAbortedUpload hangs up in the middle of a transfer.
func TestAbortedUpload(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	server := httptest.NewServer(cloud.api)
	defer server.Close()
	id := cloud.create(t, "member", raw)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT /v2/images/%s/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n"+
		"Content-Type: application/octet-stream\r\nContent-Length: 10000000\r\n\r\n", id)
	if _, err := conn.Write(make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	saving := `"status":"saving"`
	waitFor(t, func() bool { return strings.Contains(string(cloud.show(t, id)), saving) })
	conn.Close()
	waitFor(t, func() bool { return !strings.Contains(string(cloud.show(t, id)), saving) })
	if got := string(cloud.show(t, id)); !strings.Contains(got, `"status":"queued"`) || !strings.Contains(got, `"size":null`) {
		t.Errorf("got %s", got)
	}
	files, err := filepath.Glob(cloud.dir + "/.partial/*")
	if err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	cloud.upload(t, "member", id, "whole").want(t, 204, "")
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came")
		}
	}
}

// TestUploadStreams uploads and downloads over the network in pieces, without
// a length.
func TestUploadStreams(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	server := httptest.NewServer(cloud.api)
	defer server.Close()
	id := cloud.create(t, "member", raw)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	r, err := http.NewRequest("PUT", server.URL+"/v2/images/"+id+"/file", io.MultiReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"X-Auth-Token": {"member"}, "Content-Type": {"application/octet-stream"}}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != 204 {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	r, _ = http.NewRequest("GET", server.URL+"/v2/images/"+id+"/file", nil)
	r.Header = http.Header{"X-Auth-Token": {"member"}, "Range": {"bytes=16-"}}
	resp, err = http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, data[16:]) || resp.Header.Get("Content-Range") != fmt.Sprintf("bytes 16-%d/%d", len(data)-1, len(data)) {
		t.Errorf("%d bytes, %v, %v", len(got), resp.Header, err)
	}
}

func TestRanges(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	id := cloud.create(t, "member", raw)
	cloud.upload(t, "member", id, "0123456789").want(t, 204, "")
	for header, tc := range map[string]struct {
		status int
		want   string
	}{
		"Range: bytes=2-3":              {206, "23"},
		"Range: bytes=7-":               {206, "789"},
		"Range: bytes=7-100":            {206, "789"},
		"Range: bytes=-4":               {206, "6789"},
		"Range: bytes=-40":              {206, "0123456789"},
		"Range: bytes=3-2":              {416, "Invalid Range header."},
		"Range: bytes=x":                {416, "Invalid Range header."},
		"Range: bytes=10-":              {416, "Start position MUST be in the inclusive range [0, 9]."},
		"Range: bytes=0-1,3-4":          {400, "multiple ranges"},
		"Content-Range: bytes 1-3/10":   {206, "123"},
		"Content-Range: bytes 1-10/10":  {416, "Invalid stop position in Content-Range header."},
		"Content-Range: bytes=1-3":      {416, "Invalid Content-Range header."},
		"If-None-Match: whatever":       {200, "0123456789"},
		"Range: bytes=0-99999999999999": {206, "0123456789"},
	} {
		name, value, _ := strings.Cut(header, ": ")
		got := cloud.do(t, "member", "GET", "/v2/images/"+id+"/file", "", map[string]string{name: value})
		if got.status != tc.status || !strings.Contains(string(got.body), tc.want) || got.status == 206 && len(got.body) != len(tc.want) {
			t.Errorf("%s: got %d %s", header, got.status, got.body)
		}
	}
	cloud.do(t, "member", "GET", "/v2/images/"+id+"/file?prefer=nosuch", "", nil).want(t, 400, "Store 'nosuch' is not configured.")
	cloud.do(t, "member", "GET", "/v2/images/"+id+"/file?prefer=files", "", nil).want(t, 200, "0123456789")
}

func TestDeactivated(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	id := cloud.create(t, "member", raw)
	path := "/v2/images/" + id
	cloud.do(t, "member", "POST", path+"/actions/deactivate", "", nil).want(t, 403, "Not allowed to deactivate image in status 'queued'")
	cloud.upload(t, "member", id, "data").want(t, 204, "")
	for range 2 {
		cloud.do(t, "member", "POST", path+"/actions/deactivate", "", nil).want(t, 204, "")
	}
	cloud.do(t, "member", "GET", path+"/file", "", nil).want(t, 403, "The requested image has been deactivated.")
	cloud.do(t, "admin", "GET", path+"/file", "", nil).want(t, 200, "data")
	cloud.do(t, "member", "POST", path+"/actions/reactivate", "", nil).want(t, 204, "")
	cloud.do(t, "member", "GET", path+"/file", "", nil).want(t, 200, "data")
}

// TestIdleUpload: a client that stays and sends nothing more.
func TestIdleUpload(t *testing.T) {
	config := service.DefaultConfig()
	config.ClientSocketTimeout = 1
	cloud := start(t, config)
	server := httptest.NewServer(cloud.api)
	defer server.Close()
	id := cloud.create(t, "member", raw)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /v2/images/%s/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n"+
		"Content-Type: application/octet-stream\r\nContent-Length: 10000000\r\n\r\n1234", id)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode/100 != 4 {
		t.Fatalf("got %v, %v", answer, err)
	}
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"status":"queued"`)
	files, err := filepath.Glob(filepath.Join(cloud.dir, "[0-9a-f]*"))
	if partial, _ := filepath.Glob(filepath.Join(cloud.dir, ".partial", "*")); err != nil || len(files)+len(partial) != 0 {
		t.Errorf("left: %v %v, %v", files, partial, err)
	}
}

// TestLargeDownload is more than one piece, and a range across its border.
func TestLargeDownload(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	server := httptest.NewServer(cloud.api)
	defer server.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 17<<16)
	id := cloud.create(t, "member", raw)
	cloud.upload(t, "member", id, string(data)).want(t, 204, "")
	for header, want := range map[string][]byte{"": data, "bytes=8388600-8388620": data[8388600:8388621], "bytes=-9": data[len(data)-9:]} {
		r, _ := http.NewRequest("GET", server.URL+"/v2/images/"+id+"/file", nil)
		r.Header.Set("X-Auth-Token", "member")
		if header != "" {
			r.Header.Set("Range", header)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, want %d, %v", header, len(got), len(want), err)
		}
	}
}
