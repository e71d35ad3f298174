package service

import (
	"crypto/rand"
	"math/big"
	"strings"
	"unicode"
)

const (
	lowerDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	// passwordLetters leaves out what looks alike.
	passwordLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
)

// randomText is n letters of the alphabet, unpredictable.
func randomText(n int, alphabet string) string {
	out := make([]byte, n)
	for i := range out {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail on a working machine
		}
		out[i] = alphabet[k.Int64()]
	}
	return string(out)
}

// password is a generated administrator password.
func password(n int) string { return randomText(n, passwordLetters) }

// hostname makes a host name of a server's name: lower case, dashes for
// blanks, at most 63 bytes; Server-<id> when nothing is left.
func hostname(name, id string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == ' ' || r == '_' || r == '.':
			b.WriteByte('-')
		case r == '-' || r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		}
	}
	out := strings.Trim(b.String(), ".-")
	if len(out) > 63 {
		out = strings.Trim(out[:63], ".-")
	}
	if out == "" {
		return "Server-" + id
	}
	return out
}

// parseBool reads the original's words for true and false.
func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, true
	case "0", "f", "false", "off", "n", "no":
		return false, true
	}
	return false, false
}
