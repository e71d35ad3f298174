package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

// adminNovaCommand looks after what the compute service keeps on this host.
func adminNovaCommand(o *upOptions) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the images that guests of this host have booted from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.configuration(cmd)
			if err != nil {
				return err
			}
			have, err := cloud.HostImages(cfg)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "IMAGE\tBYTES\tHITS\tLAST USED")
			for _, e := range have {
				fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", e.ImageID, e.Bytes, e.Hits, e.LastUsed.UTC().Format(time.RFC3339))
			}
			return w.Flush()
		}}
	cache := &cobra.Command{Use: "cache", Short: "Look at the images that this host keeps"}
	cache.AddCommand(list)
	cmd := &cobra.Command{Use: "nova", Short: "Look after the compute service"}
	cmd.AddCommand(cache)
	return cmd
}
