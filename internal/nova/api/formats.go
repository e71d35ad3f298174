package api

import (
	"errors"
	"strings"
	"unicode"
)

var errFormat = errors.New("wrong format")

// formats are the JSON schema formats of Nova's own.
var formats = map[string]func(any) error{
	"name":                              text(isName),
	"name_with_leading_trailing_spaces": text(func(s string) bool { return isName(strings.TrimSpace(s)) }),
	"az_name":                           text(isZoneName),
	"az_name_with_leading_trailing_spaces": text(func(s string) bool {
		return isZoneName(strings.TrimSpace(s))
	}),
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
