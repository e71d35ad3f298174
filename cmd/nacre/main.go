// Command nacre is a cloud in one binary: OpenStack's APIs without its weight.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "nacre", Short: "A cloud in one binary: OpenStack's APIs without its weight",
		SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(upCommand(), runCommand(), adminCommand(), openrcCommand(), explainCommand(), imageCommand(), policyCommand(), versionCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "nacre:", err)
		os.Exit(1)
	}
}
