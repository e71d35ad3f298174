package main

import (
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"nacre/internal/keystone/mapping"
)

// mappingEngineCommand tries a mapping before it is given to the API. It needs no cloud.
func mappingEngineCommand() *cobra.Command {
	var rules, input string
	cmd := &cobra.Command{Use: "mapping-engine", Short: "Show whom a mapping makes of an assertion", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := os.ReadFile(rules)
			if err != nil {
				return err
			}
			in, err := os.ReadFile(input)
			if err != nil {
				return err
			}
			result, err := mapping.Try(r, string(in))
			if err != nil {
				return err
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(result)
		}}
	cmd.Flags().StringVar(&rules, "rules", "", "file with the rules, as they are sent to the API")
	cmd.Flags().StringVar(&input, "input", "", "file with an attribute of the assertion a line: name: value;value")
	_ = cmd.MarkFlagRequired("rules")
	_ = cmd.MarkFlagRequired("input")
	return cmd
}
