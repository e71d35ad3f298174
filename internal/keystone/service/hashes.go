package service

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-crypt/x/crypt"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// hashKinds are the hashes that the original has written, in whatever
// release, by how they begin. New ones are bcrypt always.
var hashKinds = map[string]func(hash string, password []byte) error{
	"2": compareBcrypt, "2a": compareBcrypt, "2b": compareBcrypt, "2y": compareBcrypt,
	"bcrypt-sha256": compareBcryptSHA256,
	"scrypt":        compareScrypt,
	"pbkdf2-sha512": comparePBKDF2,
	"6":             compareSHA512Crypt,
}

var errHashKind = errors.New("the kind of hash is not known")

// hashKind is how a hash begins: the 2b of "$2b$12$…".
func hashKind(hash string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(hash, "$"), "$")
	return kind
}

// compareHash is nil if the hash, of whatever kind, is of the password;
// bcrypt.ErrMismatchedHashAndPassword if it is of another.
func compareHash(hash, password []byte) error {
	compare := hashKinds[hashKind(string(hash))]
	if compare == nil {
		return errHashKind
	}
	return compare(string(hash), password)
}

// bcryptMax is how many bytes of a password bcrypt looks at.
const bcryptMax = 72

func cut(password []byte) []byte { return password[:min(len(password), bcryptMax)] }

func compareBcrypt(hash string, password []byte) error {
	return bcrypt.CompareHashAndPassword([]byte(hash), cut(password))
}

// compareBcryptSHA256 reads $bcrypt-sha256$v=2,t=2b,r=12$salt$digest and, of
// before 2020, $bcrypt-sha256$2b,12$salt$digest: bcrypt of another hash of the
// password, which is as long as bcrypt can take.
func compareBcryptSHA256(hash string, password []byte) error {
	parts := strings.Split(hash, "$")
	if len(parts) != 5 {
		return errHashKind
	}
	params, salt := hashParams(parts[2]), parts[3]
	short := sha256.Sum256(password)
	sum := short[:]
	if params["v"] == "2" {
		mac := hmac.New(sha256.New, []byte(salt))
		mac.Write(password)
		sum = mac.Sum(nil)
	} else if kind, rounds, ok := strings.Cut(parts[2], ","); ok {
		params = map[string]string{"t": kind, "r": rounds}
	}
	whole := fmt.Sprintf("$%s$%02s$%s%s", params["t"], params["r"], salt, parts[4])
	return bcrypt.CompareHashAndPassword([]byte(whole), []byte(base64.StdEncoding.EncodeToString(sum)))
}

// hashParams reads "ln=16,r=8".
func hashParams(text string) map[string]string {
	params := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		params[key] = value
	}
	return params
}

// compareScrypt reads $scrypt$ln=16,r=8,p=1$salt$sum.
func compareScrypt(hash string, password []byte) error {
	parts := strings.Split(hash, "$")
	if len(parts) != 5 {
		return errHashKind
	}
	params := hashParams(parts[2])
	ln, err1 := strconv.Atoi(params["ln"])
	r, err2 := strconv.Atoi(params["r"])
	p, err3 := strconv.Atoi(params["p"])
	if errors.Join(err1, err2, err3) != nil || ln < 1 || ln > 24 {
		return errHashKind
	}
	return compareKey(parts[3], parts[4], base64.RawStdEncoding, func(salt []byte, size int) ([]byte, error) {
		return scrypt.Key(password, salt, 1<<ln, r, p, size)
	})
}

// dotted is base64 with a dot for the plus.
var dotted = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

// comparePBKDF2 reads $pbkdf2-sha512$25000$salt$sum.
func comparePBKDF2(hash string, password []byte) error {
	parts := strings.Split(hash, "$")
	if len(parts) != 5 {
		return errHashKind
	}
	rounds, err := strconv.Atoi(parts[2])
	if err != nil {
		return errHashKind
	}
	return compareKey(parts[3], parts[4], dotted, func(salt []byte, size int) ([]byte, error) {
		return pbkdf2.Key(sha512.New, string(password), salt, rounds, size)
	})
}

// compareKey derives a key with that salt and compares it.
func compareKey(salt, sum string, coding *base64.Encoding, derive func(salt []byte, size int) ([]byte, error)) error {
	s, err1 := coding.DecodeString(salt)
	want, err2 := coding.DecodeString(sum)
	if errors.Join(err1, err2) != nil || len(want) == 0 {
		return errHashKind
	}
	got, err := derive(s, len(want))
	return mismatched(got, want, err)
}

// compareSHA512Crypt reads $6$rounds=656000$salt$sum, of before 2017. The
// rounds may be missing.
func compareSHA512Crypt(hash string, password []byte) error {
	parts := strings.Split(hash, "$")
	rounds := 5000
	if len(parts) == 5 {
		n, err := strconv.Atoi(strings.TrimPrefix(parts[2], "rounds="))
		if err != nil {
			return errHashKind
		}
		rounds, parts = n, append(parts[:2], parts[3:]...)
	}
	if len(parts) != 4 {
		return errHashKind
	}
	return mismatched(crypt.KeySHACrypt(sha512.New, password, []byte(parts[2]), rounds), []byte(parts[3]), nil)
}

func mismatched(got, want []byte, err error) error {
	if err == nil && subtle.ConstantTimeCompare(bytes.TrimSpace(got), want) != 1 {
		err = bcrypt.ErrMismatchedHashAndPassword
	}
	return err
}
