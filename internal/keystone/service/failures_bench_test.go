package service

import (
	"math"
	"slices"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
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
	d := dbtest.SQLite(b, store.Migrations)
	s := New(Deps{Store: store.New(d), Tokens: token.NewFernet(keys, nil), CredentialKeys: keys,
		Config: Config{PasswordHashRounds: 8, Compliance: Compliance{LockoutFailureAttempts: 1 << 20}}})
	if err := s.Bootstrap(b.Context(), BootstrapConfig{AdminPassword: "secret"}); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"mia", "off", "locked"} {
		u, err := s.CreateUser(b.Context(), keystone.Attributes{"name": name, "password": "right", "domain_id": "default", "enabled": name != "off"})
		if err != nil {
			b.Fatal(err)
		}
		if name == "locked" {
			if _, err := db.Exec(b.Context(), d, "INSERT INTO logins (user_id, failures, failed_at) VALUES (?, ?, ?)", u.ID, 1<<20, time.Now().UTC()); err != nil {
				b.Fatal(err)
			}
		}
	}
	ref := func(name string) keystone.Ref { return keystone.Ref{Name: name, Domain: &keystone.Ref{ID: "default"}} }
	type kind struct {
		name, method string
		proof        any
	}
	kinds := []kind{
		{"wrong-password", keystone.MethodPassword, keystone.PasswordProof{User: ref("mia"), Password: "wrong"}},
		{"unknown-user", keystone.MethodPassword, keystone.PasswordProof{User: ref("nobody"), Password: "wrong"}},
		{"unknown-domain", keystone.MethodPassword, keystone.PasswordProof{User: keystone.Ref{Name: "mia", Domain: &keystone.Ref{ID: "nowhere"}}, Password: "wrong"}},
		{"disabled-user", keystone.MethodPassword, keystone.PasswordProof{User: ref("off"), Password: "wrong"}},
		{"disabled-user-right-password", keystone.MethodPassword, keystone.PasswordProof{User: ref("off"), Password: "right"}},
		{"locked-user", keystone.MethodPassword, keystone.PasswordProof{User: ref("locked"), Password: "wrong"}},
		{"locked-user-right-password", keystone.MethodPassword, keystone.PasswordProof{User: ref("locked"), Password: "right"}},
		{"application-credential", keystone.MethodApplicationCredential, keystone.ApplicationCredentialProof{User: ref("mia"), Name: "a", Secret: "wrong"}},
		{"application-credential-of-nobody", keystone.MethodApplicationCredential, keystone.ApplicationCredentialProof{User: ref("nobody"), Name: "a", Secret: "wrong"}},
	}
	took := make([][]float64, len(kinds))
	b.ResetTimer()
	for n := range b.N {
		for j := range kinds {
			i := (n + j) % len(kinds) // none always comes after the same
			k, at := kinds[i], time.Now()
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
		with := slices.IndexFunc(kinds, func(first kind) bool { return first.method == k.method })
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
