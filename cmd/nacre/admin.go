package main

import (
	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

// adminCommand has what an operator does beside the APIs.
func adminCommand() *cobra.Command {
	o := upOptions{flags: cloud.DefaultConfig()}
	cmd := &cobra.Command{Use: "admin", Short: "Look after the parts of a cloud"}
	f := cmd.PersistentFlags()
	f.StringVar(&o.file, "config", "", "YAML file of options; flags win over it")
	f.StringVar(&o.flags.StateDir, "state-dir", o.flags.StateDir, "state directory of the cloud")
	cmd.AddCommand(adminKeystoneCommand(&o), adminGlanceCommand(&o), adminNovaCommand(&o))
	return cmd
}
