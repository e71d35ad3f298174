package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nacre/test/host"
)

// BenchmarkKeystonemiddleware validates tokens at our Keystone and at Debian's
// own, one after the other on the same machine: directly, and as OpenStack's
// services do, by keystonemiddleware before a program that does nothing, which
// asks each time or believes answers for five minutes. The original has
// MariaDB, memcached and as many processes as there are CPUs; their time is
// counted, and so is the middleware's, beside it.
func BenchmarkKeystonemiddleware(b *testing.B) {
	h := host.New(b)
	mariadb := h.MariaDB("keystone")
	memcached := h.Serve("memcached", nil, "memcached", "-u", "root", "-l", "127.0.0.1")
	theirs := &validated{name: "original", url: "http://127.0.0.1:5000/v3"}
	theirs.parts = []*host.Service{h.OriginalKeystone("[cache]\nenabled = true\nbackend = oslo_cache.memcache_pool\nmemcache_servers = 127.0.0.1:11211\n"), mariadb, memcached}
	ours := &validated{name: "ours", url: "http://127.0.0.1:6000/v3"}
	h.AdminKeystone("bootstrap", "--bootstrap-password", host.AdminPassword, "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", ours.url,
		"--bootstrap-internal-url", ours.url)
	ours.parts = []*host.Service{h.Serve("ours", nil, os.Getenv("NACRE_BINARY"), "run", "--state-dir", h.Dir, "--port-offset", "1000", "keystone")}
	h.Answers("ours", ours.url)
	for i, k := range []*validated{ours, theirs} {
		k.client = h.HTTP()
		transport := k.client.Transport.(*http.Transport)
		transport.DisableKeepAlives, transport.MaxIdleConnsPerHost = false, 16
		k.logIn(b)
		for j, keep := range []string{"-1", "300"} {
			port := fmt.Sprint(7000 + 2*i + j)
			program := h.Write("guarded"+port+".py", fmt.Sprintf(guarded, k.url, host.AdminPassword, keep))
			k.guards = append(k.guards, guard{"http://127.0.0.1:" + port + "/", h.UWSGI("guarded"+port, port, program)})
			h.Answers("guarded"+port, k.guards[j].url)
		}
	}
	for _, clients := range []int{1, 8} {
		compare(b, fmt.Sprintf("validate/clients=%d", clients), clients, ours, theirs, (*validated).validate, nil)
		for j, name := range []string{"middleware/asks", "middleware/believes"} {
			compare(b, fmt.Sprintf("%s/clients=%d", name, clients), clients, ours, theirs,
				func(k *validated) int { return k.get(k.guards[j].url) }, func(k *validated) *host.Service { return k.guards[j].service })
		}
	}
}

// guarded is a program behind keystonemiddleware.
const guarded = `from keystonemiddleware import auth_token
def program(environ, start):
    start('200 OK', [('Content-Type', 'text/plain')])
    return [b'in']
application = auth_token.filter_factory({}, auth_type='password', auth_url='%s', username='admin', password='%s', project_name='admin',
    user_domain_name='Default', project_domain_name='Default', interface='internal', token_cache_time='%s')(program)
`

// validated is a Keystone whose tokens are validated.
type validated struct {
	name, url, token string
	parts            []*host.Service
	guards           []guard
	client           *http.Client
}

// guard is a program behind the middleware.
type guard struct {
	url     string
	service *host.Service
}

func (k *validated) logIn(b *testing.B) {
	body := strings.ReplaceAll(passwordAuth, `"`+password+`"`, `"`+host.AdminPassword+`"`)
	res, err := k.client.Post(k.url+"/auth/tokens", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	if k.token = res.Header.Get("X-Subject-Token"); k.token == "" {
		b.Fatalf("%s: no token: %s", k.name, res.Status)
	}
}

// validate asks for the token itself.
func (k *validated) validate() int { return k.get(k.url + "/auth/tokens") }

func (k *validated) get(url string) int {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return 0
	}
	req.Header.Set("X-Auth-Token", k.token)
	req.Header.Set("X-Subject-Token", k.token)
	res, err := k.client.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // or the connection is not used again
	return res.StatusCode
}

func (k *validated) cpu() (d time.Duration) {
	for _, s := range k.parts {
		d += s.CPU()
	}
	return d
}

// compare does the same with both and tells how many times the original's
// rate ours has, and its CPU time ours. The middleware's is told, if there is one.
func compare(b *testing.B, name string, clients int, ours, theirs *validated, op func(*validated) int, middleware func(*validated) *host.Service) {
	b.Run(name, func(b *testing.B) {
		var rate, cpu [2]float64
		for i, k := range []*validated{ours, theirs} {
			op(k) // what is asked once is asked before
			before, guards := k.cpu(), time.Duration(0)
			if middleware != nil {
				guards = middleware(k).CPU()
			}
			n, took := during(b, clients, 5*time.Second*time.Duration(b.N), func() int { return op(k) })
			rate[i], cpu[i] = float64(n)/took.Seconds(), ms(k.cpu()-before)/float64(n)
			b.ReportMetric(rate[i], k.name+"-op/s")
			b.ReportMetric(cpu[i], k.name+"-cpu-ms/op")
			if middleware != nil {
				b.ReportMetric(ms(middleware(k).CPU()-guards)/float64(n), k.name+"-middleware-cpu-ms/op")
			}
		}
		b.ReportMetric(rate[0]/rate[1], "times-the-rate")
		if cpu[1] > 1 { // nearly none where answers are believed
			b.ReportMetric(cpu[1]/cpu[0], "times-less-CPU")
		}
	})
}

// during calls op from that many clients for a while, and wants 200 each time.
func during(b *testing.B, clients int, limit time.Duration, op func() int) (n int64, took time.Duration) {
	var done atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range clients {
		wg.Go(func() {
			for time.Since(began) < limit {
				if status := op(); status != http.StatusOK {
					b.Errorf("status %d", status)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return max(1, done.Load()), time.Since(began)
}
