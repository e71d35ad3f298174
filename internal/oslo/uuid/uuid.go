// Package uuid makes the identifiers of resources: random UUIDs (RFC 4122, version 4).
package uuid

import (
	"strings"

	"github.com/google/uuid"
)

// New is a random UUID with dashes, the ID of most resources.
func New() string { return uuid.NewString() }

// Hex is a random UUID of 32 hexadecimal digits, as Keystone writes its IDs.
func Hex() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// Named is the version 5 UUID of a name in a namespace, of 32 hexadecimal digits.
func Named(namespace, name string) string {
	return strings.ReplaceAll(uuid.NewSHA1(uuid.MustParse(namespace), []byte(name)).String(), "-", "")
}

// Valid reports whether s is a UUID with or without dashes, in either case.
func Valid(s string) bool {
	if len(s) != 36 && len(s) != 32 {
		return false
	}
	_, err := uuid.Parse(s)
	return err == nil
}
