package bench

import (
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/test/host"
)

// imageStore is an image service that images are sent to.
type imageStore struct {
	url, token string
	client     *http.Client
	cpu        func() time.Duration
	ours       *Cloud // nil is the original
	dir        string // a place on the same disk
}

// BenchmarkImages uploads and downloads 1 GiB in all, by one client and by
// eight at once, to our Glance and to Debian's own on the same machine, beside
// what bounds both: writing the same to the same disk, and both hashes of it.
// The original keeps images in files, on MariaDB, by as many processes as there
// are CPUs; their time is counted, and so is its Keystone's.
func BenchmarkImages(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	ours := &imageStore{url: c.url(image, ""), token: c.token, client: &http.Client{Transport: c.client.Transport}, cpu: c.CPU, ours: c, dir: c.Dir}
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprintf("ours/clients=%d", clients), func(b *testing.B) { ours.transfer(b, clients) })
		b.Run(fmt.Sprintf("disk/clients=%d", clients), func(b *testing.B) { each(b, clients, ownCPU, ours.write) })
		b.Run(fmt.Sprintf("hashes/clients=%d", clients), func(b *testing.B) { each(b, clients, ownCPU, ours.hash) })
	}
	b.Run("original", func(b *testing.B) {
		if _, err := os.Stat("/usr/bin/glance-wsgi-api"); err != nil {
			b.Skip("the original Glance is not installed: scripts/install dropin")
		}
		theirs := originalImages(b)
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { theirs.transfer(b, clients) })
		}
	})
}

const gib = 1 << 30

// each has that many clients do their share of a GiB at once, and tells the CPU time.
func each(b *testing.B, clients int, cpu func() time.Duration, do func(b *testing.B, i int, size int64)) {
	b.SetBytes(gib)
	before := cpu()
	defer func() { b.ReportMetric(ms(cpu()-before)/float64(b.N), "cpu-ms/GiB") }()
	for range b.N {
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() { do(b, i, int64(gib/clients)) })
		}
		all.Wait()
	}
}

// transfer measures a GiB there and back.
func (s *imageStore) transfer(b *testing.B, clients int) {
	ids := make([]string, clients)
	part := func(name string, do func(b *testing.B, i int, size int64)) {
		b.Run(name, func(b *testing.B) {
			if s.ours != nil {
				s.ours.ResetPeak()
				defer func() { b.ReportMetric(float64(s.ours.Peak())/(1<<20), "peak-RSS-MiB") }()
			}
			each(b, clients, s.cpu, do)
		})
	}
	part("upload", func(b *testing.B, i int, size int64) {
		if ids[i] != "" {
			s.remove(b, ids[i])
		}
		ids[i] = s.upload(b, io.LimitReader(pattern{}, size))
	})
	part("download", func(b *testing.B, i int, size int64) { s.download(b, ids[i], size) })
	for _, id := range ids {
		s.remove(b, id)
	}
}

func (s *imageStore) write(b *testing.B, i int, size int64) {
	f, err := os.Create(filepath.Join(s.dir, fmt.Sprint("disk", i)))
	if err == nil {
		defer os.Remove(f.Name())
		defer f.Close()
		if _, err = io.Copy(f, io.LimitReader(pattern{}, size)); err == nil {
			err = f.Sync()
		}
	}
	if err != nil {
		b.Error(err)
	}
}

func (*imageStore) hash(_ *testing.B, _ int, size int64) {
	var both sync.WaitGroup
	for _, h := range []hash.Hash{md5.New(), sha512.New()} {
		both.Go(func() { _, _ = io.CopyBuffer(h, io.LimitReader(pattern{}, size), make([]byte, 512<<10)) })
	}
	both.Wait()
}

// pattern is endless data that is no known image format.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) { return copy(p, patternPiece), nil }

var patternPiece = bytes.Repeat([]byte{0x5a}, 1<<20)

