package api

import (
	"encoding/json"
	"io/fs"
	"maps"
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

// Query keys by the version they came with.
var (
	providerKeys = map[string]string{"name": "1.0", "uuid": "1.0", "member_of": "1.3", "resources": "1.4", "in_tree": "1.14", "required": "1.18"}
	usageKeys    = map[string]string{"project_id": "1.9", "user_id": "1.9", "consumer_type": "1.38"}
	traitKeys    = map[string]string{"name": "1.6", "associated": "1.6"}
	groupKeys    = map[string]string{"resources": "1.10", "required": "1.17", "member_of": "1.21", "in_tree": "1.31", "limit": "1.16",
		"group_policy": "1.25", "root_required": "1.35", "same_subtree": "1.36"}
)

// only refuses query keys that this version does not know.
func only(c *httpapi.Call, keys map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(c.Query)) {
		if since, ok := keys[k]; !ok || !c.Version.AtLeast(since) {
			return badQuery("Additional properties are not allowed ('%s' was unexpected)", k)
		}
	}
	return nil
}

func badQuery(format string, a ...any) *fault.Fault {
	f := fault.BadRequest(format, a...)
	f.Message = "Invalid query string parameters: " + f.Message
	return f
}

func uuidValue(c *httpapi.Call, key string) error {
	if v := c.Query.Get(key); c.Query.Has(key) && !uuid.Valid(v) {
		return badQuery("'%s' is not a 'uuid'", v)
	}
	return nil
}

// group reads the keys of one request group, all with the same suffix.
func (a *API) group(c *httpapi.Call, suffix string, q url.Values) (g placement.RequestGroup, err error) {
	g.Suffix = suffix
	if q.Has("resources" + suffix) {
		if g.Resources, err = resources(q.Get("resources" + suffix)); err != nil {
			return g, err
		}
	}
	var named []string
	if g.Required, g.Forbidden, named, err = requiredTraits(c, "required"+suffix, q["required"+suffix]); err != nil {
		return g, err
	}
	if g.MemberOf, g.NotMemberOf, err = memberOf(c, q["member_of"+suffix]); err != nil {
		return g, err
	}
	g.InTree = dashed(q.Get("in_tree" + suffix))
	if q.Has("in_tree"+suffix) && !uuid.Valid(g.InTree) {
		return g, badQuery("'%s' is not a 'uuid'", g.InTree)
	}
	return g, a.svc.CheckNames(c.Ctx(), g.Resources, named)
}

// resources reads VCPU:2,MEMORY_MB:512.
func resources(s string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, part := range strings.Split(s, ",") {
		class, amount, ok := strings.Cut(part, ":")
		if !ok || class == "" {
			return nil, fault.BadRequest("Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: \"%s\"", s).As("placement.query.bad_value")
		}
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return nil, fault.BadRequest("Requested resource %s expected positive integer amount. Got: %s.", class, amount).As("placement.query.bad_value")
		}
		if n < 1 {
			return nil, fault.BadRequest("Requested resource %s requires amount >= 1. Got: %d.", class, n).As("placement.query.bad_value")
		}
		out[class] = n
	}
	return out, nil
}

// requiredTraits reads A,!B and, from 1.39, in:A,B and repeated keys.
func requiredTraits(c *httpapi.Call, key string, values []string) (required [][]string, forbidden, named []string, err error) {
	if len(values) > 1 && !c.Version.AtLeast("1.39") {
		values = values[len(values)-1:]
	}
	bad := func(v string) error {
		return fault.BadRequest("Invalid query string parameters: Expected '%s' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: '%s'", key, v)
	}
	for _, v := range values {
		if any, ok := strings.CutPrefix(v, "in:"); ok && c.Version.AtLeast("1.39") {
			set := strings.Split(any, ",")
			if slices.ContainsFunc(set, func(t string) bool { return t == "" || t[0] == '!' }) {
				return nil, nil, nil, bad(v)
			}
			required, named = append(required, set), append(named, set...)
			continue
		}
		for _, t := range strings.Split(v, ",") {
			not := false
			if c.Version.AtLeast("1.22") {
				t, not = strings.CutPrefix(t, "!")
			}
			if t == "" || strings.HasPrefix(t, "!") {
				return nil, nil, nil, bad(v)
			}
			named = append(named, t)
			if not {
				forbidden = append(forbidden, t)
			} else {
				required = append(required, []string{t})
			}
		}
	}
	for _, f := range forbidden {
		if slices.ContainsFunc(required, func(set []string) bool { return len(set) == 1 && set[0] == f }) {
			return nil, nil, nil, fault.BadRequest("Conflicting required and forbidden traits found in the following traits keys: %s: (%s)", key, f)
		}
	}
	return required, forbidden, named, nil
}

// memberOf reads UUID, in:UUID,UUID, and from 1.32 !UUID and !in:….
func memberOf(c *httpapi.Call, values []string) (sets [][]string, not []string, err error) {
	if len(values) > 1 && !c.Version.AtLeast("1.24") {
		return nil, nil, badQuery("Multiple member_of parameters are not supported")
	}
	for _, v := range values {
		rest, negated := v, false
		if c.Version.AtLeast("1.32") {
			rest, negated = strings.CutPrefix(v, "!")
		}
		list, several := strings.CutPrefix(rest, "in:")
		set := []string{rest}
		if several {
			set = strings.Split(list, ",")
		}
		for i, u := range set {
			if !uuid.Valid(u) {
				return nil, nil, fault.BadRequest("Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: %s", v)
			}
			set[i] = dashed(u)
		}
		if negated {
			not = append(not, set...)
		} else {
			sets = append(sets, set)
		}
	}
	return sets, not, nil
}

var (
	groupKey  = regexp.MustCompile(`^(resources|required|member_of|in_tree)(.*)$`)
	oldSuffix = regexp.MustCompile(`^([1-9][0-9]*)?$`)
	newSuffix = regexp.MustCompile(`^[a-zA-Z0-9_-]{0,64}$`)
	limitForm = regexp.MustCompile(`^[1-9][0-9]*$`)
)

// suffixes lists the request groups of a query; "" is the one without.
func suffixes(c *httpapi.Call) ([]string, error) {
	found := map[string]bool{}
	for _, k := range slices.Sorted(maps.Keys(c.Query)) {
		if since, ok := groupKeys[k]; ok && c.Version.AtLeast(since) {
			if m := groupKey.FindStringSubmatch(k); m != nil {
				found[""] = true
			}
			continue
		}
		m := groupKey.FindStringSubmatch(k)
		form := oldSuffix
		if c.Version.AtLeast("1.33") {
			form = newSuffix
		}
		if m == nil || m[2] == "" || !c.Version.AtLeast("1.25") || !c.Version.AtLeast(groupKeys[m[1]]) || !form.MatchString(m[2]) {
			return nil, badQuery("Additional properties are not allowed ('%s' was unexpected)", k)
		}
		found[m[2]] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}
