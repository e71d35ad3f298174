package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
	"nacre/internal/glance/service"
)

// addMetadefs adds the subcommands of metadata definitions by on.
func addMetadefs(on func(use, short string, run func(cmd *cobra.Command, a *cloud.GlanceAdmin) error) *cobra.Command) {
	tell := func(cmd *cobra.Command) func(string) {
		return func(line string) { fmt.Fprintln(cmd.OutOrStdout(), line) }
	}
	var path, dir string
	var mode service.MetadefLoad
	load := on("load", "Load definitions from JSON files, such as those in /etc/glance/metadefs", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		return a.LoadMetadefs(cmd.Context(), path, mode, tell(cmd))
	})
	f := load.Flags()
	f.StringVar(&path, "path", "", "directory of JSON files, or one of them; without it a small set that comes with nacre")
	f.BoolVar(&mode.Merge, "merge", false, "add what is missing to namespaces that are there; without it they are left alone")
	f.BoolVar(&mode.PreferNew, "prefer-new", false, "with --merge: replace what has the same name")
	f.BoolVar(&mode.Overwrite, "overwrite", false, "with --merge: replace namespaces as a whole")
	on("unload", "Delete all definitions, protected ones as well", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		return a.Service.UnloadMetadefs(cmd.Context())
	})
	export := on("export", "Write each namespace to a JSON file", func(cmd *cobra.Command, a *cloud.GlanceAdmin) error {
		return a.ExportMetadefs(cmd.Context(), dir, tell(cmd))
	})
	export.Flags().StringVar(&dir, "path", "", "directory to write to")
	_ = export.MarkFlagRequired("path")
}
