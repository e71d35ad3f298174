//go:build kill

package test

import (
	"bufio"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // reads what the cloud wrote

	"nacre/internal/cloud"
	"nacre/internal/keystone/signature"
	"nacre/internal/oslo/db/dbtest"
)

// identity is the identity service in a process of its own, which is killed
// over and over, with a database that is put back to what it was.
type identity struct {
	t     *testing.T
	dir   string // state directory
	addr  string
	db    database
	cmd   *exec.Cmd
	names map[string]string // what $name in a call stands for
	token string
}

// database is one engine's way to keep a state and to put it back. The service is down meanwhile.
type database interface {
	url() string // "" is the service's default
	open() (*sql.DB, error)
	tables() string // a query for their names
	keep() error
	restore() error
}

// TestKilledInACall kills the identity service in every call that changes
// something: before each commit of the call, after each, and at some moment.
// Then the database opens, and the call has happened whole or not at all.
func TestKilledInACall(t *testing.T) {
	for name, engine := range map[string]func(t *testing.T, dir string) database{"sqlite": sqliteIn, "postgres": postgresFor} {
		t.Run(name, func(t *testing.T) {
			i := newIdentity(t, engine)
			for _, c := range identityCalls(t) {
				if c.kind == "absent" {
					continue
				}
				outer := i.t
				t.Run(strings.ReplaceAll(c.method+" "+c.path, "/", "|"), func(t *testing.T) {
					i.t = t
					defer func() { i.t = outer }()
					i.killedIn(c)
				})
			}
		})
	}
}

func (i *identity) killedIn(c identityCall) {
	i.restore()
	before := i.dump()
	killed := map[string][]string{}
	commits := 0
	for ; ; commits++ {
		i.restore()
		i.start(fmt.Sprintf("keystone.commit#%d", commits+1))
		status, text := i.send(c)
		if status != 0 {
			if status != c.status {
				i.t.Errorf("%d, want %d: %s", status, c.status, text)
			}
			break
		}
		i.died()
		killed[fmt.Sprintf("before commit %d", commits+1)] = i.dump()
	}
	i.kill()
	after := i.dump()
	if c.kind == "idle" && commits > 0 || c.kind != "idle" && (commits == 0 || slices.Equal(before, after)) {
		i.t.Fatalf("%d commits", commits)
	}
	if commits > 0 {
		i.restore()
		i.start(fmt.Sprintf("keystone.committed#%d", commits))
		i.send(c)
		i.died()
		i.start("") // opens what the kill has left
		i.kill()
		i.same("after the last commit", normal(before, after), normal(before, i.dump()))

		i.restore()
		i.start("")
		moment := time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, i.kill)
		i.send(c)
		moment.Stop()
		i.kill()
		killed["at some moment"] = i.dump()
	}
	for when, now := range killed {
		i.whole(when, before, after, now)
	}
}

// whole wants all that the call does, or nothing. Who logged in when, is true
// also if what followed did not happen.
func (i *identity) whole(when string, before, after, now []string) {
	i.t.Helper()
	before, after, now = normal(before, before), normal(before, after), normal(before, now)
	for _, logins := range []bool{true, false} {
		these := func(rows []string) []string {
			return slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.HasPrefix(row, "logins|") != logins })
		}
		if got := these(now); !slices.Equal(got, these(before)) {
			i.same(when, these(after), got)
		}
	}
}

func (i *identity) same(when string, want, got []string) {
	i.t.Helper()
	for _, row := range without(want, got) {
		i.t.Errorf("killed %s: lacks %s", when, row)
	}
	for _, row := range without(got, want) {
		i.t.Errorf("killed %s: has %s", when, row)
	}
}

// without lists what is in a and not in b, each thing as often.
func without(a, b []string) (out []string) {
	left := map[string]int{}
	for _, row := range b {
		left[row]++
	}
	for _, row := range a {
		if left[row]--; left[row] < 0 {
			out = append(out, row)
		}
	}
	return out
}

var (
	hexID  = regexp.MustCompile(`\b[0-9a-f]{32}([0-9a-f]{32})?\b`)
	secret = regexp.MustCompile(`\$2b\$[./\w$]+|gAAAAA[\w=-]+`)
	moment = regexp.MustCompile(`2\d{3}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[^|]*`)
	chance = regexp.MustCompile(`\b(verifier|key_hash)=[^|]*`)
)

