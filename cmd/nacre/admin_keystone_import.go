package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
)

// adminKeystoneImport takes over an original Keystone.
func adminKeystoneImport(on func(use, short string, run func(cmd *cobra.Command, a cloud.KeystoneAdmin) error) *cobra.Command) {
	var from cloud.KeystoneImport
	cmd := on("import", "Take over users, projects, catalogue and keys of OpenStack's own Keystone", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		if from.From == "" {
			from.From = os.Getenv("OS_IMPORT_DATABASE")
		}
		if from.From == "" {
			return errors.New("give the original's [database] connection by --from or OS_IMPORT_DATABASE")
		}
		done, err := a.Import(cmd.Context(), from)
		if err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "a Keystone with the schema of %s:\n", strings.Join(done.Releases, ", "))
		for _, c := range done.Counts {
			if c.N > 0 {
				fmt.Fprintf(w, "%8d %s\n", c.N, c.What)
			}
		}
		for _, dir := range done.Keys {
			fmt.Fprintln(w, "keys are in", dir)
		}
		for _, line := range done.Left {
			fmt.Fprintln(w, "not taken over:", line)
		}
		return nil
	})
	cmd.Flags().StringVar(&from.From, "from", "", "its option [database] connection; better given by OS_IMPORT_DATABASE, which others do not see")
	cmd.Flags().StringVar(&from.Keys, "keys", "/etc/keystone", "the directory of its fernet-keys and credential-keys")
	cmd.Flags().BoolVar(&from.Replace, "replace", false, "forget what is here already")
}
