package main

import (
	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

// runCommand runs a part of a cloud: the other services are somebody else's, or run elsewhere.
func runCommand() *cobra.Command {
	o := upOptions{flags: cloud.DefaultConfig()}
	cmd := &cobra.Command{Use: "run PROCESS...", Short: "Run only some processes, such as keystone beside OpenStack's own services, in the foreground",
		Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			o.processes = args
			return up(cmd, &o)
		}}
	o.add(cmd)
	return cmd
}
