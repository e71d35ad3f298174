package ldap

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"nacre/internal/keystone"
)

// toUsers makes users of entries.
func (d *Driver) toUsers(ctx context.Context, entries []*goldap.Entry) ([]keystone.User, error) {
	enabled, err := d.enabledBy(ctx, entries)
	if err != nil {
		return nil, err
	}
	k := d.users
	users := make([]keystone.User, 0, len(entries))
	for _, e := range entries {
		if folded(e.DN) == folded(d.opts.UserEnabledEmulationDN) && d.opts.UserEnabledEmulation {
			continue
		}
		u := keystone.User{ID: k.idOf(ctx, e), Name: text(e, k.name), Options: map[string]any{}, Extra: k.extraOf(e)}
		u.Enabled = enabled(e, u.ID)
		k.put(e, "email", d.opts.UserMail, u.Extra)
		k.put(e, "description", d.opts.UserDescription, u.Extra)
		k.put(e, "default_project_id", d.opts.UserDefaultProjectID, u.Extra)
		u.DefaultProjectID, _ = u.Extra["default_project_id"].(string)
		delete(u.Extra, "default_project_id")
		if u.ID != "" {
			users = append(users, u)
		}
	}
	return users, nil
}

// toGroups makes groups of entries.
func (d *Driver) toGroups(ctx context.Context, entries []*goldap.Entry) ([]keystone.Group, error) {
	k := d.groups
	groups := make([]keystone.Group, 0, len(entries))
	for _, e := range entries {
		g := keystone.Group{ID: k.idOf(ctx, e), Name: text(e, k.name), Extra: k.extraOf(e)}
		k.put(e, "description", d.opts.GroupDescription, g.Extra)
		g.Description, _ = g.Extra["description"].(string)
		delete(g.Extra, "description")
		if g.ID != "" {
			groups = append(groups, g)
		}
	}
	return groups, nil
}

// idOf is the ID of an entry. One of several values is that in the DN.
func (k kind) idOf(ctx context.Context, e *goldap.Entry) string {
	raw := e.GetEqualFoldRawAttributeValues(k.id)
	if len(raw) > 1 {
		slog.WarnContext(ctx, "an LDAP entry has several IDs", "dn", e.DN, "attribute", k.id)
		if dn, err := goldap.ParseDN(e.DN); err == nil && len(dn.RDNs) > 0 && strings.EqualFold(dn.RDNs[0].Attributes[0].Type, k.id) {
			return dn.RDNs[0].Attributes[0].Value
		}
	}
	if len(raw) == 0 {
		return ""
	}
	if b := raw[0]; len(b) == 16 && !utf8.Valid(b) { // a GUID, its first numbers little-endian
		h := hex.EncodeToString([]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}) + hex.EncodeToString(b[8:])
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	}
	return strings.ToValidUTF8(string(raw[0]), "\uFFFD")
}

// text is the first value of an attribute, or "".
func text(e *goldap.Entry, attribute string) string {
	return strings.ToValidUTF8(e.GetEqualFoldAttributeValue(attribute), "\uFFFD")
}

// extraOf are the additional attributes.
func (k kind) extraOf(e *goldap.Entry) map[string]any {
	out := map[string]any{}
	for _, pair := range k.extra {
		attribute, name, _ := strings.Cut(pair, ":")
		k.put(e, name, attribute, out)
	}
	return out
}

// put adds an attribute that the entry has and the options do not ignore.
func (k kind) put(e *goldap.Entry, name, attribute string, to map[string]any) {
	if attribute == "" || slices.Contains(k.ignore, name) {
		return
	}
	if v := text(e, attribute); v != "" {
		to[name] = v
	}
}

// enabledBy gives what tells which of the entries' users are enabled.
func (d *Driver) enabledBy(ctx context.Context, entries []*goldap.Entry) (func(e *goldap.Entry, id string) bool, error) {
	switch {
	case slices.Contains(d.users.ignore, "enabled"):
		return func(*goldap.Entry, string) bool { return true }, nil
	case d.opts.UserEnabledEmulation:
		return d.emulated(ctx, entries)
	case d.opts.UserEnabledMask != 0:
		return func(e *goldap.Entry, _ string) bool { return d.unmasked(ctx, e) }, nil
	}
	return func(e *goldap.Entry, _ string) bool {
		return d.flag(e) != d.opts.UserEnabledInvert
	}, nil
}

// flag is the truth of the attribute that says enabled or, inverted, disabled.
func (d *Driver) flag(e *goldap.Entry) bool {
	value := text(e, d.opts.UserEnabled)
	if value == "" {
		value = d.opts.UserEnabledDefault
	}
	if n, err := strconv.Atoi(value); err == nil && d.opts.UserEnabled == "enabled" {
		return n != 0
	}
	return strings.EqualFold(value, "true")
}

// unmasked reports whether the bit that disables a user is off.
func (d *Driver) unmasked(ctx context.Context, e *goldap.Entry) bool {
	value := text(e, d.opts.UserEnabled)
	if value == "" {
		value = d.opts.UserEnabledDefault
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		slog.WarnContext(ctx, "an LDAP user is disabled, for what should say so is no number", "dn", e.DN, "attribute", d.opts.UserEnabled)
		return false
	}
	return n&d.opts.UserEnabledMask != d.opts.UserEnabledMask
}

// emulated tells that members of a certain group are enabled.
func (d *Driver) emulated(ctx context.Context, entries []*goldap.Entry) (func(e *goldap.Entry, id string) bool, error) {
	member, ids := "member", false
	if d.opts.UserEnabledEmulationGroup {
		member, ids = d.opts.GroupMember, d.opts.GroupMembersAreIDs
	}
	in := map[string]bool{}
	switch {
	case len(entries) == 1 && !ids: // no need to read a large group
		found, err := d.search(ctx, d.opts.UserEnabledEmulationDN, goldap.ScopeBaseObject, equal(member, entries[0].DN), "1.1")
		return func(*goldap.Entry, string) bool { return len(found) > 0 }, err
	case len(entries) > 0:
		members, err := d.members(ctx, d.opts.UserEnabledEmulationDN, member)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if !ids {
				m = folded(m)
			}
			in[m] = true
		}
	}
	return func(e *goldap.Entry, id string) bool {
		if !ids {
			id = folded(e.DN)
		}
		return in[id]
	}, nil
}
