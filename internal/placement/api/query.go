package api

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/uuid"
	"nacre/internal/placement"
)

// sub finds schema files without their directory.
type sub struct{ fs.FS }

// Open implements fs.FS.
func (s sub) Open(name string) (fs.File, error) { return s.FS.Open("schemas/" + name) }

func unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// dashed is a UUID in its usual form; what is none stays as it is.
func dashed(s string) string {
	if len(s) != 32 || !uuid.Valid(s) {
		return s
	}
	return strings.ToLower(s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:])
}

// last is the value of a key that counts where one is wanted.
func last(q url.Values, key string) string {
	if vs := q[key]; len(vs) > 0 {
		return vs[len(vs)-1]
	}
	return ""
}

// group reads the keys of one request group, all with the same suffix.
func group(c *httpapi.Call, suffix string) (g placement.RequestGroup, err error) {
	g.Suffix = suffix
	if key := "resources" + suffix; c.Query.Has(key) {
		if g.Resources, err = resources(last(c.Query, key)); err != nil {
			return g, err
		}
	}
	if err = requiredTraits(c, "required"+suffix, &g.Filter); err != nil {
		return g, err
	}
	if err = memberOf(c, "member_of"+suffix, &g.Filter); err != nil {
		return g, err
	}
	if key := "in_tree" + suffix; c.Query.Has(key) {
		g.InTree = dashed(strings.TrimSpace(last(c.Query, key)))
		if !uuid.Valid(g.InTree) {
			return g, fault.BadRequest("Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: %s", last(c.Query, key))
		}
	}
	return g, nil
}

// resources reads VCPU:2,MEMORY_MB:512.
func resources(s string) (map[string]int64, error) {
	const form = "Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: %s."
	if strings.TrimSpace(s) == "" {
		return nil, fault.BadRequest(form, "empty string")
	}
	out := map[string]int64{}
	for _, part := range strings.Split(s, ",") {
		class, amount, ok := strings.Cut(part, ":")
		if !ok || strings.Contains(amount, ":") {
			return nil, fault.BadRequest(form, part)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(amount), 10, 64)
		if err != nil {
			return nil, fault.BadRequest("Requested resource %s expected positive integer amount. Got: %s.", class, amount)
		}
		if n < 1 {
			return nil, fault.BadRequest("Requested resource %s requires amount >= 1. Got: %d.", class, n)
		}
		out[class] = n
	}
	return out, nil
}

// requiredTraits reads A,B, from 1.22 !A, and from 1.39 in:A,B and repeated keys.
func requiredTraits(c *httpapi.Call, key string, f *placement.Filter) error {
	values := c.Query[key]
	if len(values) > 1 && !c.Version.AtLeast("1.39") {
		values = values[len(values)-1:]
	}
	for _, v := range values {
		if err := addTraits(v, c.Version.AtLeast("1.22"), c.Version.AtLeast("1.39"), f); err != nil {
			return err
		}
	}
	return nil
}

// addTraits reads one value; forbid and any say which forms it may have.
func addTraits(value string, forbid, any bool, f *placement.Filter) error {
	bad := func(format string, a ...string) error {
		return fault.BadRequest("Invalid query string parameters: "+format+"%s", append(anys(a), value)...)
	}
	list, isAny := strings.CutPrefix(value, "in:")
	names := split(list)
	if isAny {
		switch {
		case !any:
			return bad("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: ")
		case slices.Contains(names, ""):
			return bad("Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: ")
		case slices.ContainsFunc(names, func(t string) bool { return t[0] == '!' }):
			return bad("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. Got: ")
		}
		f.Required = append(f.Required, names)
		return nil
	}
	form := "HW_CPU_X86_VMX,CUSTOM_MAGIC"
	if forbid {
		form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC"
	}
	if slices.ContainsFunc(names, func(t string) bool { return strings.TrimLeft(t, "!") == "" }) {
		return bad("Expected 'required' parameter value of the form: %s. Got an empty trait in: ", form)
	}
	for _, t := range names {
		name := strings.TrimLeft(t, "!")
		switch {
		case name == t:
			f.Required = append(f.Required, []string{t})
		case !forbid:
			return bad("Expected 'required' parameter value of the form: %s. Got: ", form)
		default:
			f.Forbidden = append(f.Forbidden, name)
		}
	}
	return nil
}

func anys(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}

func split(list string) []string {
	out := strings.Split(list, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// named are the traits that a filter names.
func named(f placement.Filter) (out []string) {
	for _, set := range f.Required {
		out = append(out, set...)
	}
	return append(out, f.Forbidden...)
}

// memberOf reads UUID, in:UUID,UUID, and from 1.32 !UUID and !in:….
func memberOf(c *httpapi.Call, key string, f *placement.Filter) error {
	values := c.Query[key]
	if len(values) > 1 && !c.Version.AtLeast("1.24") {
		return fault.BadRequest("Multiple %s parameters are not supported", key)
	}
	for _, v := range values {
		rest, negated := strings.CutPrefix(v, "!")
		list, several := strings.CutPrefix(rest, "in:")
		if !several && strings.Contains(v, ",") {
			return fault.BadRequest("Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: %s", v)
		}
		set := strings.Split(list, ",")
		for i, u := range set {
			if !uuid.Valid(u) {
				return fault.BadRequest("Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: %s", u)
			}
			set[i] = dashed(u)
		}
		switch {
		case !negated:
			f.MemberOf = append(f.MemberOf, set)
		case !c.Version.AtLeast("1.32"):
			return fault.BadRequest("Forbidden %s parameters are not supported in the specified microversion", key)
		default:
			f.NotMemberOf = append(f.NotMemberOf, set...)
		}
	}
	return nil
}

var (
	groupKey    = regexp.MustCompile(`^(resources|required|member_of|in_tree)([1-9][0-9]*)?$`)
	groupKey133 = regexp.MustCompile(`^(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?$`)
)

// suffixes lists the request groups of a query in its order; "" is the one
// without a suffix.
func suffixes(c *httpapi.Call) (out []string) {
	form := groupKey
	if c.Version.AtLeast("1.33") {
		form = groupKey133
	}
	for _, pair := range strings.Split(c.R.URL.RawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		key, _ = url.QueryUnescape(key)
		if m := form.FindStringSubmatch(key); m != nil && !slices.Contains(out, m[2]) {
			out = append(out, m[2])
		}
	}
	return out
}
