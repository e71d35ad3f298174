// Package ldap is the identity driver of a domain whose users and groups are in
// an LDAP directory. The directory is only read, with one identity, and a
// password is proved by a bind as its user. Options, search filters and what
// becomes of an entry are the original's.
package ldap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/oslo/db"
)

// Driver asks a directory.
type Driver struct {
	opts      Options
	users     kind
	groups    kind
	hasGroups bool  // the options say where
	ask       *pool // bound as the configured user
	prove     *pool // bound as users, one after the other
}

var _ identity.Driver = (*Driver)(nil)

// kind is what entries of users, or of groups, are known by.
type kind struct {
	tree, class, filter string
	id, name            string // attributes
	attributes          []string
	extra               []string // attribute:name
	ignore              []string // names
}

// New makes the driver. Connections are made when they are needed.
func New(given map[string]any) (identity.Driver, error) {
	o, err := readOptions(given)
	if err != nil {
		return nil, err
	}
	d := &Driver{opts: o, hasGroups: given["group_tree_dn"] != nil,
		users: kind{tree: o.UserTreeDN, class: o.UserObjectclass, filter: o.UserFilter, id: o.UserID, name: o.UserName,
			attributes: []string{o.UserMail, o.UserDescription, o.UserEnabled, o.UserDefaultProjectID}, extra: o.UserAdditional, ignore: o.UserAttributeIgnore},
		groups: kind{tree: o.GroupTreeDN, class: o.GroupObjectclass, filter: o.GroupFilter, id: o.GroupID, name: o.GroupName,
			attributes: []string{o.GroupDescription}, extra: o.GroupAdditional, ignore: o.GroupAttributeIgnore}}
	servers, err := o.servers()
	if o.RandomizeURLs {
		rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	}
	d.ask = o.pool(servers, o.UsePool, o.PoolSize, o.PoolConnectionLifetime)
	d.ask.user, d.ask.password = o.User, o.Password
	d.prove = o.pool(servers, o.UsePool && o.UseAuthPool, o.AuthPoolSize, o.AuthPoolLifetime)
	return d, err
}

func (o Options) pool(servers []server, keep bool, size, lifetime int) *pool {
	p := &pool{servers: servers, lifetime: time.Duration(lifetime) * time.Second, attempts: 1, timeout: patience}
	timeout := o.ConnectionTimeout
	if o.UsePool {
		timeout, p.attempts, p.delay = o.PoolConnectionTimeout, o.PoolRetryMax, time.Duration(o.PoolRetryDelay*float64(time.Second))
	}
	if timeout > 0 {
		p.timeout = time.Duration(timeout) * time.Second
	}
	if keep {
		p.slots = make(chan struct{}, size)
	}
	return p
}

