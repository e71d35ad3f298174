package host

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// GlanceClient is the glance command line client, as it comes, in a user's
// hands. Its commands run one after the other in one process, whose start
// takes longer than most of them.
type GlanceClient struct {
	h   *Host
	in  io.Writer
	out *bufio.Scanner
}

// glanceShell runs commands of the client, each a line of JSON, and answers
// with what each printed. Without a terminal the client would read an image.
const glanceShell = `
import contextlib, io, json, sys
from glanceclient import shell
class Terminal(io.StringIO):
    def isatty(self):
        return True
lines, answers = sys.stdin, sys.stdout
sys.stdin = Terminal()
for line in lines:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            shell.OpenStackImagesShell().main(json.loads(line))
        except SystemExit as e:
            code = e.code or 0
        except BaseException as e:
            code = "%s: %s" % (type(e).__name__, e)
    print(json.dumps({"out": out.getvalue(), "err": "" if code == 0 else "%s %s" % (code, err.getvalue())}), file=answers, flush=True)
`

// GlanceClient starts the client of a user of the default domain.
func (h *Host) GlanceClient(user, password, project string) *GlanceClient {
	h.t.Helper()
	cmd := h.Command(context.Background(), "/usr/bin/python3", "-c", glanceShell) // Debian's, where the client is
	cmd.Env = []string{"OS_AUTH_URL=http://127.0.0.1:5000/v3", "OS_USERNAME=" + user, "OS_PASSWORD=" + password, "OS_PROJECT_NAME=" + project,
		"OS_USER_DOMAIN_NAME=Default", "OS_PROJECT_DOMAIN_NAME=Default", "OS_REGION_NAME=RegionOne", "LC_ALL=C.UTF-8",
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(h.Dir)}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	c := &GlanceClient{h: h, in: in, out: bufio.NewScanner(out)}
	c.out.Buffer(nil, 1<<20)
	return c
}

// Run runs one command and returns what it printed.
func (c *GlanceClient) Run(args ...string) (string, error) {
	line, err := json.Marshal(args)
	if err != nil {
		return "", err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return "", err
	}
	if !c.out.Scan() {
		return "", fmt.Errorf("the client ended: %w", c.out.Err())
	}
	var answer struct{ Out, Err string }
	if err := json.Unmarshal(c.out.Bytes(), &answer); err != nil {
		return "", err
	}
	if answer.Err != "" {
		return answer.Out, fmt.Errorf("glance %s: %s", strings.Join(args, " "), answer.Err)
	}
	return answer.Out, nil
}

// Must is Run that ends the test on an error.
func (c *GlanceClient) Must(args ...string) string {
	c.h.t.Helper()
	out, err := c.Run(args...)
	if err != nil {
		c.h.t.Fatal(err)
	}
	return out
}

// Show runs a command that prints a table of properties and returns them.
func (c *GlanceClient) Show(args ...string) map[string]string {
	c.h.t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(c.Must(args...)) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			out[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
		}
	}
	return out
}
