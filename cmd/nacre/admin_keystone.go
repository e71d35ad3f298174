package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
	"nacre/internal/keystone/service"
)

// adminKeystoneCommand is what keystone-manage is to the original.
func adminKeystoneCommand(o *upOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "keystone", Short: "Look after the identity service"}
	// on makes a subcommand that works on the cloud of the flags.
	on := func(use, short string, run func(cmd *cobra.Command, a cloud.KeystoneAdmin) error) *cobra.Command {
		sub := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.configuration(cmd)
			if err != nil {
				return err
			}
			return run(cmd, cloud.NewKeystoneAdmin(cfg))
		}}
		cmd.AddCommand(sub)
		return sub
	}
	on("fernet-setup", "Make the keys of tokens and receipts that are missing", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		dirs, err := a.FernetSetup()
		return printDirs(cmd, "keys are in", dirs, err)
	})
	on("fernet-rotate", "Bring the staged keys of tokens and receipts into use", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		dirs, err := a.FernetRotate()
		return printDirs(cmd, "rotated", dirs, err)
	})
	on("jws-setup", "Make the keys that sign JWS tokens where they are missing", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		dir, err := a.JWSSetup()
		return printDirs(cmd, "keys are in", []string{dir}, err)
	})
	on("jws-rotate", "Bring the next key that signs JWS tokens into use", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		dir, err := a.JWSRotate()
		return printDirs(cmd, "rotated", []string{dir}, err)
	})
	on("token-flush", "Forget stored tokens that have expired", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		n, err := a.TokenFlush(cmd.Context())
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%d tokens flushed\n", n)
		}
		return err
	})
	adminKeystoneDerived(on)
	adminKeystoneMappings(on)
	on("doctor", "Say what is wrong with the identity service, and what to do", adminKeystoneDoctor)
	adminKeystoneBootstrap(on)
	adminKeystoneImport(on)
	cmd.AddCommand(mappingEngineCommand())
	return cmd
}

func printDirs(cmd *cobra.Command, what string, dirs []string, err error) error {
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		fmt.Fprintln(cmd.OutOrStdout(), what, dir)
	}
	return nil
}

func adminKeystoneDoctor(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
	problems, err := a.Doctor(cmd.Context())
	for _, p := range problems {
		fmt.Fprintln(cmd.OutOrStdout(), "-", p)
	}
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%d problems", len(problems))
	} else if err == nil {
		fmt.Fprintln(cmd.OutOrStdout(), "no problem found")
	}
	return err
}

// adminKeystoneBootstrap takes the original's flags and variables.
func adminKeystoneBootstrap(on func(use, short string, run func(cmd *cobra.Command, a cloud.KeystoneAdmin) error) *cobra.Command) {
	var c service.BootstrapConfig
	identity := service.BootstrapService{Type: "identity", Description: "OpenStack Identity"}
	cmd := on("bootstrap", "Make what a new cloud needs, or give the administrator access again", func(cmd *cobra.Command, a cloud.KeystoneAdmin) error {
		if c.AdminPassword == "" {
			return errors.New("give a password by OS_BOOTSTRAP_PASSWORD or --bootstrap-password")
		}
		if identity.Public != "" || identity.Internal != "" || identity.Admin != "" {
			c.Services = []service.BootstrapService{identity}
		}
		if err := a.Bootstrap(cmd.Context(), c); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "user %s may administer the cloud\n", c.AdminUser)
		return nil
	})
	for _, v := range []struct {
		to                   *string
		name, variable, text string
		byDefault            string
	}{
		{&c.AdminUser, "username", "USERNAME", "the administrator", "admin"},
		{&c.AdminPassword, "password", "PASSWORD", "its password; better given by OS_BOOTSTRAP_PASSWORD, which others do not see", ""},
		{&c.AdminProject, "project-name", "PROJECT_NAME", "its project", "admin"},
		{&c.AdminRole, "role-name", "ROLE_NAME", "its role", "admin"},
		{&c.Region, "region-id", "REGION_ID", "region of the endpoints", ""},
		{&identity.Name, "service-name", "SERVICE_NAME", "name of the identity service", "keystone"},
		{&identity.Public, "public-url", "PUBLIC_URL", "public address of the identity service", ""},
		{&identity.Internal, "internal-url", "INTERNAL_URL", "internal address of the identity service", ""},
		{&identity.Admin, "admin-url", "ADMIN_URL", "admin address of the identity service", ""},
	} {
		*v.to = cmp.Or(os.Getenv("OS_BOOTSTRAP_"+v.variable), v.byDefault)
		cmd.Flags().StringVar(v.to, "bootstrap-"+v.name, *v.to, v.text)
	}
	cmd.Flags().Bool("immutable-roles", true, "let nobody change or delete the default roles that are made")
	cmd.Flags().BoolVar(&c.MutableRoles, "no-immutable-roles", false, "let administrators change and delete them")
	cmd.Flags().Lookup("bootstrap-password").DefValue = "" // never printed by --help
}
