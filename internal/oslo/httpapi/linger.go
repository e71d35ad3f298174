package httpapi

import (
	"io"
	"net/http"
	"time"
)

// lingerTime is how long a body that was refused is read on.
const lingerTime = 30 * time.Second

// stream is a body that a handler reads itself.
type stream struct {
	io.ReadCloser
	patience time.Duration
	begun    bool
	broken   bool
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.begun = true
	n, err := s.ReadCloser.Read(p)
	s.broken = s.broken || err != nil && err != io.EOF
	return n, err
}

// linger reads on for a while before a refusal is sent: most clients send all
// they have before they read, and would see a connection that was cut instead
// of the reason. One that waits for a 100 is told at once.
func (s *stream) linger(c *Call) {
	if s.broken || !s.begun && c.R.Header.Get("Expect") != "" {
		return
	}
	conn := http.NewResponseController(c.W)
	if conn.SetReadDeadline(time.Now().Add(s.patience)) != nil {
		return // a caller within this process
	}
	if _, err := io.Copy(io.Discard, s); err == nil { // else the server would wait for the rest, without an end
		_ = conn.SetReadDeadline(time.Time{})
	}
}
