package httpapi

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"nacre/internal/oslo/uuid"
)

var errFormat = errors.New("wrong format")

// formats are what OpenStack's schemas mean by these names; other types than
// strings pass, as a format says nothing about them.
var formats = map[string]func(any) error{
	"uuid":      ofString(uuid.Valid),
	"base64":    ofString(isBase64),
	"date-time": ofString(isDateTime),
	"uri":       ofString(isURI),
	"ipv4":      ofString(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }),
	"ipv6":      ofString(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() }),
	"ip":        ofString(func(s string) bool { _, err := netip.ParseAddr(s); return err == nil }),
	"cidr":      ofString(func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil }),
}

func ofString(ok func(string) bool) func(any) error {
	return func(v any) error {
		if s, isString := v.(string); isString && !ok(s) {
			return errFormat
		}
		return nil
	}
}

func isBase64(s string) bool {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, s)
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil
}

func isDateTime(s string) bool {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05", "2006-01-02", "2006-01-02T15:04:05Z07"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != ""
}