// originalImages starts Debian's Glance and what it needs.
func originalImages(b *testing.B) *imageStore {
	h := host.New(b)
	parts := []*host.Service{h.MariaDB("keystone", "glance"), h.OriginalKeystone("")}
	a := h.API()
	var project struct{ Project struct{ ID string } }
	a.Want(201, "POST", "5000/v3/projects", map[string]any{"project": map[string]string{"name": "service", "domain_id": "default"}}, &project)
	var user struct{ User struct{ ID string } }
	a.Want(201, "POST", "5000/v3/users", map[string]any{"user": map[string]string{"name": "glance", "domain_id": "default", "password": "svc"}}, &user)
	var roles struct{ Roles []struct{ ID string } }
	a.Want(200, "GET", "5000/v3/roles?name=admin", nil, &roles)
	a.Want(204, "PUT", "5000/v3/projects/"+project.Project.ID+"/users/"+user.User.ID+"/roles/"+roles.Roles[0].ID, nil, nil)
	parts = append(parts, h.OriginalGlance(`[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:5000/
auth_url = http://127.0.0.1:5000/
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = glance
password = svc
`))
	s := &imageStore{url: "http://127.0.0.1:9292", token: a.Token(), client: h.HTTP()}
	s.cpu = func() (d time.Duration) {
		for _, p := range parts {
			d += p.CPU()
		}
		return d
	}
	return s
}

// BenchmarkImageMemory tells the memory while 32 uploads are under way.
func BenchmarkImageMemory(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	s := &imageStore{url: c.url(image, ""), token: c.token, client: &http.Client{Transport: c.client.Transport}}
	idle := c.PSS()
	begun, end, most := make(chan struct{}, 64), make(chan struct{}), int64(0)
	var all sync.WaitGroup
	for range 32 {
		body := io.MultiReader(io.LimitReader(pattern{}, 16<<20), &pause{begun: begun, end: end})
		all.Go(func() {
			s.upload(b, body)
			begun <- struct{}{} // also one that failed
		})
	}
	for range 32 {
		<-begun
		most = max(most, c.PSS())
	}
	b.ReportMetric(float64(max(most, c.PSS()))/(1<<20), "PSS-MiB")
	b.ReportMetric(float64(idle)/(1<<20), "idle-PSS-MiB")
	close(end)
	all.Wait()
	for range b.N {
	}
}

// pause says that it was reached and waits for the end.
type pause struct {
	begun chan<- struct{}
	end   <-chan struct{}
}

func (p *pause) Read([]byte) (int, error) {
	p.begun <- struct{}{}
	<-p.end
	return 0, io.EOF
}

func (s *imageStore) do(method, path, kind string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequest(method, s.url+"/v2/images"+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Auth-Token", s.token)
	r.Header.Set("Content-Type", kind)
	res, err := s.client.Do(r)
	if err == nil && res.StatusCode/100 != 2 {
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		err = fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	return res, err
}

func (s *imageStore) upload(b *testing.B, body io.Reader) string {
	var made struct{ ID string }
	res, err := s.do("POST", "", "application/json", strings.NewReader(`{"name": "big", "disk_format": "raw", "container_format": "bare"}`))
	if err == nil {
		err = json.NewDecoder(res.Body).Decode(&made)
		res.Body.Close()
	}
	if err == nil {
		if res, err = s.do("PUT", "/"+made.ID+"/file", "application/octet-stream", body); err == nil {
			res.Body.Close()
		}
	}
	if err != nil {
		b.Error(err)
	}
	return made.ID
}

func (s *imageStore) remove(b *testing.B, id string) {
	res, err := s.do("DELETE", "/"+id, "", nil)
	if err != nil {
		b.Error(err)
		return
	}
	res.Body.Close()
}

func (s *imageStore) download(b *testing.B, id string, size int64) {
	res, err := s.do("GET", "/"+id+"/file", "", nil)
	if err != nil {
		b.Error(err)
		return
	}
	defer res.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
	if n != size || err != nil {
		b.Errorf("%d bytes, %v", n, err)
	}
}
