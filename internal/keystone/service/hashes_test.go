package service

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// Hashes that passlib made, with which the original hashes: of a short
// password and of one that bcrypt cuts.
func TestHashesOfTheOriginal(t *testing.T) {
	const short = "wähle gut 1"
	long := strings.Repeat("x", 100)
	for _, tc := range []struct{ hash, password, wrong string }{
		{"$2b$04$Gv6NyX8/qzWU5DOra.oGMO4ON7jaPcQXcw8n0IhVYzAvB1F/c79zu", short, "wähle gut 2"},
		{"$2y$04$HHOlidn75J6PujfAQYdiO.ml9a.RxBhFiIeIVMq2K7ljVqHiQ8Ney", short, "wähle gut 2"},
		{"$2a$04$YoGmYq70hIEG7ZDZhDZNOOJdJrNbmuTw263IRRQZPbGg3WKwYqHEe", short, "wähle gut 2"},
		{"$2b$04$WDa29YHdtT9AndTUvysc6O2H.L/ADUtbR68pscBaxe8B0MBzBq9by", long, long[:71]},
		{"$bcrypt-sha256$v=2,t=2b,r=4$tpTzOpgShBeFbIaTtB3Pde$sl3pRXJ50uMX/033kQb7AIPAhpxRY.6", short, "wähle gut 2"},
		{"$bcrypt-sha256$2b,4$7R6YJ9iuj53VKb7kfMebUe$sTHYV73GjVAYTNTbPIBWD1hp7gaJsaq", short, "wähle gut 2"},
		{"$bcrypt-sha256$v=2,t=2b,r=4$QEAv2tfFwSnGALyaTptM/e$EWYvTTapUlVXsWnF3criC1AbiGelfyS", long, long[:72]},
		{"$scrypt$ln=4,r=8,p=1$e6+VUuodo1QKYYwxhvD+Hw$htHKCnwEuqzb3IgBEdqB9Fqt2UbBJC9EQtsZYutvaug", short, "wähle gut 2"},
		{"$scrypt$ln=4,r=8,p=1$wBjDeE9pzXmv1ZpT6l1LiQ$oPazaXnwOtfG+JKAGD5dwVpZSavNn9tvaAX0sIslvbk", long, long[:72]},
		{"$pbkdf2-sha512$100$htCac04phTCGsPZ.j7EWAg$/EiTPalKao0R396KCeFyTu0rIyexntPPFbd3ritFbVl3rYSguN7WMVJTGAQjnMBewa0/nEBq9TnVn0cqE4Ippw", short, "wähle gut 2"},
		{"$pbkdf2-sha512$100$DmGMUYrxHiNEyBlDCKEUYg$13rMKzUEmY00spk8tDsEQT/NQHqCQ8LF989WcUBw9fVbNKzMrkytqXnuOr7E/tl3r0yKGMp2ob4vLmHDzxZYVQ", long, long[:72]},
		{"$6$x1wxKUEzW9Poo38t$WyEVc1cf0xHzkRtTSlknFvm7vJnEa15h8FO1mXDaAf6plW8IrpaW5t5C6J1ww7ZlgyD9CVr42zXN3koJJkYTW0", short, "wähle gut 2"},
		{"$6$rounds=1000$gNicvkzzsEVoIskX$RTZPiEFce0RyvZuZaCo.ZfrlzoXQtMUknrbS1GITTyNn7JM7E8MBkgn0/x/.pdE74H9VHFBxjbMetvmlKYicP/", short, "wähle gut 2"},
		{"$6$rounds=1000$BuKFilduI7vsOpI/$zlodjuvq7yb.W/cwNI7iDtLr3GYw9200PG1WNIQyZM/sf3t1IhzuRqQrHJH4LwZX3bYO2x2G0ly0idO4NnejJ1", long, long[:72]},
	} {
		if err := compareHash([]byte(tc.hash), []byte(tc.password)); err != nil {
			t.Errorf("%s is not of its password: %v", tc.hash, err)
		}
		if err := compareHash([]byte(tc.hash), []byte(tc.wrong)); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("%s is of another password: %v", tc.hash, err)
		}
	}
}

// A hash that nobody can read is nobody's: the answer is that of a wrong
// password, after one comparison.
func TestHashesThatCannotBeRead(t *testing.T) {
	h := newHasher(Config{Hashers: 1, PasswordHashRounds: 4, MaxPasswordLength: 4096})
	compared := ""
	h.compare = func(hash, password []byte) error {
		compared = string(hash)
		return compareHash(hash, password)
	}
	for _, hash := range []string{"plain", "$1$abcdefgh$irnA.TFKbPbHsBOFVNCSl1", "", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$c3Vt"} {
		if ok, err := h.Matches(t.Context(), hash, "plain"); ok || err != nil || !strings.HasPrefix(compared, "$2b$04$") {
			t.Errorf("%q: %v %v, compared %q", hash, ok, err, compared)
		}
	}
	for _, hash := range []string{"$scrypt$ln=60,r=8,p=1$YQ$YQ", "$scrypt$ln=4,r=8,p=1$YQ", "$pbkdf2-sha512$x$YQ$YQ", "$6$rounds=x$YQ$YQ", "$bcrypt-sha256$v=2$a"} {
		if err := compareHash([]byte(hash), []byte("x")); err == nil || errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("%s: %v", hash, err)
		}
	}
}
