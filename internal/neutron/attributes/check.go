package attributes

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"nacre/internal/oslo/uuid"
)

// check is a check of one value: the reason why it is refused, or "".
type check = func(any) string

// OrNull lets null pass.
func OrNull(f check) check {
	return func(v any) string {
		if v == nil {
			return ""
		}
		return f(v)
	}
}

// String takes a text of at most max characters; 0 is no limit.
func String(max int) check {
	return func(v any) string {
		s, ok := v.(string)
		if !ok {
			return fmt.Sprintf("'%s' is not a valid string", Text(v))
		}
		if max > 0 && utf8.RuneCountInString(s) > max {
			return fmt.Sprintf("'%s' exceeds maximum length of %d", s, max)
		}
		return ""
	}
}

// Name is String of printable characters without white space at the ends.
func Name(max int) check {
	return func(v any) string {
		if why := String(max)(v); why != "" {
			return why
		}
		s := v.(string)
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) }
		if strings.ContainsFunc(s, unprintable) || strings.TrimFunc(s, unicode.IsSpace) != s {
			return fmt.Sprintf("'%s' is not a valid string", s)
		}
		return ""
	}
}

// NotEmptyName is Name that has a visible character.
func NotEmptyName(v any) string {
	if s, ok := v.(string); ok && strings.TrimSpace(s) == "" {
		return fmt.Sprintf("'%s' Blank strings are not permitted", s)
	}
	return Name(255)(v)
}

// OneLine is a text of one line with a visible character.
func OneLine(max int) check {
	return func(v any) string {
		if why := String(max)(v); why != "" {
			return why
		}
		s := v.(string)
		if strings.TrimSpace(s) == "" {
			return fmt.Sprintf("'%s' Blank strings are not permitted", s)
		}
		if strings.ContainsAny(s, "\r\n") {
			return fmt.Sprintf("Multi-line string is not allowed: '%s'", s)
		}
		return ""
	}
}

// OneOf takes one of the values, texts or numbers.
func OneOf(values ...any) check {
	return func(v any) string {
		if n, ok := v.(json.Number); ok {
			v, _ = integer(n)
		}
		if slices.Contains(values, v) {
			return ""
		}
		return Text(v) + " is not in valid_values"
	}
}

// NonNegative takes whole numbers from 0.
func NonNegative(v any) string {
	n, ok := integer(v)
	if !ok {
		return fmt.Sprintf("'%s' is not an integer", Text(v))
	}
	if n < 0 {
		return fmt.Sprintf("'%s' should be non-negative", Text(v))
	}
	return ""
}

// Within takes whole numbers from low to high.
func Within(low, high int) check {
	return func(v any) string {
		n, ok := integer(v)
		switch {
		case !ok:
			return fmt.Sprintf("'%s' is not an integer", Text(v))
		case n < low:
			return fmt.Sprintf("'%s' is too small - must be at least '%d'", Text(v), low)
		case n > high:
			return fmt.Sprintf("'%s' is too large - must be no larger than '%d'", Text(v), high)
		}
		return ""
	}
}

// UUID takes UUIDs.
func UUID(v any) string {
	if s, ok := v.(string); ok && uuid.Valid(s) {
		return ""
	}
	return fmt.Sprintf("'%s' is not a valid UUID", Text(v))
}

// Dict takes a dictionary.
func Dict(v any) string {
	if _, ok := v.(map[string]any); !ok {
		return fmt.Sprintf("'%s' is not a dictionary", Text(v))
	}
	return ""
}

// ListOf takes a list of different values that each pass f.
func ListOf(f check) check {
	return func(v any) string {
		list, ok := v.([]any)
		if !ok {
			return fmt.Sprintf("'%s' is not a list", Text(v))
		}
		seen := map[string]bool{}
		var twice []string
		for _, item := range list {
			if seen[Repr(item)] && !slices.Contains(twice, Text(item)) {
				twice = append(twice, Text(item))
			}
			seen[Repr(item)] = true
		}
		if len(twice) > 0 {
			return fmt.Sprintf("Duplicate items in the list: '%s'", strings.Join(twice, ", "))
		}
		for _, item := range list {
			if why := f(item); why != "" {
				return why
			}
		}
		return ""
	}
}

// Address takes an IP address as Linux writes it.
func Address(v any) string {
	s, ok := v.(string)
	if ok {
		if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
			return ""
		}
		if ip, ok := leadingZeros(s); ok {
			return fmt.Sprintf("'%s' is not an accepted IP address, '%s' is recommended", s, ip)
		}
	}
	return fmt.Sprintf("'%s' is not a valid IP address", Text(v))
}

// leadingZeros reads an IPv4 address whose numbers begin with zeros.
func leadingZeros(s string) (string, bool) {
	fields := strings.Split(s, ".")
	for i, f := range fields {
		fields[i] = strings.TrimLeft(f, "0")
		if fields[i] == "" && f != "" {
			fields[i] = "0"
		}
	}
	ip, err := netip.ParseAddr(strings.Join(fields, "."))
	return ip.String(), err == nil && ip.Is4()
}

// Prefix takes address/length.
func Prefix(v any) string {
	s, ok := v.(string)
	if p, err := netip.ParsePrefix(s); ok && err == nil && p.Addr().Zone() == "" {
		return ""
	}
	return fmt.Sprintf("'%s' is not a valid IP subnet", Text(v))
}

// destination takes a routable network address with its length.
func destination(v any) string {
	s, _ := v.(string)
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Masked() != p {
		return fmt.Sprintf("'%s' is not a valid CIDR", Text(v))
	}
	if p.Addr().IsLoopback() {
		return fmt.Sprintf("'%s' is not a routable CIDR", s)
	}
	return ""
}

// HardwareAddress takes the MAC of one card.
func HardwareAddress(v any) string {
	s, _ := v.(string)
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 || s == "00:00:00:00:00:00" || s == "ff:ff:ff:ff:ff:ff" {
		return fmt.Sprintf("'%s' is not a valid MAC address", Text(v))
	}
	return ""
}
