package service

import (
	"math"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// BenchmarkFailures times failed logins in turns, and tells for each kind how
// far its mean is from that of a wrong password, in standard errors (Welch's
// t): who measures needs some 4.5 to tell them apart.
func BenchmarkFailures(b *testing.B) {
	keys, err := token.OpenRepository(b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	s := New(Deps{Store: store.New(dbtest.SQLite(b, store.Migrations)), Tokens: token.NewFernet(keys, nil), CredentialKeys: keys,
		Config: Config{PasswordHashRounds: 8, Compliance: Compliance{LockoutFailureAttempts: 1 << 20}}})
	if err := s.Bootstrap(b.Context(), BootstrapConfig{AdminPassword: "secret"}); err != nil {
		b.Fatal(err)
	}
	for name, enabled := range map[string]bool{"mia": true, "off": false} {
		if _, err := s.CreateUser(b.Context(), keystone.Attributes{"name": name, "password": "right", "domain_id": "default", "enabled": enabled}); err != nil {
			b.Fatal(err)
		}
	}
	ref := func(name string) keystone.Ref { return keystone.Ref{Name: name, Domain: &keystone.Ref{ID: "default"}} }
	kinds := []struct {
		name, method string
		proof        any
	}{
		{"wrong-password", keystone.MethodPassword, keystone.PasswordProof{User: ref("mia"), Password: "wrong"}},
		{"unknown-user", keystone.MethodPassword, keystone.PasswordProof{User: ref("nobody"), Password: "wrong"}},
		{"unknown-domain", keystone.MethodPassword, keystone.PasswordProof{User: keystone.Ref{Name: "mia", Domain: &keystone.Ref{ID: "nowhere"}}, Password: "wrong"}},
		{"disabled-user", keystone.MethodPassword, keystone.PasswordProof{User: ref("off"), Password: "wrong"}},
		{"application-credential", keystone.MethodApplicationCredential, keystone.ApplicationCredentialProof{User: ref("mia"), Name: "a", Secret: "wrong"}},
		{"application-credential-of-nobody", keystone.MethodApplicationCredential, keystone.ApplicationCredentialProof{User: ref("nobody"), Name: "a", Secret: "wrong"}},
	}
	took := make([][]float64, len(kinds))
	b.ResetTimer()
	for range b.N {
		for i, k := range kinds {
			at := time.Now()
			_, err := s.Authenticate(b.Context(), keystone.Credentials{Methods: []string{k.method}, Proofs: map[string]any{k.method: k.proof}}, keystone.Scope{})
			took[i] = append(took[i], float64(time.Since(at).Microseconds()))
			if !fault.Is(err, 401) {
				b.Fatal(err)
			}
		}
	}
	for i, k := range kinds {
		mean, variance := moments(took[i])
		b.ReportMetric(mean, k.name+"-µs")
		with := i &^ 1 // an application credential with an application credential
		if k.method == keystone.MethodPassword {
			with = 0
		}
		if with != i && b.N > 1 {
			other, otherVariance := moments(took[with])
			b.ReportMetric((mean-other)/math.Sqrt((variance+otherVariance)/float64(b.N)), k.name+"-t")
		}
	}
}

func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(max(1, len(x)-1))
	}
	return mean, variance
}
