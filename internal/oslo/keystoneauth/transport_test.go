package keystoneauth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func client(h http.Handler) *http.Client {
	t := NewTransport(nil)
	t.Serve("cloud:1", h)
	return &http.Client{Transport: t}
}

func TestDirectCall(t *testing.T) {
	c := client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Got", r.Method+" "+r.RequestURI+" "+r.Host+" "+string(body))
		w.WriteHeader(201)
		w.Header().Set("X-Late", "no")
		_, _ = w.Write([]byte("done"))
	}))
	res, err := c.Post("http://cloud:1/a/b?c=d", "text/plain", strings.NewReader("hi"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 201 || string(body) != "done" || res.Header.Get("X-Got") != "POST /a/b?c=d cloud:1 hi" || res.Header.Get("X-Late") != "" {
		t.Fatalf("%d %q %v", res.StatusCode, body, res.Header)
	}
}

// TestDirectScheme: a handler tells addresses by whether the client came by TLS.
func TestDirectScheme(t *testing.T) {
	c := client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.TLS != nil) }))
	for url, want := range map[string]string{"http://cloud:1/": "false", "https://cloud:1/": "true"} {
		res, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", url, got, err)
		}
	}
}

func TestDirectStreams(t *testing.T) {
	step := make(chan struct{})
	c := client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<16))
			<-step
		}
	}))
	res, err := c.Get("http://cloud:1/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 1<<16)
	for range 3 {
		if _, err := io.ReadFull(res.Body, buf); err != nil {
			t.Fatal(err)
		}
		step <- struct{}{}
	}
	if n, err := res.Body.Read(buf); n != 0 || err != io.EOF {
		t.Fatalf("%d bytes left, %v", n, err)
	}
}

func TestDirectEndsWithItsClient(t *testing.T) {
	ended := make(chan error, 1)
	c := client(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended <- r.Context().Err()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://cloud:1/", nil)
	if _, err := c.Do(req); err == nil {
		t.Fatal("the call outlived its context")
	}
	if <-ended == nil {
		t.Fatal("the handler's context did not end")
	}
}

func TestDirectAbort(t *testing.T) {
	c := client(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	}))
	res, err := c.Get("http://cloud:1/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Fatal("an answer that broke off looks whole")
	}
}
