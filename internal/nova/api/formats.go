package api

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode"
)

var errFormat = errors.New("wrong format")

// formats are the JSON schema formats of Nova's own.
var formats = map[string]func(any) error{
	"base64":                            text(isLenientBase64),
	"name":                              text(isName),
	"name_with_leading_trailing_spaces": text(func(s string) bool { return isName(strings.TrimSpace(s)) }),
	"az_name":                           text(isZoneName),
	"az_name_with_leading_trailing_spaces": text(func(s string) bool {
		return isZoneName(strings.TrimSpace(s))
	}),
	"keypair_name_20":  text(func(s string) bool { return madeOf(s, oldKeypairChars) }),
	"keypair_name_292": text(func(s string) bool { return madeOf(s, keypairChars) }),
}

// What names of keypairs are made of, before and since 2.92.
const (
	oldKeypairChars = "_- 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	keypairChars    = "@._- 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// nameRules are what the formats of names tell who offends them.
var nameRules = map[string]string{
	"name":                                 "printable characters. Can not start or end with whitespace.",
	"name_with_leading_trailing_spaces":    "printable characters with at least one non space character",
	"az_name":                              "printable characters except :. Can not start or end with whitespace.",
	"az_name_with_leading_trailing_spaces": "printable characters except :, with at least one non space character",
	"keypair_name_20":                      "Only expected characters: [" + oldKeypairChars + "]",
	"keypair_name_292":                     "Only expected characters: [" + keypairChars + "]",
}

// text checks strings; a format says nothing about other types.
func text(ok func(string) bool) func(any) error {
	return func(v any) error {
		if s, isString := v.(string); isString && !ok(s) {
			return errFormat
		}
		return nil
	}
}

// isName allows printable characters and spaces inside.
func isName(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) })
}

// isZoneName is a name without the colon that separates zone and host.
func isZoneName(s string) bool { return isName(s) && !strings.Contains(s, ":") }

func madeOf(s, chars string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(chars, r) })
}

// isLenientBase64 reads base64 as Python does: what is not of the alphabet counts for nothing.
func isLenientBase64(s string) bool {
	clean := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("+/=", r)) {
			return r
		}
		return -1
	}, s)
	_, err := base64.StdEncoding.DecodeString(clean)
	return err == nil
}
