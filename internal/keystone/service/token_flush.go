package service

import (
	"context"
	"log/slog"
	"time"

	"nacre/internal/oslo/loop"
)

// Loops are what runs beside the calls.
func (s *Service) Loops() []loop.Loop {
	return []loop.Loop{{Name: "token_flush", Every: 10 * time.Minute, Run: s.flushTokens}}
}

func (s *Service) flushTokens(ctx context.Context) error {
	n, err := s.FlushTokens(ctx)
	if n > 0 {
		slog.InfoContext(ctx, "stored tokens flushed", "tokens", n)
	}
	if err != nil {
		return err
	}
	return s.store.FlushPasscodes(ctx, s.clock.Now().Unix()/passcodePeriod-int64(s.cfg.PasscodeWindows))
}

// FlushTokens forgets stored tokens that nobody can use any more; it says how many.
func (s *Service) FlushTokens(ctx context.Context) (int64, error) {
	return s.store.FlushTokens(ctx, s.clock.Now())
}
