// Package bench measures a whole cloud: the binary in a process of its own, on
// the fake hypervisor unless a benchmark boots real guests. Beside latency it
// tells the CPU time of the cloud's process per request, which hardly moves on
// a noisy machine. Any 5xx makes a benchmark fail.
package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Cloud is a running binary.
type Cloud struct {
	tb     testing.TB
	Dir    string
	offset int
	config string // file of options
	args   []string
	cmd    *exec.Cmd
	client http.Client
	token  string
	asks   *Cloud // whose Keystone it asks, if not its own
}

const password = "benchmark"

// StartCloud starts the binary NACRE_BINARY with that many fake hosts.
func StartCloud(tb testing.TB, hosts int, args ...string) *Cloud {
	tb.Helper()
	c := newCloud(tb)
	c.args = append([]string{"up", "--state-dir", c.Dir, "--port-offset", strconv.Itoa(c.offset), "--virt-type", "fake", "--fake-hosts", strconv.Itoa(hosts)}, args...)
	c.Start()
	tb.Cleanup(c.Stop)
	c.await(compute)
	return c
}

// StartKeystone starts identity alone, with the text of a file of options.
func StartKeystone(tb testing.TB, options string) *Cloud {
	tb.Helper()
	c := newCloud(tb)
	c.config = configFile(tb, options)
	c.admin("bootstrap", "--bootstrap-password", password)
	c.args = []string{"run", "--config", c.config, "--state-dir", c.Dir, "--port-offset", strconv.Itoa(c.offset), "keystone"}
	c.Start()
	tb.Cleanup(c.Stop)
	return c
}

func newCloud(tb testing.TB) *Cloud {
	dir, err := os.MkdirTemp("/tmp", "nacre-bench-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return &Cloud{tb: tb, Dir: dir, offset: 10000 + rand.IntN(20000),
		client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 5 * time.Minute}}
}

