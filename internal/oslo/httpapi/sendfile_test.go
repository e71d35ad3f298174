package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// sender is a connection that can send files by itself.
type sender struct {
	*httptest.ResponseRecorder
	got io.Reader
}

func (s *sender) ReadFrom(src io.Reader) (int64, error) {
	s.got = src
	return io.Copy(s.ResponseRecorder, src)
}

// TestRecorderSendsFiles: what lies between handler and connection does not
// keep the kernel from copying.
func TestRecorderSendsFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	to := &sender{ResponseRecorder: httptest.NewRecorder()}
	rec := &recorder{ResponseWriter: to}
	if n, err := io.Copy(rec, io.LimitReader(file, 5)); n != 5 || err != nil || to.Body.String() != "01234" {
		t.Errorf("%d bytes, %q, %v", n, to.Body, err)
	}
	if l, ok := to.got.(*io.LimitedReader); !ok || l.R != file || rec.status != http.StatusOK {
		t.Errorf("the connection got %T, status %d", to.got, rec.status)
	}
	plain := httptest.NewRecorder()
	if n, err := io.Copy(&recorder{ResponseWriter: plain}, io.LimitReader(file, 5)); n != 5 || err != nil || plain.Body.String() != "56789" {
		t.Errorf("without one: %d bytes, %q, %v", n, plain.Body, err)
	}
}
