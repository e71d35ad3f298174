package main

import (
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
			cloud.PrintPolicy(cmd.OutOrStdout(), rules)
			return nil
		}}
}
