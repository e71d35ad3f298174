package attributes

import (
	"encoding/json"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"nacre/internal/neutron"
)

// Bool takes booleans and the words that stand for them.
func Bool(v any) (any, error) {
	switch strings.ToLower(strings.TrimSpace(Text(v))) {
	case "true", "1", "t", "on", "y", "yes":
		return true, nil
	case "false", "0", "f", "off", "n", "no":
		return false, nil
	}
	return nil, neutron.InvalidInput("'%s' cannot be converted to boolean", Text(v))
}

// Int takes whole numbers and their digits.
func Int(v any) (any, error) {
	if n, ok := integer(v); ok {
		return n, nil
	}
	return nil, neutron.InvalidInput("'%s' is not an integer", Text(v))
}

// IntOrNull is Int that lets null be.
func IntOrNull(v any) (any, error) { return unlessNull(v, Int) }

func unlessNull(v any, f func(any) (any, error)) (any, error) {
	if v == nil {
		return nil, nil
	}
	return f(v)
}

func integer(v any) (int, bool) {
	switch t := v.(type) {
	case int:
		return t, true
	case bool:
		if t {
			return 1, true
		}
		return 0, true
	case json.Number:
		if n, err := strconv.Atoi(t.String()); err == nil {
			return n, true
		}
		f, err := t.Float64()
		return int(f), err == nil && math.Abs(f) < 1<<53
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(t))
		return n, err == nil
	}
	return 0, false
}

// ListIfNull makes an empty list of null.
func ListIfNull(v any) (any, error) {
	if v == nil {
		return []any{}, nil
	}
	return v, nil
}

// EmptyIfNull makes an empty text of null.
func EmptyIfNull(v any) (any, error) {
	if v == nil {
		return "", nil
	}
	return v, nil
}

// Lower writes a text in small letters.
func Lower(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, neutron.InvalidInput("Input value %s must be string type", Text(v))
	}
	return strings.ToLower(s), nil
}

// IP writes an IPv6 address in its shortest form; what is none is left to the check.
func IP(v any) (any, error) {
	if s, ok := v.(string); ok && strings.Contains(s, ":") {
		if ip, err := netip.ParseAddr(s); err == nil {
			return ip.String(), nil
		}
	}
	return v, nil
}

// CIDR writes an IPv6 prefix in its shortest form and refuses what is no prefix.
func CIDR(v any) (any, error) {
	s, _ := v.(string)
	if v == nil {
		return nil, neutron.InvalidInput("None is not in a CIDR format")
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()).String(), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, neutron.InvalidInput("%s is not in a CIDR format", Text(v))
	}
	return p.String(), nil
}

// MAC writes a MAC as pairs of small digits; what is none is left to the check.
func MAC(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return v, nil
	}
	if hw, err := net.ParseMAC(s); err == nil && len(hw) == 6 {
		return hw.String(), nil
	}
	if digits := strings.ToLower(s); len(digits) == 12 && strings.Trim(digits, "0123456789abcdef") == "" {
		hw, err := net.ParseMAC(digits[0:2] + ":" + digits[2:4] + ":" + digits[4:6] + ":" + digits[6:8] + ":" + digits[8:10] + ":" + digits[10:12])
		if err == nil {
			return hw.String(), nil
		}
	}
	return v, nil
}

// Pools writes the addresses of allocation pools in their shortest form.
func Pools(v any) (any, error) {
	list, ok := v.([]any)
	if v == nil {
		return []any{}, nil
	}
	if !ok {
		return nil, neutron.InvalidInput("Invalid data format for allocation pools")
	}
	out := make([]any, len(list))
	for i, item := range list {
		pool, ok := item.(map[string]any)
		if !ok {
			return nil, neutron.InvalidInput("Invalid data format for allocation pools")
		}
		short := map[string]any{}
		for k, ip := range pool {
			short[k], _ = IP(ip)
		}
		out[i] = short
	}
	return out, nil
}
