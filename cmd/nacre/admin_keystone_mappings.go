package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
	"nacre/internal/keystone"
)

// adminKeystoneMappings has the commands about the public IDs of users and
// groups that are kept elsewhere, with the original's flags.
func adminKeystoneMappings(on func(use, short string, run func(cmd *cobra.Command, a cloud.KeystoneAdmin) error) *cobra.Command) {
	var all bool
	var purged string
	var f keystone.IDMappingFilter
	purge := on("mapping-purge", "Forget the public IDs of users and groups that are kept elsewhere", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		some := purged != "" || f != (keystone.IDMappingFilter{})
		switch {
		case !all && !some:
			return errors.New("at least one option must be provided")
		case all && some:
			return errors.New("--all option cannot be mixed with other options")
		case f.EntityType != "" && f.EntityType != keystone.ActorUser && f.EntityType != keystone.ActorGroup:
			return fmt.Errorf("--type: %q is neither user nor group", f.EntityType)
		}
		n, err := a.MappingPurge(cmd.Context(), purged, f)
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%d mappings purged\n", n)
		}
		return err
	})
	flags := purge.Flags()
	flags.BoolVar(&all, "all", false, "all of them")
	flags.StringVar(&purged, "domain-name", "", "only those of the domain with this name")
	flags.StringVar(&f.PublicID, "public-id", "", "only the one with this public ID")
	flags.StringVar(&f.LocalID, "local-id", "", "only those with this ID where they are kept")
	flags.StringVar(&f.EntityType, "type", "", "only those of user or group")

	var populated string
	populate := on("mapping-populate", "Record the public IDs of all users of a domain that are kept elsewhere", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		n, err := a.MappingPopulate(cmd.Context(), populated)
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "the domain has %d users\n", n)
		}
		return err
	})
	populate.Flags().StringVar(&populated, "domain-name", "", "the domain's name")
	_ = populate.MarkFlagRequired("domain-name")
}
