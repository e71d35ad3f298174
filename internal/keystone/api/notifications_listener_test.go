package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/messaging"
)

// listener is a cloud whose events are heard.
type listener struct {
	*derived
	bus    messaging.Bus
	told   *messaging.Notifier
	heard  chan messaging.Event
	all    []messaging.Event
	vars   map[string]string
	walked map[string]bool // routes that have succeeded
	issued []string        // all tokens
}

func newListener(t *testing.T, options ...func(*service.Config)) *listener {
	t.Helper()
	bus, err := messaging.InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	told := messaging.NewNotifier(bus, nil, nil).As("identity.host1")
	t.Cleanup(func() { told.Close(t.Context()) })
	l := &listener{bus: bus, told: told, heard: make(chan messaging.Event, 1000), vars: map[string]string{}, walked: map[string]bool{}}
	stop, err := bus.Listen(func(e messaging.Event) { l.heard <- e })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	deps := service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Events: told}
	deps.SSO, err = sso.New(sso.Config{PublicURL: "http://127.0.0.1:5000/v3", TrustedProxies: []string{proxyAddress}}, nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	deps.Config.Methods = append(slices.Clone(token.DefaultMethods), "totp")
	deps.Config.NotificationOptOut = []string{} // everything is told
	for _, set := range options {
		set(&deps.Config)
	}
	l.derived = &derived{cloud: newCloudWith(t, deps)}
	l.events(t)
	return l
}

// events are those since it was asked last.
func (l *listener) events(t *testing.T) (es []messaging.Event) {
	t.Helper()
	const mark = "test.mark" // events come in the order in which they were published
	l.told.Publish(t.Context(), mark, nil)
	for e := range l.heard {
		if e.Type == mark {
			break
		}
		es = append(es, e)
	}
	l.all = append(l.all, es...)
	return es
}

// told is an event in short: its type, and what it is about.
func told(t *testing.T, e messaging.Event) string {
	t.Helper()
	var p struct {
		Resource                                    string `json:"resource_info"`
		Outcome, Role, User, Group, Project, Domain string
		ActorOperation                              string `json:"actor_operation"`
		ActorID                                     string `json:"actor_id"`
		Inherited                                   bool   `json:"inherited_to_projects"`
		Initiator, Target, Observer                 struct{ ID string }
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		t.Fatalf("%s: %v", e.Payload, err)
	}
	name := strings.TrimPrefix(e.Type, "identity.")
	switch name {
	case "authenticate":
		return name + " " + p.Outcome
	case "role_assignment.created", "role_assignment.deleted":
		s := fmt.Sprintf("%s %s %s%s %s%s", name, p.Role, p.User, p.Group, p.Project, p.Domain)
		if p.Inherited {
			s += " inherited"
		}
		return strings.TrimSpace(s)
	}
	return strings.Join(strings.Fields(name+"="+p.Resource+" "+p.ActorOperation+" "+p.ActorID), " ")
}

// tellingCall is one call and what is told of it, in order; $name is what an earlier
// answer was kept as.
type tellingCall struct {
	who, call, body string
	status          int
	keep            string // "u=user.id": what later steps need of the answer
	events          string // divided by commas
}

var variable = regexp.MustCompile(`\$\w+`)

func (l *listener) fill(t *testing.T, text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		v, ok := l.vars[name[1:]]
		if !ok {
			t.Fatalf("%s is not known in %s", name, text)
		}
		return v
	})
}

// keep reads "u=user.id s=user.secret" out of an answer.
func (l *listener) keep(t *testing.T, w *httptest.ResponseRecorder, what string) {
	for _, one := range strings.Fields(what) {
		name, path, _ := strings.Cut(one, "=")
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		for key := range strings.SplitSeq(path, ".") {
			if list, ok := v.([]any); ok {
				v = list[0]
			}
			v = v.(map[string]any)[key]
		}
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		l.vars[name] = v.(string)
	}
}

// walk makes the calls. Each is made before by somebody who may not, of which
// nothing is told.
func (l *listener) walk(t *testing.T, steps []tellingCall) {
	t.Helper()
	for _, s := range steps {
		method, path, _ := strings.Cut(l.fill(t, s.call), " ")
		body := l.fill(t, s.body)
		if s.who != "" && s.status < 400 {
			if w := l.do("nobody", method, path, body); w.Code < 400 {
				t.Errorf("%s as nobody: %d", s.call, w.Code)
			}
			if es := l.events(t); len(es) > 0 {
				t.Errorf("%s was refused, and told as %s %s", s.call, es[0].Type, es[0].Payload)
			}
		}
		l.compare(t, s, l.do(l.fill(t, s.who), method, path, body))
	}
}

// compare checks an answer and what was told of the call.
func (l *listener) compare(t *testing.T, s tellingCall, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != s.status {
		t.Fatalf("%s %s: %d %s, want %d", s.call, s.body, w.Code, w.Body, s.status)
	}
	if tok := w.Header().Get("X-Subject-Token"); tok != "" {
		l.vars["token"] = tok
		l.issued = append(l.issued, tok)
	}
	l.keep(t, w, s.keep)
	l.vars["ec2id"] = keystone.EC2CredentialID(l.vars["access"])
	var got, want []string
	for _, e := range l.events(t) {
		got = append(got, told(t, e))
	}
	for one := range strings.SplitSeq(l.fill(t, s.events), ", ") {
		if one != "" {
			want = append(want, one)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", s.call, got, want)
	}
	if s.status < 400 {
		method, path, _ := strings.Cut(l.fill(t, s.call), " ")
		l.walked[l.route(method, path)] = true
	}
}

// route is the row of the table that a call is of: the one with fewest parameters.
func (l *listener) route(method, path string) (best string) {
	for _, r := range l.table {
		pattern := "^" + pathParam.ReplaceAllString(r.Path, "[^/]+") + "$"
		if ok := regexp.MustCompile(pattern).MatchString(path); ok && r.Method == method &&
			(best == "" || strings.Count(r.Path, "{") < strings.Count(best, "{")) {
			best = method + " " + r.Path
		}
	}
	return best
}

// planted is in every secret that a client gives.
const planted = "PLANTED"

func (l *listener) lookForSecrets(t *testing.T) {
	secrets := append(slices.Clone(l.issued), planted, "PASSWORD", "nova-secret")
	for _, tok := range l.cloud.tokens {
		secrets = append(secrets, tok)
	}
	for name, v := range l.vars {
		if strings.HasPrefix(name, "secret") {
			secrets = append(secrets, v)
		}
	}
	if len(l.all) < 30 || len(secrets) < 8 {
		t.Errorf("only %d events and %d secrets", len(l.all), len(secrets))
	}
	for _, e := range l.all {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(string(text), s) {
				t.Errorf("a secret is told: %s", text)
			}
		}
	}
}