// normal are rows without what two calls that do the same do not have in
// common: new IDs, secrets and times.
func normal(before, rows []string) (out []string) {
	known := strings.Join(before, "\n")
	for _, row := range rows {
		row = hexID.ReplaceAllStringFunc(row, func(id string) string {
			if strings.Contains(known, id) {
				return id
			}
			return "NEW"
		})
		row = chance.ReplaceAllString(moment.ReplaceAllString(secret.ReplaceAllString(row, "SECRET"), "TIME"), "$1=CHANCE")
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// dump is every row of every table: "table|column=value|…". The revision moves
// at each start, too, and means nothing but that it moved.
func (i *identity) dump() (out []string) {
	i.t.Helper()
	d, err := i.db.open()
	if err != nil {
		i.t.Fatal(err)
	}
	defer d.Close()
	names, err := texts(d, i.db.tables())
	if err != nil || len(names) < 20 {
		i.t.Fatalf("tables %v: %v", names, err)
	}
	for _, table := range names {
		if table == "revisions" {
			continue
		}
		if out, err = rowsIn(d, table, out); err != nil {
			i.t.Fatalf("%s: %v", table, err)
		}
	}
	slices.Sort(out)
	return out
}

func texts(d *sql.DB, query string) (out []string, err error) {
	rows, err := d.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}

func rowsIn(d *sql.DB, table string, out []string) ([]string, error) {
	rows, err := d.Query(`SELECT * FROM "` + table + `"`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, at := make([]any, len(columns)), make([]any, len(columns))
		for n := range values {
			at[n] = &values[n]
		}
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		row := table
		for n, c := range columns {
			if text, ok := values[n].([]byte); ok {
				values[n] = string(text)
			}
			row += fmt.Sprintf("|%s=%v", c, values[n])
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// sqliteFile is the service's own database, kept by a copy of its files.
type sqliteFile struct{ file, copy string }

func sqliteIn(t *testing.T, dir string) database {
	return sqliteFile{filepath.Join(dir, "db", "keystone.db"), filepath.Join(t.TempDir(), "keystone.db")}
}

func (s sqliteFile) url() string    { return "" }
func (s sqliteFile) tables() string { return "SELECT name FROM sqlite_master WHERE type = 'table'" }

// open brings the file in order as the service would, and checks all of it.
func (s sqliteFile) open() (*sql.DB, error) {
	d, err := sql.Open("sqlite", "file:"+s.file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	if found, err := texts(d, "PRAGMA integrity_check"); err != nil || len(found) != 1 || found[0] != "ok" {
		return nil, fmt.Errorf("the file is damaged: %v %v", found, err)
	}
	return d, nil
}

func (s sqliteFile) keep() error    { return copyDatabase(s.file, s.copy) }
func (s sqliteFile) restore() error { return copyDatabase(s.copy, s.file) }

func copyDatabase(from, to string) error {
	for _, part := range []string{"", "-wal", "-shm"} {
		text, err := os.ReadFile(from + part)
		if os.IsNotExist(err) {
			err = os.RemoveAll(to + part)
		} else if err == nil {
			err = os.WriteFile(to+part, text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// postgresCopy is a database of a private PostgreSQL, kept as a template.
type postgresCopy struct {
	at    string
	admin *sql.DB
}

func postgresFor(t *testing.T, _ string) database {
	at := dbtest.Postgres(t)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/postgres"
	admin, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	admin.SetMaxOpenConns(1)
	t.Cleanup(func() { _, _ = admin.Exec("DROP DATABASE IF EXISTS kept"); admin.Close() })
	return postgresCopy{at, admin}
}

func (p postgresCopy) url() string { return p.at }

func (p postgresCopy) name() string {
	u, _ := url.Parse(p.at) // it was parsed before
	return strings.TrimPrefix(u.Path, "/")
}

func (p postgresCopy) tables() string {
	return "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
}

// open waits until the server has ended what the killed process had begun.
func (p postgresCopy) open() (*sql.DB, error) {
	if err := p.alone(); err != nil {
		return nil, err
	}
	return sql.Open("pgx", p.at)
}

func (p postgresCopy) alone() error {
	for range 1000 {
		var others int
		if err := p.admin.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", p.name()).Scan(&others); err != nil || others == 0 {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("somebody is still connected to %s", p.name())
}

func (p postgresCopy) keep() error    { return p.clone(p.name(), "kept") }
func (p postgresCopy) restore() error { return p.clone("kept", p.name()) }

func (p postgresCopy) clone(from, to string) error {
	if err := p.alone(); err != nil {
		return err
	}
	if _, err := p.admin.Exec("DROP DATABASE IF EXISTS " + to); err != nil {
		return err
	}
	_, err := p.admin.Exec("CREATE DATABASE " + to + " TEMPLATE " + from)
	return err
}

// newIdentity starts the service and makes what the calls are about.
func newIdentity(t *testing.T, engine func(t *testing.T, dir string) database) *identity {
	dir, err := os.MkdirTemp("/tmp", "nacre-kill-") // short, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	i := &identity{t: t, dir: dir, addr: fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(250)), names: map[string]string{}}
	i.db = engine(t, dir)
	t.Cleanup(i.kill)
	i.start("")
	i.world()
	i.kill()
	if err := i.db.keep(); err != nil {
		t.Fatal(err)
	}
	return i
}

const identityConfig = `
listen: %[1]s
ops_listen: %[1]s:9464
virt_type: fake
no_defaults: true
password_hash_rounds: 4
admin_password: %[2]s
fail_point: %[3]q
databases: {%[4]s}
auth_methods: [external, password, token, oauth1, mapped, application_credential]
federation: {trusted_proxies: [127.0.0.0/8], trusted_dashboard: ["http://horizon"], saml: {idp_entity_id: "https://here", idp_sso_endpoint: "https://here/sso"}}
keystone: {security_compliance: {lockout_failure_attempts: 5, disable_user_account_days_inactive: 90, unique_last_password_count: 3, password_expires_days: 30}}
`

// start runs the service until it answers, or dies at the fail point.
func (i *identity) start(failPoint string) {
	i.t.Helper()
	i.kill()
	databases := ""
	if u := i.db.url(); u != "" {
		databases = fmt.Sprintf("keystone: %q", u)
	}
	file := filepath.Join(i.dir, "nacre.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, identityConfig, i.addr, adminOfTest, failPoint, databases), 0o600); err != nil {
		i.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(i.dir, "log"))
	if err != nil {
		i.t.Fatal(err)
	}
	defer log.Close()
	i.cmd = exec.Command(os.Getenv("NACRE_BINARY"), "up", "--config", file, "--state-dir", i.dir)
	i.cmd.Stdout, i.cmd.Stderr = log, log
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < limit; time.Sleep(2 * time.Millisecond) {
		if res, err := i.client().Get("http://" + net.JoinHostPort(i.addr, "5000") + "/v3"); err == nil {
			res.Body.Close()
			return
		}
	}
	text, _ := os.ReadFile(log.Name())
	i.t.Fatalf("it does not answer:\n%s", text)
}

func (i *identity) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: limit}
}

// kill ends the process as a power cut would.
func (i *identity) kill() {
	if cmd := i.cmd; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// died waits for the end at a fail point.
func (i *identity) died() {
	i.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- i.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(limit):
		i.t.Fatal("it lives on")
	}
}

func (i *identity) restore() {
	i.t.Helper()
	i.kill()
	if err := i.db.restore(); err != nil {
		i.t.Fatal(err)
	}
}

// identityCall is a line of testdata: kind, status, method, path, headers, body.
type identityCall struct {
	kind               string // "idle", "absent" or none
	status             int
	method, path, body string
	headers            []string
}

var callForm = regexp.MustCompile(`^(?:(idle|absent) )?(?:(\d{3}) )?([A-Z]+) (/\S*)((?: \[[^\]]+\])*) ?(.*)$`)

func parseCall(line string) (c identityCall, ok bool) {
	m := callForm.FindStringSubmatch(line)
	if m == nil {
		return c, false
	}
	c = identityCall{kind: m[1], method: m[3], path: m[4], body: m[6]}
	_, _ = fmt.Sscan(m[2], &c.status)
	for _, h := range strings.Split(m[5], " [")[1:] {
		c.headers = append(c.headers, strings.TrimSuffix(h, "]"))
	}
	return c, true
}

func linesOf(t *testing.T, file string) (out []string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// identityCalls are those of testdata, which must have one of each route that may change something.
func identityCalls(t *testing.T) (out []identityCall) {
	for _, line := range linesOf(t, "testdata/identity_calls.txt") {
		c, ok := parseCall(line)
		if !ok || c.kind != "absent" && c.status == 0 {
			t.Fatalf("no call: %s", line)
		}
		out = append(out, c)
	}
	a, err := cloud.Keystone.NewAPI()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Table() {
		changes := slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, r.Method)
		if changes && !slices.ContainsFunc(out, func(c identityCall) bool { return c.method == r.Method && fits(r.Path, "/v3"+c.path) }) {
			t.Errorf("testdata/identity_calls.txt has no call of %s %s", r.Method, r.Path)
		}
	}
	return out
}

// fits reports whether a path is one of a route.
func fits(route, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	want, got := strings.Split(route, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for n, part := range want {
		if !strings.HasPrefix(part, "{") && part != got[n] {
			return false
		}
	}
	return true
}

var named = regexp.MustCompile(`\$[a-z][a-z0-9]*`)

// expand puts IDs in the place of their names.
func (i *identity) expand(text string) string {
	return named.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := i.names[name[1:]]
		if !ok {
			i.t.Fatalf("nothing is called %s", name)
		}
		return value
	})
}

// send gives status and answer, or 0 if the service did not answer.
func (i *identity) send(c identityCall) (int, string) {
	i.t.Helper()
	i.sign()
	res, err := i.do(c)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func (i *identity) do(c identityCall) (*http.Response, error) {
	req, err := http.NewRequest(c.method, "http://"+i.addr+":5000/v3"+i.expand(c.path), strings.NewReader(i.expand(c.body)))
	if err != nil {
		i.t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", i.token)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, i.expand(value))
	}
	return i.client().Do(req)
}

const adminOfTest = "secret-of-the-test"

func (i *identity) login() string {
	i.t.Helper()
	res, err := i.do(identityCall{method: "POST", path: "/auth/tokens", body: `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin",
		"domain": {"id": "default"}, "password": "` + adminOfTest + `"}}}, "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}`})
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 201 {
		i.t.Fatalf("no token: %d", res.StatusCode)
	}
	return res.Header.Get("X-Subject-Token")
}

// world makes all that the calls are about, and its names.
func (i *identity) world() {
	i.t.Helper()
	i.token = i.login()
	i.names["token"], i.names["spare"] = i.token, i.login()
	i.names["admin"], i.names["adminproject"], i.names["readerrole"] = i.find("users", "admin"), i.find("projects", "admin"), i.find("roles", "reader")
	i.names["signedec2"], i.names["signeds3"], i.names["asksrequest"], i.names["asksaccess"], i.names["appbasic"] = "", "", "", "", ""
	for _, line := range linesOf(i.t, "testdata/identity_world.txt") {
		name, rest, _ := strings.Cut(line, " ")
		c, ok := parseCall(strings.TrimSpace(rest))
		if !ok {
			i.t.Fatalf("no call: %s", line)
		}
		i.make(name, c)
	}
	i.names["rule"] = i.ruleOf("/v2.1/y")
	i.names["request"], i.names["requestsecret"] = i.granted("/OS-OAUTH1/request_token", "", "oauth_callback", "oob")
	for _, name := range []string{"access", "waiting"} {
		token, secret := i.granted("/OS-OAUTH1/request_token", "", "oauth_callback", "oob")
		var v struct {
			Token struct {
				Verifier string `json:"oauth_verifier"`
			}
		}
		i.read(&v, identityCall{method: "PUT", path: "/OS-OAUTH1/authorize/" + token, body: `{"roles": [{"name": "reader"}]}`})
		if name == "waiting" {
			i.names["waiting"], i.names["waitingsecret"], i.names["verifier"] = token, secret, v.Token.Verifier
			break
		}
		i.names["access"], _ = i.granted("/OS-OAUTH1/access_token", secret, "oauth_token", token, "oauth_verifier", v.Token.Verifier)
	}
}

// make makes a thing and keeps its ID and secret by its name.
func (i *identity) make(name string, c identityCall) {
	i.t.Helper()
	var made map[string]any
	i.read(&made, c)
	if name == "-" {
		return
	}
	for _, v := range made {
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		if thing, ok := v.(map[string]any); ok {
			for _, key := range []string{"id", "access"} {
				if id, ok := thing[key].(string); ok {
					i.names[name] = id
				}
			}
			if s, ok := thing["secret"].(string); ok {
				i.names[name+"secret"] = s
			}
		}
	}
	if i.names[name] == "" {
		i.t.Fatalf("%s has no ID: %v", name, made)
	}
}

// read sends a call that must be good and reads its answer.
func (i *identity) read(v any, c identityCall) {
	i.t.Helper()
	res, err := i.do(c)
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode >= 300 {
		i.t.Fatalf("%s %s: %d %s", c.method, i.expand(c.path), res.StatusCode, text)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, v); err != nil {
			i.t.Fatal(err)
		}
	}
}

func (i *identity) find(collection, name string) string {
	i.t.Helper()
	var found map[string]any
	i.read(&found, identityCall{method: "GET", path: "/" + collection + "?name=" + name})
	return found[collection].([]any)[0].(map[string]any)["id"].(string)
}

func (i *identity) ruleOf(path string) string {
	i.t.Helper()
	var found struct {
		AccessRules []struct{ ID, Path string } `json:"access_rules"`
	}
	i.read(&found, identityCall{method: "GET", path: "/users/$admin/access_rules"})
	for _, r := range found.AccessRules {
		if r.Path == path {
			return r.ID
		}
	}
	i.t.Fatalf("no access rule for %s", path)
	return ""
}

// granted has the consumer ask for a token.
func (i *identity) granted(path, tokenSecret string, more ...string) (id, secret string) {
	i.t.Helper()
	res, err := i.do(identityCall{method: "POST", path: path, headers: []string{"Authorization: " + i.oauth(path, tokenSecret, more...), "Requested-Project-Id: $adminproject"}})
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	values, err := url.ParseQuery(string(text))
	if err != nil || res.StatusCode != 201 {
		i.t.Fatalf("%s: %d %s", path, res.StatusCode, text)
	}
	return values.Get("oauth_token"), values.Get("oauth_token_secret")
}

func (i *identity) oauth(path, tokenSecret string, more ...string) string {
	params := map[string]string{"oauth_consumer_key": i.names["consumer"], "oauth_nonce": fmt.Sprintf("%020d", rand.Int64()), "oauth_timestamp": fmt.Sprint(time.Now().Unix()),
		"oauth_version": "1.0", "oauth_signature_method": "HMAC-SHA1"}
	for n := 0; n < len(more); n += 2 {
		params[more[n]] = more[n+1]
	}
	u := &url.URL{Scheme: "http", Host: i.addr + ":5000", Path: "/v3" + path}
	var err error
	if params["oauth_signature"], err = (signature.OAuth1{Method: "POST", URL: u, Params: params}).Sign(i.names["consumersecret"], tokenSecret); err != nil {
		i.t.Fatal(err)
	}
	var fields []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		fields = append(fields, fmt.Sprintf(`%s="%s"`, k, url.QueryEscape(params[k])))
	}
	return "OAuth " + strings.Join(fields, ", ")
}

// sign makes anew what is good for a while only.
func (i *identity) sign() {
	n := i.names
	params := map[string]string{"SignatureVersion": "2", "Action": "Test", "Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05Z")}
	ec2, err := signature.EC2{Verb: "GET", Host: "cloud", Path: "/", Params: params}.Sign(n["ec2secret"])
	if err != nil {
		i.t.Fatal(err)
	}
	text, _ := json.Marshal(map[string]any{"credentials": map[string]any{"access": n["ec2"], "signature": ec2, "verb": "GET", "host": "cloud", "path": "/", "params": params}})
	n["signedec2"] = string(text)
	const asked = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket"
	s3, err := signature.S3(asked, n["ec2secret"])
	if err != nil {
		i.t.Fatal(err)
	}
	text, _ = json.Marshal(map[string]any{"credentials": map[string]any{"access": n["ec2"], "signature": s3, "token": base64.URLEncoding.EncodeToString([]byte(asked))}})
	n["signeds3"] = string(text)
	n["asksrequest"] = i.oauth("/OS-OAUTH1/request_token", "", "oauth_callback", "oob")
	n["asksaccess"] = i.oauth("/OS-OAUTH1/access_token", n["waitingsecret"], "oauth_token", n["waiting"], "oauth_verifier", n["verifier"])
	n["appbasic"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(n["app"]+":"+n["appsecret"]))
}
