// Package pam is the identity driver of a domain whose users are those of this
// host. Who they are is asked of the name service (getent), their passwords of
// PAM through pamtester, which gets them on its standard input: never as an
// argument, and never in a log. Nothing is written.
package pam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/oslo/db"
)

// Options are those of the group pam.
type Options struct {
	Service string `option:"service"` // file of /etc/pam.d
	MinUID  int    `option:"min_uid"` // users and groups below are the system's and do not count
	MaxUID  int    `option:"max_uid"`
	Timeout int    `option:"timeout"` // seconds for an answer
}

// Driver asks this host.
type Driver struct{ opts Options }

var _ identity.Driver = Driver{}

// serviceName keeps to files of /etc/pam.d, and from flags.
var serviceName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// userName is what the name service may be asked for: no number, which it
// takes for an ID, and no flag.
var userName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.@\\-]*\$?$`)

// New makes the driver.
func New(given map[string]any) (identity.Driver, error) {
	o := Options{Service: "nacre", MinUID: 1000, MaxUID: 60000, Timeout: 30}
	errs := []error{identity.Decode(given, &o)}
	if !serviceName.MatchString(o.Service) {
		errs = append(errs, fmt.Errorf("service: %q is no file of /etc/pam.d", o.Service))
	}
	if o.MinUID < 1 || o.MaxUID < o.MinUID {
		errs = append(errs, errors.New("min_uid and max_uid: the first is at least 1, the second no less"))
	}
	if o.Timeout < 1 {
		errs = append(errs, errors.New("timeout is less than a second"))
	}
	for _, program := range []string{"pamtester", "getent"} {
		if _, err := exec.LookPath(program); err != nil {
			errs = append(errs, fmt.Errorf("%s is missing: install the package %s", program, map[string]string{"pamtester": "pamtester", "getent": "libc-bin"}[program]))
		}
	}
	return Driver{o}, errors.Join(errs...)
}

// Probe implements identity.Prober. For a service without a file PAM goes by
// the one that is called other.
func (d Driver) Probe(context.Context) error {
	for _, dir := range []string{"/etc/pam.d", "/usr/lib/pam.d"} {
		if _, err := os.Stat(filepath.Join(dir, d.opts.Service)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("there is no /etc/pam.d/%s: logins go by /etc/pam.d/other", d.opts.Service)
}

// Close implements identity.Driver.
func (Driver) Close() error { return nil }

// maxPassword is what PAM takes, bytes; a longer one would be cut.
const maxPassword = 511

// Authenticate implements identity.Driver. Whether the account may be used
// (expired, locked) is asked too. PAM is asked for those who are not there as well, so that it takes as long.
func (d Driver) Authenticate(ctx context.Context, u keystone.User, password string) error {
	if password == "" || len(password) > maxPassword || strings.ContainsAny(password, "\n\x00") {
		return identity.ErrRefused
	}
	name := u.ID
	_, err := d.User(ctx, name)
	known := !errors.Is(err, db.ErrNoRow)
	if known && err != nil {
		return err
	}
	if !known {
		name = "nobody-of-that-name"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.opts.Timeout)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pamtester", d.opts.Service, name, "authenticate", "acct_mgmt")
	cmd.Stdin = strings.NewReader(password + "\n")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.WaitDelay = time.Second // should what a module has started outlive it
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Run()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("PAM does not answer: %w", context.Cause(ctx))
	case err == nil && known:
		return nil
	case err == nil || errors.As(err, &failed) && failed.Exited():
		return fmt.Errorf("%w: %s", identity.ErrRefused, strings.TrimSpace(said.String()))
	}
	return fmt.Errorf("pamtester: %w", err)
}

// User implements identity.Driver.
func (d Driver) User(ctx context.Context, id string) (keystone.User, error) {
	if !userName.MatchString(id) {
		return keystone.User{}, db.ErrNoRow
	}
	lines, err := getent(ctx, "passwd", id)
	if err != nil {
		return keystone.User{}, err
	}
	for _, f := range lines {
		if u, ok := d.user(f); ok && u.ID == id {
			return u, nil
		}
	}
	return keystone.User{}, db.ErrNoRow
}

// user reads name:password:uid:gid:comment:home:shell.
func (d Driver) user(f []string) (keystone.User, bool) {
	if len(f) < 7 || !d.counts(f[2]) {
		return keystone.User{}, false
	}
	u := keystone.User{ID: f[0], Name: f[0], Enabled: true, Options: map[string]any{}, Extra: map[string]any{}}
	if who, _, _ := strings.Cut(f[4], ","); who != "" {
		u.Extra["description"] = who
	}
	return u, true
}

func (d Driver) counts(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n >= d.opts.MinUID && n <= d.opts.MaxUID
}

// UserByName implements identity.Driver: the ID is the name.
func (d Driver) UserByName(ctx context.Context, _, name string) (keystone.User, error) {
	return d.User(ctx, name)
}

// Users implements identity.Driver.
func (d Driver) Users(ctx context.Context, _ keystone.Filters) (users []keystone.User, err error) {
	lines, err := getent(ctx, "passwd")
	for _, f := range lines {
		if u, ok := d.user(f); ok {
			users = append(users, u)
		}
	}
	return users, err
}

// group is name:password:gid:members.
type group struct {
	keystone.Group
	gid     string
	members []string
}

func (d Driver) groups(ctx context.Context) (groups []group, err error) {
	lines, err := getent(ctx, "group")
	for _, f := range lines {
		if len(f) < 4 || !d.counts(f[2]) {
			continue
		}
		groups = append(groups, group{keystone.Group{ID: f[0], Name: f[0], Extra: map[string]any{}}, f[2], strings.Split(f[3], ",")})
	}
	return groups, err
}

func (d Driver) group(ctx context.Context, id string) (group, error) {
	all, err := d.groups(ctx)
	if err != nil {
		return group{}, err
	}
	if i := slices.IndexFunc(all, func(g group) bool { return g.ID == id }); i >= 0 {
		return all[i], nil
	}
	return group{}, db.ErrNoRow
}

// Group implements identity.Driver.
func (d Driver) Group(ctx context.Context, id string) (keystone.Group, error) {
	g, err := d.group(ctx, id)
	return g.Group, err
}

// Groups implements identity.Driver.
func (d Driver) Groups(ctx context.Context, _ keystone.Filters) (out []keystone.Group, err error) {
	all, err := d.groups(ctx)
	for _, g := range all {
		out = append(out, g.Group)
	}
	return out, err
}

// GroupsOf implements identity.Driver.
func (d Driver) GroupsOf(ctx context.Context, userID string) (out []keystone.Group, err error) {
	primary, err := d.primary(ctx, userID)
	if err != nil {
		return nil, err
	}
	all, err := d.groups(ctx)
	for _, g := range all {
		if g.gid == primary[userID] || slices.Contains(g.members, userID) {
			out = append(out, g.Group)
		}
	}
	return out, err
}

// UsersOf implements identity.Driver.
func (d Driver) UsersOf(ctx context.Context, groupID string) (out []keystone.User, err error) {
	g, err := d.group(ctx, groupID)
	if err != nil {
		return nil, err
	}
	primary, err := d.primary(ctx, "")
	if err != nil {
		return nil, err
	}
	users, err := d.Users(ctx, nil)
	for _, u := range users {
		if primary[u.ID] == g.gid || slices.Contains(g.members, u.ID) {
			out = append(out, u)
		}
	}
	return out, err
}

// primary gives the number of the first group of a user, who must be there, or of all.
func (d Driver) primary(ctx context.Context, userID string) (map[string]string, error) {
	args := []string{"passwd"}
	if userID != "" {
		if _, err := d.User(ctx, userID); err != nil {
			return nil, err
		}
		args = append(args, userID)
	}
	lines, err := getent(ctx, args...)
	out := map[string]string{}
	for _, f := range lines {
		if len(f) > 3 {
			out[f[0]] = f[3]
		}
	}
	return out, err
}

// notFound is how getent ends if what it was asked for is not there.
const notFound = 2

// getent asks the name service; each line is fields.
func getent(ctx context.Context, args ...string) (lines [][]string, err error) {
	out, err := exec.CommandContext(ctx, "getent", append([]string{"--"}, args...)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == notFound {
		return nil, nil
	} else if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil {
		return nil, fmt.Errorf("getent %s: %w", strings.Join(args, " "), err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Split(strings.TrimRight(line, "\n"), ":"))
	}
	return lines, nil
}
