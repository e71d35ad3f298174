package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
