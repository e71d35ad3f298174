package cloud

import (
	"context"

	"nacre/internal/oslo/loop"
)

// loops makes the work of a process out of its reconcilers.
func loops(ls []loop.Loop) []func(ctx context.Context) error {
	return []func(ctx context.Context) error{func(ctx context.Context) error {
		loop.Run(ctx, ls...)
		return nil
	}}
}
