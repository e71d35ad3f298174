package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"nacre/internal/cloud"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/config"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/telemetry"
)

// upOptions are the flags of `nacre up`; those that were not given leave the file's values.
type upOptions struct {
	file      string
	verbose   bool
	processes []string // none is all
	flags     cloud.Config
}

func upCommand() *cobra.Command {
	o := upOptions{flags: cloud.DefaultConfig()}
	cmd := &cobra.Command{Use: "up", Short: "Run a cloud on this machine, in the foreground", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd, &o) }}
	f := cmd.Flags()
	o.add(cmd)
	f.StringVar(&o.flags.Region, "region", o.flags.Region, "name of the region")
	f.StringVar(&o.flags.GuestImage, "guest-image", "", "qcow2 image uploaded on the first run")
	f.StringVar(&o.flags.VirtType, "virt-type", o.flags.VirtType, "auto, kvm, qemu or fake")
	f.IntVar(&o.flags.FakeHosts, "fake-hosts", 0, "hosts of the fake driver, for scale tests")
	f.BoolVar(&o.flags.NoDefaults, "no-defaults", false, "make no networks and image on the first run")
	f.StringVar(&o.flags.FailPoint, "fail-point", "", "kill this process at that point of a flow, to test recovery")
	_ = f.MarkHidden("fail-point")
	return cmd
}

// add takes the flags that every part of a cloud has.
func (o *upOptions) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.file, "config", "", "YAML file of options; flags win over it")
	f.StringVar(&o.flags.StateDir, "state-dir", o.flags.StateDir, "directory of everything that survives a restart")
	f.StringVar(&o.flags.Listen, "listen", o.flags.Listen, "IP address of all APIs")
	f.StringVar(&o.flags.Public, "public-endpoint", "", "what clients are told instead of the address, such as https://cloud.example, without a port")
	f.StringVar(&o.flags.TLS.Cert, "tls-cert", "", "certificate of all APIs, a file in PEM; in the clear when empty")
	f.StringVar(&o.flags.TLS.Key, "tls-key", "", "file of its key")
	f.StringVar(&o.flags.TLS.ClientCA, "tls-client-ca", "", "file of the authorities whose certificates of clients are believed")
	f.StringVar(&o.flags.TLS.CA, "tls-ca", "", "file of the authorities that clients are to trust, OS_CACERT; the machine's when empty")
	f.IntVar(&o.flags.PortOffset, "port-offset", 0, "added to every port, for a second cloud on one machine")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log every request and step")
}

// configuration merges defaults, file, environment and flags, in this order.
func (o *upOptions) configuration(cmd *cobra.Command) (cloud.Config, error) {
	cfg := cloud.DefaultConfig()
	cfg.AdminPassword = os.Getenv("NACRE_ADMIN_PASSWORD")
	cfg.Processes = o.processes // the file is checked with them
	if o.file != "" {
		if err := config.Load(o.file, false, &cfg); err != nil {
			return cfg, err
		}
	}
	if len(o.processes) > 0 {
		cfg.Processes = o.processes
	}
	for name, set := range map[string]func(){
		"state-dir":       func() { cfg.StateDir = o.flags.StateDir },
		"listen":          func() { cfg.Listen = o.flags.Listen; cfg.OpsListen = "" },
		"public-endpoint": func() { cfg.Public = o.flags.Public },
		"tls-cert":        func() { cfg.TLS.Cert = o.flags.TLS.Cert },
		"tls-key":         func() { cfg.TLS.Key = o.flags.TLS.Key },
		"tls-client-ca":   func() { cfg.TLS.ClientCA = o.flags.TLS.ClientCA },
		"tls-ca":          func() { cfg.TLS.CA = o.flags.TLS.CA },
		"region":          func() { cfg.Region = o.flags.Region },
		"guest-image":     func() { cfg.GuestImage = o.flags.GuestImage },
		"virt-type":       func() { cfg.VirtType = o.flags.VirtType },
		"fake-hosts":      func() { cfg.FakeHosts = o.flags.FakeHosts },
		"port-offset":     func() { cfg.PortOffset = o.flags.PortOffset; cfg.OpsListen = "" },
		"no-defaults":     func() { cfg.NoDefaults = o.flags.NoDefaults },
		"fail-point":      func() { cfg.FailPoint = o.flags.FailPoint },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
	return cfg, cfg.Check()
}

func up(cmd *cobra.Command, o *upOptions) error {
	began := time.Now()
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	slog.SetDefault(slog.New(logHandler(os.Stderr, level)))
	cfg, err := o.configuration(cmd)
	if err != nil {
		return err
	}
	if problems := cloud.Preflight(cfg); len(problems) > 0 {
		return tell(problems)
	}
	ctx := cmd.Context()
	collect := collectLater()
	c, err := cloud.Start(ctx, cfg)
	if err != nil {
		return err
	}
	err = c.Ready(ctx)
	collect()
	if err == nil {
		c.Summary(cmd.OutOrStdout(), time.Since(began))
		err = serve(ctx, c)
	} else if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, c.Stop(context.WithoutCancel(ctx)))
}

// startHeap is what a start may use before garbage is collected: most of what
// it allocates stays.
const startHeap = 64 << 20

// collectLater puts the first collection of garbage off. The first one, or
// collect, goes back to what it was: a start of many hosts needs more than
// startHeap, and must not spend its time collecting.
func collectLater() (collect func()) {
	const smallest = 4 << 20 // the runtime's first heap at 100 %
	percent := debug.SetGCPercent(startHeap / smallest * 100)
	collect = sync.OnceFunc(func() { debug.SetGCPercent(percent) })
	canary := new([32]byte) // not so small that the runtime puts it beside others
	runtime.AddCleanup(canary, func(back func()) { back() }, collect)
	return collect
}

// serve waits until the cloud is to stop, or a part of it ends by itself.
func serve(ctx context.Context, c *cloud.Cloud) error {
	ctx, cancel := context.WithCancel(ctx)
	var memory sync.WaitGroup
	memory.Go(func() { loop.Run(ctx, loop.Loop{Name: "memory", Every: time.Minute, Run: trimMemory}) })
	defer memory.Wait()
	defer cancel()
	select {
	case <-ctx.Done():
		slog.Info("stopping; guests keep running")
		return nil
	case err := <-c.Failed():
		return err
	}
}

func trimMemory(ctx context.Context) error {
	return errors.Join(db.TrimMemory(ctx), telemetry.TrimMemory(ctx))
}

func tell(problems []cloud.Problem) error {
	lines := []string{"this machine is not ready for a cloud:"}
	for _, p := range problems {
		lines = append(lines, "  - "+p.String())
	}
	return errors.New(strings.Join(lines, "\n"))
}

// logHandler is colourful on a terminal and JSON elsewhere.
func logHandler(w *os.File, level slog.Level) slog.Handler {
	if st, err := w.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
		return requestHandler{tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly})}
	}
	return requestHandler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})}
}

// requestHandler adds the ID of the request, which clients are told.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := auth.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

func openrcCommand() *cobra.Command {
	cfg := cloud.DefaultConfig()
	cmd := &cobra.Command{Use: "openrc", Short: "Print the admin's credentials for a shell", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := os.Open(cfg.StateDir + "/openrc")
			if err != nil {
				return fmt.Errorf("no credentials yet (run nacre up first): %w", err)
			}
			defer f.Close()
			_, err = io.Copy(cmd.OutOrStdout(), f)
			return err
		}}
	cmd.Flags().StringVar(&cfg.StateDir, "state-dir", cfg.StateDir, "state directory of the cloud")
	return cmd
}
