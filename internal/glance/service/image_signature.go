package service

import (
	"context"
	"errors"
	"log/slog"

	"nacre/internal/glance"
	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/signature"
	"nacre/internal/oslo/auth"
)

// certificate is that of a signed image, kept by a flow: nobody's token
// outlives the process that was given it.
type certificate struct {
	ID  string `json:"id"`
	DER []byte `json:"der"`
}

// verifier is what verifies the bytes of a signed image, with that certificate
// if it is the image's; nil for an image that is not signed.
func (s *Service) verifier(ctx context.Context, img glance.Image, have *certificate) (*signature.Verifier, error) {
	if !signature.Signed(img.Properties) {
		return nil, nil
	}
	claim, err := signature.Read(img.Properties)
	if err != nil {
		return nil, err
	}
	if have == nil || have.ID != claim.Certificate {
		if have, err = s.certificate(ctx, claim.Certificate); err != nil {
			return nil, err
		}
	}
	cert, err := keymanager.Parse(have.DER)
	if err != nil {
		return nil, err
	}
	return claim.By(cert.Key)
}

// certificate asks the key manager as the caller in ctx.
func (s *Service) certificate(ctx context.Context, id string) (*certificate, error) {
	cert, err := s.keys.Certificate(ctx, id)
	var format keymanager.Format
	switch {
	case err == nil:
		return &certificate{id, cert.DER}, nil
	case errors.Is(err, keymanager.ErrNotFound):
		return nil, signature.Refuse("Certificate not found with ID: %s", id)
	case errors.As(err, &format):
		return nil, signature.Refuse("Invalid certificate format: %s", string(format))
	}
	slog.WarnContext(ctx, "certificate not read", "certificate", id, "error", err)
	return nil, signature.Refuse("Unable to retrieve certificate with ID: %s", id)
}

// vouch finds the certificate of a signed image for the flow of an import, while
// the caller's token is at hand, or why it cannot, which the task tells.
func (s *Service) vouch(ctx context.Context, id string, properties map[string]*string) (cert *certificate, refusal string) {
	if !signature.Signed(properties) {
		return nil, ""
	}
	claim, err := signature.Read(properties)
	if err == nil {
		cert, err = s.certificate(ctx, claim.Certificate)
	}
	if err != nil {
		return nil, taskMessage(uploadFault(err, id))
	}
	return cert, ""
}

// asCaller is a flow's context with its caller's token, if this process has it still.
func (s *Service) asCaller(ctx context.Context, st *imageImport) context.Context {
	caller := auth.Caller(ctx)
	caller.Token, _ = s.token(ctx, st) // without it the key manager refuses
	return auth.WithCaller(ctx, caller)
}
