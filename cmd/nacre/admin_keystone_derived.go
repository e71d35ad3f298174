package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
	"nacre/internal/keystone"
)

// adminKeystoneDerived has the commands about credentials and trusts.
func adminKeystoneDerived(on func(use, short string, run func(cmd *cobra.Command, a cloud.KeystoneAdmin) error) *cobra.Command) {
	on("credential-setup", "Make the keys that seal credentials where they are missing", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		dir, err := a.CredentialSetup()
		return printDirs(cmd, "keys are in", []string{dir}, err)
	})
	on("credential-rotate", "Bring the staged key that seals credentials into use", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		dir, err := a.CredentialRotate(cmd.Context())
		return printDirs(cmd, "rotated", []string{dir}, err)
	})
	on("credential-migrate", "Seal every credential with the key in use", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		n, err := a.CredentialMigrate(cmd.Context())
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%d credentials migrated\n", n)
		}
		return err
	})
	adminKeystoneTrustFlush(on)
}

// adminKeystoneTrustFlush takes the original's flags.
func adminKeystoneTrustFlush(on func(use, short string, run func(cmd *cobra.Command, a cloud.KeystoneAdmin) error) *cobra.Command) {
	var f keystone.TrustFlush
	var date string
	cmd := on("trust-flush", "Remove trusts for good that were deleted or have expired", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		if date != "" {
			var err error
			if f.Before, err = time.Parse("02-01-2006 15:04:05", date); err != nil {
				return fmt.Errorf("--date is written as day-month-year hour:minute:second: %w", err)
			}
		}
		n, err := a.TrustFlush(cmd.Context(), f)
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%d trusts flushed\n", n)
		}
		return err
	})
	flags := cmd.Flags()
	flags.StringVar(&f.ProjectID, "project-id", "", "only those on this project")
	flags.StringVar(&f.TrustorUserID, "trustor-user-id", "", "only those of this trustor")
	flags.StringVar(&f.TrusteeUserID, "trustee-user-id", "", "only those for this trustee")
	flags.StringVar(&date, "date", "", "only those that had expired then, such as \"31-12-2026 23:59:59\"; else now")
}
