package api

import (
	"io"
	"net/http"
	"os"
	"time"
)

// patience ends a transfer in which nothing moves. It takes as long as it takes.
type patience struct {
	conn  *http.ResponseController
	limit time.Duration // 0 is for ever
}

func (a *API) watch(w http.ResponseWriter) patience {
	return patience{http.NewResponseController(w), time.Duration(a.svc.Config().ClientSocketTimeout) * time.Second}
}

// Callers within this process have no socket, and no deadline.
func (p patience) untilRead()  { _ = p.conn.SetReadDeadline(p.deadline()) }
func (p patience) untilWrite() { _ = p.conn.SetWriteDeadline(p.deadline()) }

func (p patience) deadline() time.Time {
	if p.limit == 0 {
		return time.Time{}
	}
	return time.Now().Add(p.limit)
}

// stop takes the deadlines away: they are not the next request's.
func (p patience) stop() {
	_ = p.conn.SetReadDeadline(time.Time{})
	_ = p.conn.SetWriteDeadline(time.Time{})
}

// reader is a body whose every read has its deadline.
func (p patience) reader(body io.Reader) io.Reader { return &patientReader{p, body} }

type patientReader struct {
	patience
	body io.Reader
}

func (r *patientReader) Read(b []byte) (int, error) {
	r.untilRead()
	return r.body.Read(b)
}

// sendPiece is how many bytes have one deadline.
const sendPiece = 8 << 20

// send sends n bytes, io.EOF if there are less. The kernel copies files.
func (p patience) send(w io.Writer, from io.Reader, n int64) (sent int64, err error) {
	_, isFile := from.(*os.File)
	var buffer []byte
	if !isFile {
		buffer, w = make([]byte, sendBuffer), struct{ io.Writer }{w}
	}
	for sent < n && err == nil {
		p.untilWrite()
		piece, m := min(sendPiece, n-sent), int64(0)
		m, err = io.CopyBuffer(w, io.LimitReader(from, piece), buffer)
		if sent += m; err == nil && m < piece {
			err = io.EOF
		}
	}
	return sent, err
}
