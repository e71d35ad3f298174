package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"path"
	"strconv"
	"strings"
)

// maxReplies bounds what an FTP server says beside the file, in bytes.
const maxReplies = 64 << 10

// ftp is a connection to an FTP server (RFC 959, RFC 2428) and the file that it sends.
type ftp struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	control net.Conn
	text    *textproto.Conn
	data    net.Conn
}

// getFTP answers with a file, as anybody or as the user whom the URL names.
func getFTP(r *http.Request, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*http.Response, error) {
	dir, file := path.Split(strings.TrimPrefix(r.URL.Path, "/"))
	if r.Method != http.MethodGet || file == "" || strings.ContainsAny(r.URL.Path, "\r\n\x00") {
		return nil, &Refused{r.URL.Redacted(), "it is no file that an FTP server can send"}
	}
	conn, err := dial(r.Context(), "tcp", net.JoinHostPort(r.URL.Hostname(), cmp.Or(r.URL.Port(), "21")))
	if err != nil {
		return nil, err
	}
	f := &ftp{dial: dial, control: conn, text: textproto.NewConn(limited{conn, &io.LimitedReader{R: conn, N: maxReplies}})}
	stop := context.AfterFunc(r.Context(), func() { conn.Close() })
	size, err := f.begin(r, strings.TrimSuffix(dir, "/"), file)
	if err != nil {
		stop()
		return nil, errors.Join(err, f.Close())
	}
	stopData := context.AfterFunc(r.Context(), func() { f.data.Close() })
	body := struct {
		io.Reader
		io.Closer
	}{f, closer(func() error { stop(); stopData(); return f.Close() })}
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Header: http.Header{}, Body: body, ContentLength: size, Request: r}, nil
}

// limited is a connection that says no more than so much.
type limited struct {
	net.Conn
	r io.Reader
}

// Read implements io.Reader.
func (l limited) Read(p []byte) (int, error) { return l.r.Read(p) }

type closer func() error

// Close implements io.Closer.
func (c closer) Close() error { return c() }

// begin logs in and asks for the file; its size is -1 if the server does not say.
func (f *ftp) begin(r *http.Request, dir, file string) (size int64, err error) {
	if _, _, err := f.text.ReadResponse(220); err != nil {
		return 0, err
	}
	if err := f.login(r); err != nil {
		return 0, err
	}
	if _, err := f.ask(2, "TYPE I"); err != nil {
		return 0, err
	}
	if dir != "" {
		if _, err := f.ask(2, "CWD %s", dir); err != nil {
			return 0, err
		}
	}
	size = -1
	if said, err := f.ask(2, "SIZE %s", file); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(said), 10, 64); err == nil && n >= 0 {
			size = n
		}
	}
	if err := f.passive(r.Context()); err != nil {
		return 0, err
	}
	_, err = f.ask(1, "RETR %s", file)
	return size, err
}

func (f *ftp) login(r *http.Request) error {
	user, password := "anonymous", "anonymous@"
	if u := r.URL.User; u != nil && u.Username() != "" {
		user = u.Username()
		password, _ = u.Password()
	}
	if strings.ContainsAny(user+password, "\r\n\x00") {
		return &Refused{r.URL.Redacted(), "its user is none"}
	}
	if _, err := f.ask(2, "USER %s", user); err == nil {
		return nil
	} else if reply := (*textproto.Error)(nil); !errors.As(err, &reply) || reply.Code/100 != 3 {
		return err
	}
	_, err := f.ask(2, "PASS %s", password)
	return err
}

// ask sends a command. A reply of another class is a *textproto.Error.
func (f *ftp) ask(class int, format string, args ...any) (string, error) {
	if err := f.text.PrintfLine(format, args...); err != nil {
		return "", err
	}
	_, said, err := f.text.ReadResponse(class)
	return said, err
}

// passive connects to the port that the server names, at the address that it
// has, whatever address it names.
func (f *ftp) passive(ctx context.Context) error {
	port, err := 0, error(nil)
	if said, eerr := f.ask(2, "EPSV"); eerr == nil {
		_, said, _ = strings.Cut(said, "(|||")
		_, err = fmt.Sscanf(said, "%d|", &port)
	} else {
		if said, err = f.ask(2, "PASV"); err != nil {
			return err
		}
		var h [4]int
		var high, low int
		_, said, _ = strings.Cut(said, "(")
		_, err = fmt.Sscanf(said, "%d,%d,%d,%d,%d,%d", &h[0], &h[1], &h[2], &h[3], &high, &low)
		port = high<<8 + low
	}
	if err != nil || port < 1024 || port > 65535 {
		return errors.New("ftp: the server names no port for the file")
	}
	host, _, err := net.SplitHostPort(f.control.RemoteAddr().String())
	if err != nil {
		return err
	}
	f.data, err = f.dial(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	return err
}

// Read implements io.Reader. The file is whole only when the server says so.
func (f *ftp) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	if err == io.EOF {
		if _, _, ferr := f.text.ReadResponse(2); ferr != nil {
			err = fmt.Errorf("ftp: the file broke off: %w", ferr)
		}
	}
	return n, err
}

// Close implements io.Closer.
func (f *ftp) Close() error {
	err := f.text.Close()
	if f.data != nil {
		err = errors.Join(err, f.data.Close())
	}
	if errors.Is(err, net.ErrClosed) { // by its context
		err = nil
	}
	return err
}
