package bench

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"nacre/internal/oslo/db/dbtest"
)

// identityOn starts a cloud whose identity service is on one engine.
func identityOn(b *testing.B, engine string) *Cloud {
	return StartCloud(b, 1, "--no-defaults", "--config", configFile(b, keystoneOn(b, engine)))
}

// keystoneOn is the option by which identity is on an engine.
func keystoneOn(tb testing.TB, engine string) string {
	if engine == "sqlite" {
		return ""
	}
	return fmt.Sprintf("databases: {keystone: %q}\n", dbtest.Postgres(tb))
}

var identityEngines = []string{"sqlite", "postgres"}

// BenchmarkTokens issues tokens by each method and validates them: one that is
// remembered, and each of more than are.
func BenchmarkTokens(b *testing.B) {
	for _, engine := range identityEngines {
		b.Run(engine, func(b *testing.B) {
			c := identityOn(b, engine)
			for name, body := range map[string]string{"password": passwordAuth, "token": c.tokenAuth(), "application-credential": c.appAuth(b)} {
				c.EachClients(b, "issue/"+name, func() int {
					status, _ := c.Do("POST", identity, "/v3/auth/tokens", body)
					return status
				})
			}
			c.EachClients(b, "validate/known", func() int { return c.validate(c.token) })
			many := c.tokens(b, 12000)
			var next atomic.Int64
			c.EachClients(b, "validate/new", func() int { return c.validate(many[int(next.Add(1))%len(many)]) })
		})
	}
}

// BenchmarkHash compares a password with a hash as strong as those of logins:
// what issuing by password or application credential costs beside its own.
func BenchmarkHash(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 12)
	if err != nil {
		b.Fatal(err)
	}
	own := ownCPU()
	for b.Loop() {
		if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ms(ownCPU()-own)/float64(b.N), "cpu-ms/op")
}

// BenchmarkIdentityMemory tells the memory of identity alone at rest, before
// and after 20,000 tokens: more than are remembered. Rests take minutes, so
// both engines rest at once.
func BenchmarkIdentityMemory(b *testing.B) {
	var clouds []*Cloud
	for _, engine := range identityEngines {
		clouds = append(clouds, StartKeystone(b, keystoneOn(b, engine)))
	}
	rest := func(when string) {
		var wg sync.WaitGroup
		mib := make([]float64, len(clouds))
		for i, c := range clouds {
			wg.Go(func() { mib[i] = c.rest() })
		}
		wg.Wait()
		for i, engine := range identityEngines {
			b.ReportMetric(mib[i], engine+"-"+when+"-PSS-MiB")
		}
	}
	rest("idle")
	for _, c := range clouds {
		tokens := c.tokens(b, 20000)
		c.Each(b, len(tokens), func(i int) {
			if status := c.validate(tokens[i]); status != http.StatusOK {
				b.Errorf("status %d", status)
			}
		})
	}
	rest("used")
	for range b.N {
	}
}

func (c *Cloud) validate(tok string) int {
	status, _ := c.Do("HEAD", identity, "/v3/auth/tokens", nil, "X-Subject-Token: "+tok)
	return status
}

// tokenAuth asks for a token by another.
func (c *Cloud) tokenAuth() string {
	return `{"auth": {"identity": {"methods": ["token"], "token": {"id": "` + c.token + `"}}, "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}`
}

// appAuth asks for a token by an application credential that it makes.
func (c *Cloud) appAuth(b *testing.B) string {
	var users struct{ Users []struct{ ID string } }
	c.Must("GET", identity, "/v3/users?name=admin", nil, &users)
	var made struct {
		AC struct{ ID, Secret string } `json:"application_credential"`
	}
	c.Must("POST", identity, "/v3/users/"+users.Users[0].ID+"/application_credentials", `{"application_credential": {"name": "bench"}}`, &made)
	return appCredentialAuth(made.AC.ID, made.AC.Secret)
}

func appCredentialAuth(id, secret string) string {
	return `{"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"id": "` + id + `", "secret": "` + secret + `"}}}}`
}

// tokens are n tokens that differ.
func (c *Cloud) tokens(b *testing.B, n int) []string {
	out, body := make([]string, n), c.tokenAuth()
	c.Each(b, n, func(i int) { out[i] = c.issue(body) })
	return out
}

// issue gives a token, or "" and fails.
func (c *Cloud) issue(body string) string {
	res, err := c.client.Post(c.url(identity, "/v3/auth/tokens"), "application/json", strings.NewReader(body))
	if err != nil {
		c.tb.Errorf("issue: %v", err)
		return ""
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		c.tb.Errorf("issue: %d", res.StatusCode)
	}
	return res.Header.Get("X-Subject-Token")
}

// BenchmarkIdentityLoad has 8 clients do for a minute all that identity is
// for, each in its own order, while the keys of tokens and credentials are
// rotated. Any 5xx, any refusal of what is good and any acceptance of what was
// revoked fails.
func BenchmarkIdentityLoad(b *testing.B) {
	eachIdentity(b, func(name string, start func(tb testing.TB) *identityLoad) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				l := start(b)
				until := time.Now().Add(time.Minute)
				l.run(6*time.Second, func(int64) bool { return time.Now().Before(until) })
				b.ReportMetric(float64(l.calls.Load()), "calls")
				b.ReportMetric(float64(l.rotations.Load()), "rotations")
			}
		})
	})
}

// TestIdentityLoad is a little of that: keys are rotated as often as is allowed.
func TestIdentityLoad(t *testing.T) {
	eachIdentity(t, func(name string, start func(tb testing.TB) *identityLoad) {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			l.run(0, func(rounds int64) bool { return rounds < 2 || l.rotations.Load() < 3 })
		})
	})
}

// eachIdentity calls do for each engine with each kind of token.
func eachIdentity(tb testing.TB, do func(name string, start func(tb testing.TB) *identityLoad)) {
	for _, engine := range identityEngines {
		for _, provider := range []string{"fernet", "jws"} {
			do(engine+"/"+provider, func(tb testing.TB) *identityLoad {
				options := "token_provider: " + provider + "\npassword_hash_rounds: 5\n" + keystoneOn(tb, engine)
				return &identityLoad{Cloud: StartKeystone(tb, options), engine: engine, provider: provider}
			})
		}
	}
}
