package service

import (
	"context"
	"log/slog"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/fault"
)

// Identity is Keystone as this service needs it.
type Identity interface {
	// Bounds are those of a project, first its own and, where limits are kept by the
	// tree, then those of what is above it.
	Bounds(ctx context.Context, project string) ([]glance.Bound, error)
	// Endpoint is the image service's address in a region; "" if there is none.
	Endpoint(ctx context.Context, region, availability string) (string, error)
	// Trust lets this service act for the caller until then. It is no secret.
	Trust(ctx context.Context, until time.Time) (trust string, err error)
	// TokenByTrust is a token of whoever gave the trust.
	TokenByTrust(ctx context.Context, trust string) (string, error)
	// EndTrust ends a trust.
	EndTrust(ctx context.Context, trust string) error
}

// trustTime is how long an import may go on for its caller without the caller's token.
const trustTime = 24 * time.Hour

// trustFor lets an import go on that another process than this one has to end.
// A caller who cannot give trusts, with an application credential for one, gives
// none: then the import ends with this process.
func (s *Service) trustFor(ctx context.Context, method string) string {
	if method != GlanceDownload || s.identity == nil {
		return ""
	}
	trust, err := s.identity.Trust(ctx, s.clock.Now().Add(trustTime))
	if err != nil {
		slog.WarnContext(ctx, "an import from another region is bound to this process", "error", err)
	}
	return trust
}

// remember keeps the token of the caller whose import needs it, which no database
// does, for as long as this process works on the task.
func (s *Service) remember(st *imageImport, token string) {
	if st.Method != GlanceDownload && st.Certificate == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[st.TaskID] = token
}

// token is what remember was told, or another of the same caller's.
func (s *Service) token(ctx context.Context, st *imageImport) (string, error) {
	s.mu.Lock()
	token := s.tokens[st.TaskID]
	s.mu.Unlock()
	switch {
	case token != "":
		return token, nil
	case st.Trust == "":
		return "", fault.Conflict("the process that was given the token for the other region is gone: import again")
	}
	token, err := s.identity.TokenByTrust(ctx, st.Trust)
	if err != nil {
		return "", fault.Conflict("the process that was given the token for the other region is gone, and its user's trust too: import again").Cause(err)
	}
	return token, nil
}

// forget drops the token, and ends the trust, which would end by itself too.
func (s *Service) forget(ctx context.Context, st *imageImport) {
	s.mu.Lock()
	delete(s.tokens, st.TaskID)
	s.mu.Unlock()
	if st.Trust == "" {
		return
	}
	if err := s.identity.EndTrust(ctx, st.Trust); err != nil {
		slog.WarnContext(ctx, "a trust is left until it expires", "trust", st.Trust, "error", err)
	}
	st.Trust = ""
}
