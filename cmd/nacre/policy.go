package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

func policyCommand() *cobra.Command {
	return &cobra.Command{Use: "policy SERVICE", Short: "Print a service's default policy, to be copied to policy/SERVICE.yaml and changed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := cloud.DefaultPolicy(args[0])
			if err != nil {
				return err
			}
			for _, r := range rules {
				for line := range strings.Lines(r.Description) {
					fmt.Fprintln(cmd.OutOrStdout(), "# "+strings.TrimSpace(line))
				}
				for _, op := range r.Operations {
					fmt.Fprintln(cmd.OutOrStdout(), "# "+op)
				}
				if len(r.Scope) > 0 {
					fmt.Fprintln(cmd.OutOrStdout(), "# scope: "+strings.Join(r.Scope, ", "))
				}
				fmt.Fprintf(cmd.OutOrStdout(), "#%q: %q\n\n", r.Name, r.Check)
			}
			return nil
		}}
}
