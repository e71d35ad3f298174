package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"

	"nacre/internal/oslo/auth"
)

// guestImage is the name of the image that the first run uploads.
const guestImage = "minios"

// readyWithin is how long a host may take to be known before the cloud is called up without it.
const readyWithin = time.Minute

// Ready completes a start: credentials are written, what a new cloud begins
// with is there, and its hosts are known. It may be called again after any crash.
func (c *Cloud) Ready(ctx context.Context) error {
	if !c.Env.Config.whole() {
		return c.awaitReady(ctx)
	}
	if _, _, err := c.Env.WriteCredentials(); err != nil {
		return err
	}
	if err := c.newCloud(ctx); err != nil {
		return err
	}
	return c.awaitReady(ctx)
}

// awaitReady waits until servers can be built.
func (c *Cloud) awaitReady(ctx context.Context) error {
	limit := time.NewTimer(readyWithin)
	defer limit.Stop()
	for _, r := range c.running {
		for _, ready := range r.Ready {
			select {
			case <-ready:
			case <-limit.C:
				slog.WarnContext(ctx, "not everything is ready yet", "process", r.name)
				return nil
			case err := <-c.failed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// newCloud makes what a new cloud begins with.
func (c *Cloud) newCloud(ctx context.Context) error {
	if c.Env.Config.NoDefaults {
		return nil
	}
	for _, r := range c.running {
		if r.Defaults == nil {
			continue
		}
		if err := c.once(r.name, func() error { return c.defaults(ctx, r) }); err != nil {
			return err
		}
	}
	if c.Env.Config.GuestImage == "" {
		return nil
	}
	return c.once("guest-image", func() error { return c.ensureImage(ctx) })
}

// once does what only a new cloud needs, and remembers when it is done.
func (c *Cloud) once(name string, do func() error) error {
	dir, err := c.Env.Dir("defaults")
	if err != nil {
		return err
	}
	done := filepath.Join(dir, name)
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := do(); err != nil {
		return fmt.Errorf("defaults of %s: %w", name, err)
	}
	return os.WriteFile(done, nil, 0o600)
}

func (c *Cloud) defaults(ctx context.Context, r Running) error {
	token, err := c.Env.Admin().Token(ctx)
	if err != nil {
		return err
	}
	admin, err := c.Env.tokens.Validate(ctx, token)
	if err != nil {
		return err
	}
	return r.Defaults(auth.WithCaller(ctx, admin), admin.ProjectID)
}

// ensureImage uploads the guest image; an upload that broke off is done again.
func (c *Cloud) ensureImage(ctx context.Context) error {
	file := c.Env.Config.GuestImage
	data, err := os.Open(file)
	if err != nil {
		return err
	}
	defer data.Close()
	client, err := c.Env.Admin().Client(ctx, "image")
	if err != nil {
		return err
	}
	pages, err := images.List(client, images.ListOpts{Name: guestImage}).AllPages(ctx)
	if err != nil {
		return err
	}
	found, err := images.ExtractImages(pages)
	if err != nil {
		return err
	}
	var img *images.Image
	switch {
	case len(found) == 0:
		public := images.ImageVisibilityPublic
		img, err = images.Create(ctx, client, images.CreateOpts{Name: guestImage, ContainerFormat: "bare", DiskFormat: "qcow2", Visibility: &public}).Extract()
	case found[0].Status == images.ImageStatusQueued:
		img = &found[0]
	}
	if err == nil && img != nil {
		err = imagedata.Upload(ctx, client, img.ID, data).ExtractErr()
	}
	return err
}

// Summary tells the operator where things are and how to begin. Who waits for
// its first words has all of it by then.
func (c *Cloud) Summary(w io.Writer, took time.Duration) {
	var text bytes.Buffer
	if c.Env.Config.whole() {
		c.wholeSummary(&text, took)
	} else {
		c.partSummary(&text, took)
	}
	_, _ = w.Write(text.Bytes())
}

func (c *Cloud) wholeSummary(w io.Writer, took time.Duration) {
	cfg := c.Env.Config
	fmt.Fprintf(w, "\nThe cloud is up, in %s.\n\n", took.Round(time.Millisecond))
	for _, s := range Catalogue {
		fmt.Fprintf(w, "  %-10s %s%s\n", s.Type, c.Env.PublicURL(s), s.Path)
	}
	fmt.Fprintf(w, "  %-10s http://%s/metrics\n\n", "metrics", cfg.OpsListen)
	fmt.Fprintf(w, "  credentials  %s\n               %s  (cloud \"nacre\")\n", filepath.Join(cfg.StateDir, "openrc"), filepath.Join(cfg.StateDir, "clouds.yaml"))
	if names, err := c.networkNames(context.Background()); err != nil {
		slog.Warn("networks are not known", "error", err)
	} else {
		fmt.Fprintf(w, "  networks     %s\n", names)
	}
	if cfg.GuestImage != "" && !cfg.NoDefaults {
		fmt.Fprintf(w, "  image        %s\n", guestImage)
		fmt.Fprintf(w, `
  . %s
  openstack keypair create --public-key ~/.ssh/id_ed25519.pub mine
  openstack server create --wait --image %s --flavor m1.nano --network private --key-name mine first
`, filepath.Join(cfg.StateDir, "openrc"), guestImage)
	}
	fmt.Fprintln(w, "\nCtrl-C stops the cloud; guests keep running and are taken up at the next start.")
}

// partSummary is the summary where only some processes run.
func (c *Cloud) partSummary(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, "\nUp in %s.\n\n", took.Round(time.Millisecond))
	for _, s := range Services {
		for _, p := range s.processes(c.Env.Config) {
			fmt.Fprintf(w, "  %-10s %s%s\n", p.Name, c.Env.PublicURL(s.Catalog), s.Catalog.Path)
		}
	}
	fmt.Fprintf(w, "  %-10s http://%s/metrics\n\nCtrl-C stops.\n", "metrics", c.Env.Config.OpsListen)
}

func (c *Cloud) networkNames(ctx context.Context) (string, error) {
	client, err := c.Env.Admin().Client(ctx, "network")
	if err != nil {
		return "", err
	}
	pages, err := networks.List(client, networks.ListOpts{}).AllPages(ctx)
	if err != nil {
		return "", err
	}
	all, err := networks.ExtractNetworks(pages)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.New("there are none")
	}
	out := ""
	for i, n := range all {
		if i > 0 {
			out += ", "
		}
		out += n.Name
	}
	return out, nil
}
