package bench

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// BenchmarkLogin logs in by password and, each time, compares a password with
// a hash of the same cost in this process: what a login takes beside it is
// the cloud's own.
func BenchmarkLogin(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 12)
	if err != nil {
		b.Fatal(err)
	}
	const rounds = 12
	b.ResetTimer()
	var logins, hashes time.Duration
	for range b.N {
		for range rounds {
			own := ownCPU()
			if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil {
				b.Fatal(err)
			}
			hashes += ownCPU() - own
			cpu := c.CPU()
			if err := c.login(); err != nil {
				b.Fatal(err)
			}
			logins += c.CPU() - cpu
		}
	}
	n := float64(b.N * rounds)
	b.ReportMetric(ms(logins)/n, "cpu-ms/login")
	b.ReportMetric(ms(hashes)/n, "cpu-ms/hash")
	b.ReportMetric(ms(logins-hashes)/n, "cpu-ms/login-hash")
}

// ownCPU is the user and system time that this process has had.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkValidateBesideLogins validates a token while 16 clients log in
// without a pause: the hashes must not starve what is quick.
func BenchmarkValidateBesideLogins(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	validate := func() int {
		status, _ := c.Do("HEAD", identity, "/v3/auth/tokens", nil, "X-Subject-Token: "+c.token)
		return status
	}
	for _, clients := range []int{0, 16} {
		b.Run(map[int]string{0: "alone", 16: "logins=16"}[clients], func(b *testing.B) {
			stop := c.Beside(clients, func() {
				if status, text := c.Do("POST", identity, "/v3/auth/tokens", passwordAuth); status != 201 {
					b.Errorf("login: %d %s", status, text)
				}
			})
			c.Measure(b, 1, validate)
			stop()
		})
	}
}
