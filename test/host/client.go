package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// AdminPassword is that of every cloud's administrator.
const AdminPassword = "secret-of-the-test"

// Client is the openstack command line client, as it comes, in a user's hands.
type Client struct {
	h                       *Host
	user, password, project string
}

// Admin is the client of the cloud's administrator.
func (h *Host) Admin() Client { return h.Client("admin", AdminPassword, "admin") }

// Client is the client of a user of the default domain.
func (h *Host) Client(user, password, project string) Client {
	return Client{h, user, password, project}
}

// Run runs one command and returns its standard output.
func (c Client) Run(args ...string) (string, error) {
	out, errs, err := c.run("", args...)
	if err != nil {
		return out, fmt.Errorf("openstack %s: %w\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out, nil
}

// Must is Run that ends the test on an error.
func (c Client) Must(args ...string) string {
	c.h.t.Helper()
	out, err := c.Run(args...)
	if err != nil {
		c.h.t.Fatal(err)
	}
	return out
}

// Show runs a command with JSON output and decodes it into v.
func (c Client) Show(v any, args ...string) {
	c.h.t.Helper()
	out := c.Must(append(args, "-f", "json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		c.h.t.Fatalf("openstack %s: %v in\n%s", strings.Join(args, " "), err, out)
	}
}

// Script runs commands one after the other in one process, as at the client's
// own prompt: its start takes longer than most commands. It ends the test when
// a command fails, after all of them, for the client goes on.
func (c Client) Script(lines ...string) {
	c.h.t.Helper()
	out, errs, err := c.run(strings.Join(lines, "\n") + "\n")
	if err != nil || strings.Contains(strings.ToLower(errs), "error") {
		c.h.t.Fatalf("openstack: %v\n%s\n%s%s", err, strings.Join(lines, "\n"), out, errs)
	}
}

func (c Client) run(input string, args ...string) (out, errs string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := c.h.Command(ctx, "openstack", args...)
	cmd.Env = []string{"OS_AUTH_URL=http://127.0.0.1:5000/v3", "OS_USERNAME=" + c.user, "OS_PASSWORD=" + c.password, "OS_PROJECT_NAME=" + c.project,
		"OS_USER_DOMAIN_NAME=Default", "OS_PROJECT_DOMAIN_NAME=Default", "OS_IDENTITY_API_VERSION=3",
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(c.h.Dir)}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}
