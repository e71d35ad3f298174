package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// identityLoad is what clients do to the identity service at once.
type identityLoad struct {
	*Cloud
	engine   string
	provider string
	role     string
	calls    atomic.Int64
	made     atomic.Int64 // names, so that they differ

	rotations atomic.Int64
	began     [8]atomic.Int64 // of each client: how many rotations its round came after; gone when it has ended
}

// gone is later than every rotation.
const gone = math.MaxInt64

// run has 8 clients do rounds for as long as more says, with keys that change
// every so often.
func (l *identityLoad) run(every time.Duration, more func(rounds int64) bool) {
	var roles struct{ Roles []struct{ ID string } }
	l.Must("GET", identity, "/v3/roles?name=member", nil, &roles)
	l.role = roles.Roles[0].ID
	var clients, rotator sync.WaitGroup
	stop := make(chan struct{})
	for i := range l.began {
		clients.Go(func() {
			for n := int64(0); more(n) && !l.tb.Failed(); n++ {
				l.began[i].Store(l.rotations.Load())
				l.round()
			}
			l.began[i].Store(gone)
		})
	}
	rotator.Go(func() { l.rotate(every, stop) })
	clients.Wait()
	close(stop)
	rotator.Wait()
}

// rotate changes the keys, as an operator does beside a running cloud. A token
// outlives the next change of keys, not the one after, so each round ends
// before the second change since it began. The keys that seal credentials are
// changed on PostgreSQL only: it needs the database, and SQLite's is the cloud's alone.
func (l *identityLoad) rotate(every time.Duration, stop <-chan struct{}) {
	commands := []string{"fernet-rotate"}
	if l.provider == "jws" {
		commands = append(commands, "jws-rotate")
	}
	if l.engine == "postgres" {
		commands = append(commands, "credential-rotate", "credential-migrate")
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(max(every, 10*time.Millisecond)):
		}
		if l.behind() {
			continue
		}
		for _, c := range commands {
			l.admin(c)
		}
		l.rotations.Add(1)
	}
}

// behind reports whether a round goes on that began before the last change of keys.
func (l *identityLoad) behind() bool {
	for i := range l.began {
		if l.began[i].Load() < l.rotations.Load() {
			return true
		}
	}
	return false
}

// want is a call with a token that must have one of the statuses.
func (l *identityLoad) want(tok, method, path, body string, v any, statuses ...int) {
	l.calls.Add(1)
	var data any
	if body != "" {
		data = body
	}
	status, text := l.Do(method, identity, "/v3"+path, data, "X-Auth-Token: "+tok)
	for _, s := range statuses {
		if s == status {
			if v != nil {
				if err := json.Unmarshal(text, v); err != nil {
					l.tb.Errorf("%s %s: %v in %s", method, path, err, text)
				}
			}
			return
		}
	}
	l.tb.Errorf("%s %s: %d, want %v: %s", method, path, status, statuses, text)
}

// state wants a token to be good, or not.
func (l *identityLoad) state(admin, tok string, good bool, why string) {
	l.calls.Add(1)
	status, _ := l.Do("HEAD", identity, "/v3/auth/tokens", nil, "X-Auth-Token: "+admin, "X-Subject-Token: "+tok)
	if want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[good]; status != want {
		l.tb.Errorf("validate a token, %s: %d, want %d", why, status, want)
	}
}

// round is the life of a user: it comes with a project and a role, logs in by
// its password and by an application credential, is looked at, loses each token
// by another change, and goes.
func (l *identityLoad) round() {
	admin := l.issue(passwordAuth)
	name := fmt.Sprint("load", l.made.Add(1))
	type thing struct{ ID string }
	var user struct{ User thing }
	var project struct{ Project thing }
	l.want(admin, "POST", "/users", `{"user": {"name": "`+name+`", "password": "pw"}}`, &user, 201)
	l.want(admin, "POST", "/projects", `{"project": {"name": "`+name+`"}}`, &project, 201)
	grant := "/projects/" + project.Project.ID + "/users/" + user.User.ID + "/roles/" + l.role
	l.want(admin, "PUT", grant, "", nil, 204)
	byPassword := func(password string) string {
		return l.issue(`{"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": "` + user.User.ID + `", "password": "` + password +
			`"}}}, "scope": {"project": {"id": "` + project.Project.ID + `"}}}}`)
	}
	tok := byPassword("pw")
	l.state(admin, tok, true, "just issued")
	var app struct {
		AC struct{ ID, Secret string } `json:"application_credential"`
	}
	l.want(tok, "POST", "/users/"+user.User.ID+"/application_credentials", `{"application_credential": {"name": "a"}}`, &app, 201)
	applied := l.issue(appCredentialAuth(app.AC.ID, app.AC.Secret))
	var credential struct{ Credential struct{ ID, Blob string } }
	l.want(tok, "POST", "/credentials", `{"credential": {"type": "cert", "blob": "`+name+`", "user_id": "`+user.User.ID+`"}}`, &credential, 201)
	l.want(tok, "GET", "/credentials/"+credential.Credential.ID, "", &credential, 200)
	if credential.Credential.Blob != name {
		l.tb.Errorf("credential of %s: %q", name, credential.Credential.Blob)
	}
	for _, path := range []string{"/users", "/projects", "/role_assignments?effective&user.id=" + user.User.ID, "/users/" + user.User.ID + "/projects"} {
		l.want(admin, "GET", path, "", nil, 200)
	}
	l.state(admin, applied, true, "of an application credential")
	tok = l.end(admin, tok, user.User.ID, byPassword)
	l.state(admin, applied, false, "of one whose password has changed")
	l.state(admin, tok, true, "issued after the change")
	l.want(admin, "DELETE", grant, "", nil, 204)
	l.state(admin, tok, false, "without a role")
	l.want(admin, "DELETE", "/users/"+user.User.ID, "", nil, 204)
	l.want(admin, "DELETE", "/projects/"+project.Project.ID, "", nil, 204)
}

// end ends tokens by and by, all within a second or two, and gives a new one.
func (l *identityLoad) end(admin, tok, user string, login func(password string) string) string {
	spare := login("pw")
	l.revoke(admin, spare)
	l.state(admin, tok, true, "beside one that was revoked")
	for _, password := range []string{"one", "two"} {
		l.want(admin, "PATCH", "/users/"+user, `{"user": {"password": "`+password+`"}}`, nil, 200)
		l.state(admin, tok, false, "of an old password")
		tok = login(password)
		l.state(admin, tok, true, "of a new password")
		if rand.IntN(2) == 0 {
			l.revoke(admin, tok)
			tok = login(password)
		}
	}
	return tok
}

func (l *identityLoad) revoke(admin, tok string) {
	l.calls.Add(1)
	if status, text := l.Do("DELETE", identity, "/v3/auth/tokens", nil, "X-Auth-Token: "+admin, "X-Subject-Token: "+tok); status != http.StatusNoContent {
		l.tb.Errorf("revoke: %d %s", status, text)
	}
	l.state(admin, tok, false, "revoked")
}