// configFile is a file of options.
func configFile(tb testing.TB, text string) string {
	name := filepath.Join(tb.TempDir(), "nacre.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// admin runs nacre admin keystone on the cloud's state.
func (c *Cloud) admin(args ...string) {
	out, err := exec.Command(os.Getenv("NACRE_BINARY"), append([]string{"admin", "keystone", "--config", c.config, "--state-dir", c.Dir}, args...)...).CombinedOutput()
	if err != nil {
		c.tb.Errorf("nacre admin keystone %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Started tells how long a start took, and the CPU time until then.
type Started struct {
	Answer, AnswerCPU time.Duration // until identity answers
	Token, TokenCPU   time.Duration // until the first token by password
}

// Start starts the process.
func (c *Cloud) Start() (s Started) {
	c.tb.Helper()
	began := time.Now()
	c.launch()
	for time.Since(began) < time.Minute {
		res, err := c.client.Get(c.url(identity, "/v3"))
		if err != nil {
			time.Sleep(2 * time.Millisecond)
			continue
		}
		res.Body.Close()
		s.Answer, s.AnswerCPU = time.Since(began), c.CPU()
		if err := c.login(); err != nil {
			c.tb.Fatal(err)
		}
		s.Token, s.TokenCPU = time.Since(began), c.CPU()
		return s
	}
	text, _ := os.ReadFile(filepath.Join(c.Dir, "log"))
	c.tb.Fatalf("identity did not answer within a minute:\n%s", text)
	return s
}

// launch starts the binary and returns at once.
func (c *Cloud) launch() {
	c.tb.Helper()
	binary := os.Getenv("NACRE_BINARY")
	if binary == "" {
		c.tb.Fatal("NACRE_BINARY names no binary: run make bench")
	}
	log, err := os.OpenFile(filepath.Join(c.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer log.Close()
	c.cmd = exec.Command(binary, c.args...)
	c.cmd.Env = append(os.Environ(), "NACRE_ADMIN_PASSWORD="+password)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		c.tb.Fatal(err)
	}
}

// await waits until a service answers; identity is the first, compute the last.
func (c *Cloud) await(port int) {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(5 * time.Millisecond) {
		res, err := c.client.Get(c.url(port, "/"))
		if err == nil {
			res.Body.Close()
			return
		}
	}
	c.tb.Fatalf("nothing answers at port %d within a minute", port)
}

// Stop ends the process.
func (c *Cloud) Stop() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Wait()
	c.cmd = nil
}

// CPU is the user and system time that the process has had, to the nanosecond.
func (c *Cloud) CPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^c.cmd.Process.Pid<<3|2), &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// PSS is the proportional set size of the process in bytes.
func (c *Cloud) PSS() int64 { return c.kib("smaps_rollup", "Pss:") << 10 }

// Peak is the largest resident set in bytes since ResetPeak.
func (c *Cloud) Peak() int64 { return c.kib("status", "VmHWM:") << 10 }

// ResetPeak forgets the largest resident set.
func (c *Cloud) ResetPeak() {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.cmd.Process.Pid), []byte("5"), 0); err != nil {
		c.tb.Fatal(err)
	}
}

// kib reads a number of KiB of the process from a file in /proc.
func (c *Cloud) kib(file, name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.cmd.Process.Pid, file))
	if err != nil {
		c.tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// Ports of the services.
const (
	identity  = 5000
	image     = 9292
	placement = 8778
	compute   = 8774
	network   = 9696
	ops       = 9464
)

const passwordAuth = `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "` +
	password + `"}}}, "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}`

func (c *Cloud) login() error {
	res, err := c.client.Post(c.url(identity, "/v3/auth/tokens"), "application/json", strings.NewReader(passwordAuth))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	c.token = res.Header.Get("X-Subject-Token")
	return nil
}

func (c *Cloud) url(port int, path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", port+c.offset, path)
}

// versions are the microversions that requests ask for.
var versions = map[int]string{compute: "compute 2.93", placement: "placement 1.39"}

// Do sends a request, with headers as "Name: value", and returns status and
// body; a transport error fails the benchmark.
func (c *Cloud) Do(method string, port int, path string, body any, headers ...string) (int, []byte) {
	var data io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		data = strings.NewReader(b)
	case io.Reader:
		data = b
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.tb.Fatal(err)
		}
		data = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.url(port, path), data)
	if err != nil {
		c.tb.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", c.token)
	req.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(path, "/file") {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	if v := versions[port]; v != "" {
		req.Header.Set("OpenStack-API-Version", v)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.client.Do(req)
	if err != nil {
		c.tb.Errorf("%s %s: %v", method, path, err)
		return 0, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.tb.Errorf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, text
}

// Must is Do that wants a 2xx, decoded into v when v is not nil.
func (c *Cloud) Must(method string, port int, path string, body, v any) {
	c.tb.Helper()
	status, text := c.Do(method, port, path, body)
	if status/100 != 2 {
		c.tb.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			c.tb.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

// Measure runs op b.N times from that many clients and reports CPU time of the
// cloud per operation, latencies and rate. Any 5xx fails the benchmark.
func (c *Cloud) Measure(b *testing.B, clients int, op func() (status int)) {
	b.Helper()
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	cpu, asked, began := c.CPU(), time.Duration(0), time.Now()
	if c.asks != nil {
		asked = c.asks.CPU()
	}
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			var mine []time.Duration
			for next.Add(1) <= int64(b.N) {
				at := time.Now()
				if status := op(); status >= 500 || status == 0 {
					b.Errorf("status %d", status)
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	b.StopTimer()
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	b.ReportMetric(ms(c.CPU()-cpu)/float64(b.N), "cpu-ms/op")
	if c.asks != nil {
		b.ReportMetric(ms(c.asks.CPU()-asked)/float64(b.N), "keystone-cpu-ms/op")
	}
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "op/s")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// get is an op that reads a path.
func (c *Cloud) get(port int, path string) func() int {
	return func() int { status, _ := c.Do("GET", port, path, nil); return status }
}

// Each calls do for each of 0 to n-1, eight at a time.
func (c *Cloud) Each(b *testing.B, n int, do func(i int)) {
	defer func(outer testing.TB) { c.tb = outer }(c.tb)
	c.tb = b
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
}

// Beside has that many clients call do again and again until stop is called.
func (c *Cloud) Beside(clients int, do func()) (stop func()) {
	var ended atomic.Bool
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for !ended.Load() {
				do()
			}
		})
	}
	return func() { ended.Store(true); wg.Wait() }
}

// EachClients runs a benchmark with 1 and with 8 clients.
func (c *Cloud) EachClients(b *testing.B, name string, op func() int) {
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprintf("%s/clients=%d", name, n), func(b *testing.B) {
			defer func(outer testing.TB) { c.tb = outer }(c.tb)
			c.tb = b
			c.Measure(b, n, op)
		})
	}
}
