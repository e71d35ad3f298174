package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

func imageCommand() *cobra.Command {
	cfg := cloud.DefaultConfig()
	every := time.Second
	watch := &cobra.Command{Use: "watch IMAGE", Short: "Show how an upload or an import comes along, until it is over", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return watchImage(cmd.Context(), cmd.OutOrStdout(), cfg.StateDir, args[0], every)
		}}
	watch.Flags().StringVar(&cfg.StateDir, "state-dir", cfg.StateDir, "state directory of the cloud")
	watch.Flags().DurationVar(&every, "every", every, "how often to look")
	cmd := &cobra.Command{Use: "image", Short: "Look at images as an operator"}
	cmd.AddCommand(watch)
	return cmd
}

// watchImage prints a line whenever something has changed.
func watchImage(ctx context.Context, w io.Writer, stateDir, image string, every time.Duration) error {
	var last string
	for {
		now, err := askImage(ctx, stateDir, image)
		if err != nil {
			return err
		}
		if line := imageLine(now); line != last {
			fmt.Fprintf(w, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
			last = line
		}
		if now.Over {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

func imageLine(p cloud.ImageProgress) string {
	line := p.Status
	if p.Store != "" {
		seconds := max(p.Seconds, 0.001)
		line += fmt.Sprintf("  %.1f MiB to %s, %.1f MiB/s", mebi(p.Bytes), p.Store, mebi(p.Bytes)/seconds)
	} else if p.Size >= 0 {
		line += fmt.Sprintf("  %.1f MiB", mebi(p.Size))
	}
	if p.Message != "" {
		line += "  task: " + p.Message
	}
	return line
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// askImage asks the running cloud on its operator's port.
func askImage(ctx context.Context, stateDir, image string) (p cloud.ImageProgress, err error) {
	ops, err := os.ReadFile(filepath.Join(stateDir, "ops"))
	if err != nil {
		return p, fmt.Errorf("no cloud has run on %s: %w", stateDir, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+string(ops)+"/images/"+url.PathEscape(image)+"/progress", nil)
	if err != nil {
		return p, err
	}
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Do(r)
	if err != nil {
		return p, fmt.Errorf("the cloud does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return p, fmt.Errorf("%s", text)
	}
	return p, json.NewDecoder(res.Body).Decode(&p)
}
