package ldap

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
)

// entry is the entry of a user or group, or ErrNoRow.
func (d *Driver) entry(ctx context.Context, k kind, id string) (*goldap.Entry, error) {
	found, err := d.search(ctx, k.tree, scopes[d.opts.QueryScope], k.byID(id), k.wanted()...)
	if len(found) > 1 {
		found = found[:1]
	}
	return one(k.named(found), err)
}

// all finds the entries of users or groups that match a filter; "" is any.
func (d *Driver) all(ctx context.Context, k kind, filter string) ([]*goldap.Entry, error) {
	found, err := d.search(ctx, k.tree, scopes[d.opts.QueryScope], k.among(filter), k.wanted()...)
	return k.named(found), err
}

// byID is the filter that finds one of the kind.
func (k kind) byID(id string) string {
	value := goldap.EscapeFilter(id)
	if raw, ok := guid(id); ok && strings.EqualFold(k.id, "objectGUID") {
		value = raw
	}
	return "(&(" + k.id + "=" + value + ")" + k.filter + equal("objectClass", k.class) + ")"
}

// among is the filter that finds all of the kind that match another.
func (k kind) among(filter string) string {
	return "(&" + filter + k.filter + equal("objectClass", k.class) + "(" + k.id + "=*))"
}

// wanted are the attributes that are asked for.
func (k kind) wanted() []string {
	out := []string{k.id, k.name}
	for _, a := range k.attributes {
		if a != "" {
			out = append(out, a)
		}
	}
	for _, pair := range k.extra {
		a, _, _ := strings.Cut(pair, ":")
		out = append(out, a)
	}
	return out
}

// named leaves out entries without a name, which nobody could tell.
func (k kind) named(entries []*goldap.Entry) (out []*goldap.Entry) {
	for _, e := range entries {
		if strings.TrimSpace(e.GetEqualFoldAttributeValue(k.name)) != "" {
			out = append(out, e)
		}
	}
	return out
}

// equal is the filter that an attribute has a value, whatever that holds.
func equal(attribute, value string) string {
	return "(" + attribute + "=" + goldap.EscapeFilter(value) + ")"
}

// narrow has the server leave out what does not pass the filters on a name. As
// it knows nothing of upper and lower case, what is left is yet to be filtered.
func narrow(fs keystone.Filters, name string) (out string) {
	for _, f := range fs {
		if f.Name != "name" || f.Value == "" {
			continue
		}
		value := goldap.EscapeFilter(f.Value)
		switch f.Comparator {
		case "":
		case "contains":
			value = "*" + value + "*"
		case "startswith":
			value += "*"
		case "endswith":
			value = "*" + value
		default:
			continue
		}
		out += "(" + name + "=" + value + ")"
	}
	return out
}

// guid is the filter value of an objectGUID in the form in which it is shown.
func guid(id string) (string, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != 16 || len(id) != 36 {
		return "", false
	}
	swap := []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	var out strings.Builder
	for _, i := range swap {
		fmt.Fprintf(&out, `\%02x`, b[i])
	}
	return out.String(), true
}

// search finds entries; none below a base that is not there.
func (d *Driver) search(ctx context.Context, base string, scope int, filter string, attributes ...string) (found []*goldap.Entry, err error) {
	err = d.ask.do(ctx, func(c *goldap.Conn) error {
		req := goldap.NewSearchRequest(base, scope, dereferences[d.opts.AliasDereferencing], 0, 0, false, filter, attributes, nil)
		var result *goldap.SearchResult
		var err error
		if d.opts.PageSize > 0 && scope != goldap.ScopeBaseObject {
			result, err = c.SearchWithPaging(req, uint32(d.opts.PageSize))
		} else {
			result, err = c.Search(req)
		}
		if result != nil {
			found = result.Entries
		}
		return err
	})
	switch {
	case err == nil:
		return found, nil
	case goldap.IsErrorWithCode(err, goldap.LDAPResultNoSuchObject):
		return nil, nil
	case goldap.IsErrorWithCode(err, goldap.LDAPResultSizeLimitExceeded):
		return nil, identity.ErrSizeLimit
	case goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials):
		return nil, fmt.Errorf("%w: %w", identity.ErrOurPassword, err)
	}
	return nil, fmt.Errorf("search %s for %s: %w", base, filter, err)
}