// Probe implements identity.Prober. A directory may do without groups.
func (d *Driver) Probe(ctx context.Context) error {
	trees := [][2]string{{"user_tree_dn", d.opts.UserTreeDN}}
	if d.hasGroups {
		trees = append(trees, [2]string{"group_tree_dn", d.opts.GroupTreeDN})
	}
	var errs []error
	for _, tree := range trees {
		found, err := d.search(ctx, tree[1], goldap.ScopeBaseObject, "(objectClass=*)", "1.1")
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s: the directory shows no %s to %q", tree[0], tree[1], d.opts.User)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Close implements identity.Driver.
func (d *Driver) Close() error {
	d.ask.close()
	d.prove.close()
	return nil
}

// Authenticate binds as the user.
func (d *Driver) Authenticate(ctx context.Context, u keystone.User, password string) error {
	if password == "" { // servers take it for an anonymous bind, which succeeds
		return identity.ErrRefused
	}
	e, err := d.entry(ctx, d.users, u.ID)
	known := !errors.Is(err, db.ErrNoRow)
	if !known { // the server is asked all the same, so that it takes as long
		e, err = &goldap.Entry{DN: d.users.id + "=nobody-of-that-name," + d.users.tree}, nil
	}
	if err != nil {
		return err
	}
	err = d.prove.do(ctx, func(c *goldap.Conn) error { return c.Bind(e.DN, password) })
	var result *goldap.Error
	switch {
	case err == nil && known:
		return nil
	case err == nil:
		return identity.ErrRefused
	case dead(err) || ctx.Err() != nil || !errors.As(err, &result) || isAway(err):
		return fmt.Errorf("bind as %s: %w", e.DN, err)
	}
	return fmt.Errorf("%w: bind as %s: %w", identity.ErrRefused, e.DN, err)
}

func isAway(err error) bool {
	var away errAway
	return errors.As(err, &away)
}

// User implements identity.Driver.
func (d *Driver) User(ctx context.Context, id string) (keystone.User, error) {
	e, err := d.entry(ctx, d.users, id)
	if err != nil {
		return keystone.User{}, err
	}
	return one(d.toUsers(ctx, []*goldap.Entry{e}))
}

// UserByName implements identity.Driver.
func (d *Driver) UserByName(ctx context.Context, _, name string) (keystone.User, error) {
	if name == "" {
		return keystone.User{}, db.ErrNoRow
	}
	entries, err := d.all(ctx, d.users, equal(d.users.name, name))
	if err != nil {
		return keystone.User{}, err
	}
	return one(d.toUsers(ctx, entries))
}

// Users implements identity.Driver.
func (d *Driver) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	entries, err := d.all(ctx, d.users, narrow(fs, d.users.name))
	if err != nil {
		return nil, err
	}
	return d.toUsers(ctx, entries)
}

// Group implements identity.Driver.
func (d *Driver) Group(ctx context.Context, id string) (keystone.Group, error) {
	e, err := d.entry(ctx, d.groups, id)
	if err != nil {
		return keystone.Group{}, err
	}
	return one(d.toGroups(ctx, []*goldap.Entry{e}))
}

// Groups implements identity.Driver.
func (d *Driver) Groups(ctx context.Context, fs keystone.Filters) ([]keystone.Group, error) {
	entries, err := d.all(ctx, d.groups, narrow(fs, d.groups.name))
	if err != nil {
		return nil, err
	}
	return d.toGroups(ctx, entries)
}

// inChain is Active Directory's rule that follows groups in groups.
const inChain = ":1.2.840.113556.1.4.1941:"

// GroupsOf implements identity.Driver.
func (d *Driver) GroupsOf(ctx context.Context, userID string) ([]keystone.Group, error) {
	e, err := d.entry(ctx, d.users, userID)
	if err != nil {
		return nil, err
	}
	member := d.opts.GroupMember
	if d.opts.GroupADNesting {
		member = "member" + inChain
	}
	entries, err := d.all(ctx, d.groups, equal(member, d.memberValue(e.DN, userID)))
	if err != nil {
		return nil, err
	}
	return d.toGroups(ctx, entries)
}

// memberValue is what a group calls a user.
func (d *Driver) memberValue(dn, id string) string {
	if d.opts.GroupMembersAreIDs {
		return id
	}
	return dn
}

// UsersOf implements identity.Driver. Members that are no users do not count.
func (d *Driver) UsersOf(ctx context.Context, groupID string) ([]keystone.User, error) {
	g, err := d.entry(ctx, d.groups, groupID)
	if err != nil {
		return nil, err
	}
	if d.opts.GroupADNesting {
		entries, err := d.all(ctx, d.users, equal("memberOf"+inChain, g.DN))
		if err != nil {
			return nil, err
		}
		return d.toUsers(ctx, entries)
	}
	members, err := d.members(ctx, g.DN, d.opts.GroupMember)
	if err != nil {
		return nil, err
	}
	entries, err := d.entriesOf(ctx, members)
	if err != nil {
		return nil, err
	}
	return d.toUsers(ctx, entries)
}

// members reads what a group calls its members.
func (d *Driver) members(ctx context.Context, groupDN, attribute string) ([]string, error) {
	found, err := d.search(ctx, groupDN, goldap.ScopeBaseObject, "(objectClass=*)", attribute)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	for _, a := range found[0].Attributes {
		if strings.Contains(strings.ToLower(a.Name), ";range=") {
			return nil, fmt.Errorf("the server gives the members of %s in parts only: set group_ad_nesting", groupDN)
		}
	}
	return found[0].GetEqualFoldAttributeValues(attribute), nil
}

// membersAtOnce is how many members are asked for in one search.
const membersAtOnce = 50

// entriesOf finds the entries of the users whom a group calls so.
func (d *Driver) entriesOf(ctx context.Context, members []string) (out []*goldap.Entry, err error) {
	var terms []string
	wanted := map[string]bool{}
	for i, member := range members {
		term := equal(d.users.id, member)
		if !d.opts.GroupMembersAreIDs {
			wanted[folded(member)] = true
			term = ""
			if dn, err := goldap.ParseDN(member); err == nil && len(dn.RDNs) > 0 && descriptor.MatchString(dn.RDNs[0].Attributes[0].Type) {
				term = equal(dn.RDNs[0].Attributes[0].Type, dn.RDNs[0].Attributes[0].Value)
			}
		}
		if term != "" {
			terms = append(terms, term)
		}
		if len(terms) == 0 || len(terms) < membersAtOnce && i < len(members)-1 {
			continue
		}
		found, err := d.all(ctx, d.users, "(|"+strings.Join(terms, "")+")")
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if d.opts.GroupMembersAreIDs || wanted[folded(e.DN)] {
				out = append(out, e)
			}
		}
		terms = nil
	}
	return out, nil
}

// folded is a DN in a form in which equal ones are the same.
func folded(dn string) string {
	if parsed, err := goldap.ParseDN(dn); err == nil {
		dn = parsed.String()
	}
	return strings.ToLower(dn)
}

// one is the first of rows, or ErrNoRow.
func one[T any](rows []T, err error) (first T, _ error) {
	if err == nil && len(rows) == 0 {
		err = db.ErrNoRow
	}
	if err != nil {
		return first, err
	}
	return rows[0], nil
}
