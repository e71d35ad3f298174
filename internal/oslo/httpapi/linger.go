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
	begun  bool
	broken bool
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
	if conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return // a caller within this process
	}
	_, _ = io.Copy(io.Discard, s)
	_ = conn.SetReadDeadline(time.Time{})
}
