package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nacre/internal/oslo/fault"
)

// TestRefusedStream: a client that sends more than fits on the way before it
// reads sees why it was refused, whoever refuses it; one that waits for a 100
// is refused before it sends.
func TestRefusedStream(t *testing.T) {
	api := testAPI(t, func(s *Service) {
		s.Table = append(s.Table,
			Route{Method: "PUT", Path: "/early", RawBody: true, Do: Raw(func(*Call, http.ResponseWriter) error { return fault.Conflict("not now") })},
			Route{Method: "PUT", Path: "/late", RawBody: true, Do: Raw(func(c *Call, _ http.ResponseWriter) error {
				_, _ = io.CopyN(io.Discard, c.R.Body, 1<<20)
				return fault.Conflict("too much")
			})},
			Route{Method: "PUT", Path: "/things/{thing_id}/file", RawBody: true, Do: OnRaw(find, func(*Call, thing, http.ResponseWriter) error { return nil })})
	})
	server := httptest.NewServer(api)
	defer server.Close()
	for path, want := range map[string]string{"early": "409 not now", "late": "409 too much", "things/t9/file": "404 Thing t9 could not be found."} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprint(path, " ", waits), func(t *testing.T) {
				if waits && path == "late" {
					return // it is told to send
				}
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				const size = 64 << 20
				expect := ""
				if waits {
					expect = "Expect: 100-continue\r\n"
				}
				fmt.Fprintf(conn, "PUT /v2.1/%s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: m\r\n%sContent-Length: %d\r\n\r\n", path, expect, size)
				if !waits {
					if n, err := conn.Write(make([]byte, size)); err != nil {
						t.Fatalf("%d bytes sent: %v", n, err)
					}
				}
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				text, _ := io.ReadAll(res.Body)
				status, message, _ := strings.Cut(want, " ")
				if fmt.Sprint(res.StatusCode) != status || !strings.Contains(string(text), message) {
					t.Errorf("%d %s, want %s", res.StatusCode, text, want)
				}
			})
		}
	}
}

// TestRefusedStreamWithoutEnd: a client that never sends what it promised is
// answered by and by, with what went wrong here, and let go.
func TestRefusedStreamWithoutEnd(t *testing.T) {
	broken := func(c *Call, _ http.ResponseWriter) error {
		_, _ = io.ReadFull(c.R.Body, make([]byte, 1))
		return errors.New("the disk is broken")
	}
	api := testAPI(t, func(s *Service) {
		s.Table = append(s.Table, Route{Method: "PUT", Path: "/broken", RawBody: true, Do: Raw(broken)})
	})
	api.linger = 50 * time.Millisecond
	server := httptest.NewServer(api)
	defer server.Close()
	for _, size := range []int64{1000, 1 << 30} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "PUT /v2.1/broken HTTP/1.1\r\nHost: x\r\nX-Auth-Token: m\r\nContent-Length: %d\r\n\r\nx", size)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != 500 {
			t.Errorf("%d of %d bytes: %d, want 500", 1, size, res.StatusCode)
		}
		if n, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("%d bytes more, %v: the connection is kept", n, err)
		}
	}
}
