package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"nacre/internal/nova/virt"
)

// maxConsole is how much of a console's log is ever read, in bytes.
const maxConsole = 1 << 20

// ConsoleOutput reads the end of the console's log.
func (d *Driver) ConsoleOutput(ctx context.Context, id string, lines int) (string, error) {
	f, err := os.Open(filepath.Join(d.dir(id), consoleFile))
	if errors.Is(err, os.ErrNotExist) { // it never started
		_, err := d.state(ctx, id)
		return "", err
	} else if err != nil {
		return "", fmt.Errorf("console of %s: %w", id, err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", fmt.Errorf("console of %s: %w", id, err)
	}
	from := max(0, size-maxConsole)
	b := make([]byte, size-from)
	n, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("console of %s: %w", id, err)
	}
	return lastLines(string(b[:n]), lines), nil
}

// lastLines cuts all but the last n lines off; n < 0 keeps all.
func lastLines(s string, n int) string {
	if n < 0 {
		return s
	}
	end := len(strings.TrimSuffix(s, "\n"))
	if n == 0 {
		return ""
	}
	for ; n > 0; n-- {
		end = strings.LastIndexByte(s[:end], '\n')
		if end < 0 {
			return s
		}
	}
	return s[end+1:]
}

// Console tells what to open: VNC's socket, or the serial line's pseudo terminal (network "pty").
func (d *Driver) Console(ctx context.Context, id string, kind virt.ConsoleKind) (out virt.ConsoleAddress, err error) {
	err = d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		def, err := c.definition(dom, 0)
		if err != nil {
			return err
		}
		if def.ID == 0 {
			return virt.ErrState
		}
		out, err = d.console(def, kind)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("console of %s: %w", id, err)
	}
	return out, nil
}

func (d *Driver) console(def *domain, kind virt.ConsoleKind) (virt.ConsoleAddress, error) {
	if kind == virt.Serial {
		for _, s := range def.Devices.Serials {
			if s.Source != nil && s.Source.Path != "" {
				return virt.ConsoleAddress{Network: "pty", Address: s.Source.Path}, nil
			}
		}
	}
	for _, g := range def.Devices.Graphics {
		if g.Type != string(kind) {
			continue
		}
		for _, l := range g.Listen {
			if l.Type == "socket" && l.Socket != "" {
				return virt.ConsoleAddress{Network: "unix", Address: d.cfg.Daemon.Path(l.Socket)}, nil
			}
			if l.Type == "address" && g.Port > 0 {
				return virt.ConsoleAddress{Network: "tcp", Address: net.JoinHostPort(l.Address, strconv.Itoa(g.Port))}, nil
			}
		}
	}
	return virt.ConsoleAddress{}, fmt.Errorf("it has no %s console: %w", kind, virt.ErrState)
}
