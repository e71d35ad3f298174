package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

// adminGlanceCommand is what glance-manage, glance-scrubber and the commands of
// the cache are to the original.
func adminGlanceCommand(o *upOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "glance", Short: "Look after the image service"}
	// on makes a subcommand that works on the images of the cloud of the flags.
	on := func(parent *cobra.Command, use, short string, run func(cmd *cobra.Command, a *cloud.GlanceAdmin) error) *cobra.Command {
		sub := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.configuration(cmd)
			if err != nil {
				return err
			}
			a, err := cloud.OpenGlanceAdmin(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer a.Close()
			return run(cmd, a)
		}}
		parent.AddCommand(sub)
		return sub
	}
	var restore string
	scrub := on(cmd, "scrub", "Remove the bytes of images that were deleted longer than scrub_time ago", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		if restore != "" {
			return a.Service.Restore(cmd.Context(), restore)
		}
		n, err := a.Service.Scrub(cmd.Context())
		fmt.Fprintf(cmd.OutOrStdout(), "%d removed\n", n)
		return err
	})
	scrub.Flags().StringVar(&restore, "restore", "", "ID of an image whose deletion is taken back instead")

	age, images := 30, false
	purge := on(cmd, "purge", "Forget images that were deleted some time ago", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		n, err := a.Service.Purge(cmd.Context(), time.Duration(age)*24*time.Hour, images)
		fmt.Fprintf(cmd.OutOrStdout(), "%d rows purged\n", n)
		return err
	})
	purge.Flags().IntVar(&age, "age-in-days", age, "how long ago they were deleted")
	purge.Flags().BoolVar(&images, "images", false, "forget their IDs as well: somebody may then make an image with one of them")

	metadefs := &cobra.Command{Use: "metadefs", Short: "Load, unload and export metadata definitions"}
	cmd.AddCommand(metadefs)
	addMetadefs(func(use, short string, run func(cmd *cobra.Command, a *cloud.GlanceAdmin) error) *cobra.Command {
		return on(metadefs, use, short, run)
	})

	cache := &cobra.Command{Use: "cache", Short: "Look after the cache of this host"}
	cmd.AddCommand(cache)
	on(cache, "list", "List what is cached and what is to be fetched", listCache)
	on(cache, "prefetch", "Fetch what was queued", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		return a.Service.PrefetchQueued(cmd.Context())
	})
	on(cache, "clean", "Remove what dead downloads left and images that are no more", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		return a.Service.CleanCache(cmd.Context())
	})
	on(cache, "clear", "Remove everything from the cache and its queue", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		return a.Service.ClearCache(cmd.Context(), true, true)
	})
	on(cache, "prune", "Remove what was not used for the longest time until the rest fits", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		files, bytes, err := a.Service.PruneCache(cmd.Context())
		fmt.Fprintf(cmd.OutOrStdout(), "%d images pruned, %d bytes\n", files, bytes)
		return err
	})
	return cmd
}

func listCache(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
	have, queued, err := a.Service.CacheState(cmd.Context())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "IMAGE\tBYTES\tHITS\tLAST USED")
	for _, c := range have {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", c.ImageID, c.Size, c.Hits, c.LastAccessed.UTC().Format(time.RFC3339))
	}
	for _, q := range queued {
		fmt.Fprintf(w, "%s\tqueued\t\t\n", q.ImageID)
	}
	return w.Flush()
}
