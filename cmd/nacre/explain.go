package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

func explainCommand() *cobra.Command {
	cfg := cloud.DefaultConfig()
	cmd := &cobra.Command{Use: "explain SERVER-ID", Short: "Say why a server went to its host, or why no host took it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			accounts, err := askExplain(cfg.StateDir, args[0])
			if err != nil {
				return err
			}
			return printAccounts(cmd.OutOrStdout(), accounts)
		}}
	cmd.Flags().StringVar(&cfg.StateDir, "state-dir", cfg.StateDir, "state directory of the cloud")
	return cmd
}

// askExplain asks the running cloud on its operator's port.
func askExplain(stateDir, server string) ([]cloud.SchedulingAccount, error) {
	ops, err := os.ReadFile(filepath.Join(stateDir, "ops"))
	if err != nil {
		return nil, fmt.Errorf("no cloud has run on %s: %w", stateDir, err)
	}
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Get("http://" + string(ops) + "/explain/servers/" + url.PathEscape(server))
	if err != nil {
		return nil, fmt.Errorf("the cloud does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return nil, fmt.Errorf("%s", text)
	}
	var accounts []cloud.SchedulingAccount
	return accounts, json.NewDecoder(res.Body).Decode(&accounts)
}

// printAccounts prints each attempt: the host chosen, then every refusal as
// host, check, wanted and had.
func printAccounts(w io.Writer, accounts []cloud.SchedulingAccount) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, a := range accounts {
		fmt.Fprintf(t, "%s\tattempt %d\t%s\n", a.At.Format(time.DateTime), a.Attempt, a.Outcome)
		if len(a.Refusals) > 0 {
			fmt.Fprintln(t, "  HOST\tCHECK\tWANTED\tHAD")
		}
		for _, r := range a.Refusals {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", r.Host, r.Check, r.Wanted, r.Had)
		}
	}
	return t.Flush()
}
