//go:build kill

package test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// identity is the identity service in a process of its own, which is killed
// over and over, with a database that is put back to what it was.
type identity struct {
	t     *testing.T
	dir   string // state directory
	addr  string
	db    database
	cmd   *exec.Cmd
	names map[string]string // what $name in a call stands for
	token string
}

// TestKilledInACall kills the identity service in every call that changes
// something: before each commit of the call, after each, and at some moment.
// Then the database opens, and the call has happened whole or not at all.
func TestKilledInACall(t *testing.T) {
	for name, engine := range map[string]func(t *testing.T, dir string) database{"sqlite": sqliteIn, "postgres": postgresFor} {
		t.Run(name, func(t *testing.T) {
			i := newIdentity(t, engine)
			for _, c := range identityCalls(t) {
				if c.kind == "absent" {
					continue
				}
				outer := i.t
				t.Run(strings.ReplaceAll(c.method+" "+c.path, "/", "|"), func(t *testing.T) {
					i.t = t
					defer func() { i.t = outer }()
					i.killedIn(c)
				})
			}
		})
	}
}

func (i *identity) killedIn(c identityCall) {
	i.restore()
	before := i.dump()
	killed := map[string][]string{}
	commits := 0
	for ; ; commits++ {
		i.restore()
		i.start(fmt.Sprintf("keystone.commit#%d", commits+1))
		status, text := i.send(c)
		if status != 0 {
			if status != c.status {
				i.t.Errorf("%d, want %d: %s", status, c.status, text)
			}
			break
		}
		i.died()
		killed[fmt.Sprintf("before commit %d", commits+1)] = i.dump()
	}
	i.kill()
	after := i.dump()
	if c.kind == "idle" && commits > 0 || c.kind != "idle" && (commits == 0 || slices.Equal(before, after)) {
		i.t.Fatalf("%d commits", commits)
	}
	if commits > 0 {
		i.restore()
		i.start(fmt.Sprintf("keystone.committed#%d", commits))
		i.send(c)
		i.died()
		i.start("") // opens what the kill has left
		i.kill()
		i.same("after the last commit", normal(before, after), normal(before, i.dump()))

		i.restore()
		i.start("")
		process := i.cmd.Process
		moment := time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, func() { _ = process.Kill() }) // kill waits for its end
		i.send(c)
		moment.Stop()
		i.kill()
		killed["at some moment"] = i.dump()
	}
	for when, now := range killed {
		i.whole(when, before, after, now)
	}
}

// whole wants all that the call does, or nothing. Who logged in when, is true
// also if what followed did not happen.
func (i *identity) whole(when string, before, after, now []string) {
	i.t.Helper()
	before, after, now = normal(before, before), normal(before, after), normal(before, now)
	for _, logins := range []bool{true, false} {
		these := func(rows []string) []string {
			return slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.HasPrefix(row, "logins|") != logins })
		}
		if got := these(now); !slices.Equal(got, these(before)) {
			i.same(when, these(after), got)
		}
	}
}

func (i *identity) same(when string, want, got []string) {
	i.t.Helper()
	for _, row := range without(want, got) {
		i.t.Errorf("killed %s: lacks %s", when, row)
	}
	for _, row := range without(got, want) {
		i.t.Errorf("killed %s: has %s", when, row)
	}
}

// without lists what is in a and not in b, each thing as often.
func without(a, b []string) (out []string) {
	left := map[string]int{}
	for _, row := range b {
		left[row]++
	}
	for _, row := range a {
		if left[row]--; left[row] < 0 {
			out = append(out, row)
		}
	}
	return out
}

var (
	hexID  = regexp.MustCompile(`\b[0-9a-f]{32}([0-9a-f]{32})?\b`)
	secret = regexp.MustCompile(`\$2b\$[./\w$]+|gAAAAA[\w=-]+`)
	moment = regexp.MustCompile(`2\d{3}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[^|]*`)
	chance = regexp.MustCompile(`\b(verifier|key_hash)=[^|]*`)
)

// normal are rows without what two calls that do the same do not have in
// common: new IDs, secrets and times.
func normal(before, rows []string) (out []string) {
	known := strings.Join(before, "\n")
	for _, row := range rows {
		row = hexID.ReplaceAllStringFunc(row, func(id string) string {
			if strings.Contains(known, id) {
				return id
			}
			return "NEW"
		})
		row = chance.ReplaceAllString(moment.ReplaceAllString(secret.ReplaceAllString(row, "SECRET"), "TIME"), "$1=CHANCE")
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}
