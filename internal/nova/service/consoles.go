package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/uuid"
)

// ConsoleOutput is the end of a server's serial console: the last lines, or
// all that is kept when lines is negative.
func (s *Service) ConsoleOutput(ctx context.Context, srv nova.Server, lines int) (string, error) {
	if srv.Host == "" {
		return "", fault.Conflict("Instance %s is not ready", srv.ID)
	}
	reply, err := rpcapi.ConsoleOutput.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), rpcapi.ConsoleOutputRequest{ServerID: srv.ID, Lines: lines})
	return reply.Output, away(err)
}

// away tells the tenant of a host that does not answer, without naming it.
func away(err error) error {
	if errors.Is(err, messaging.ErrNobody) || errors.Is(err, messaging.ErrTimeout) {
		return fault.Conflict("Service is unavailable at this time.").Cause(err)
	}
	return err
}

// RemoteConsole opens a server's console of that protocol (vnc, serial) for
// the caller and returns the address to visit, good for one connection.
func (s *Service) RemoteConsole(ctx context.Context, srv nova.Server, protocol, kind string) (address string, err error) {
	base := map[string]string{"novnc": s.cfg.NoVNCURL, "serial": s.cfg.SerialURL}[kind]
	if base == "" {
		return "", fault.BadRequest("Unavailable console type %s.", kind)
	}
	if srv.Host == "" {
		return "", fault.Conflict("Instance %s is not ready", srv.ID)
	}
	where, err := rpcapi.RemoteConsole.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), rpcapi.RemoteConsoleRequest{ServerID: srv.ID, Protocol: protocol})
	if err != nil {
		return "", away(err)
	}
	token, now, caller := uuid.New(), s.clock.Now(), auth.Caller(ctx)
	err = s.store.InsertConsoleToken(ctx, nova.ConsoleToken{Hash: tokenHash(token), ServerID: srv.ID, UserID: caller.UserID,
		ProjectID: srv.ProjectID, Type: kind, Host: srv.Host, Network: where.Network, Address: where.Address,
		CreatedAt: now, ExpiresAt: now.Add(s.cfg.ConsoleTTL)})
	if err != nil {
		return "", fmt.Errorf("keep console token: %w", err)
	}
	if kind == "novnc" {
		return base + "?path=" + url.QueryEscape("?token="+token), nil
	}
	return base + "?token=" + token, nil
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// OpenConsole is what a console proxy asks with a visitor's token: where the
// console is. The token is used up. A 404 fault for one that is unknown, used
// or expired, or whose server is gone or elsewhere by now.
func (s *Service) OpenConsole(ctx context.Context, token string) (nova.ConsoleToken, error) {
	t, err := s.store.UseConsoleToken(ctx, tokenHash(token))
	if err != nil {
		return t, noToken(err)
	}
	srv, err := s.store.Server(ctx, t.ServerID)
	if err == nil && srv.Host != t.Host {
		err = db.ErrNoRow
	}
	return t, noToken(err)
}

// ShowConsole is OpenConsole without using the token up, for administrators.
func (s *Service) ShowConsole(ctx context.Context, token string) (nova.ConsoleToken, error) {
	t, err := s.store.ConsoleToken(ctx, tokenHash(token))
	return t, noToken(err)
}

func noToken(err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Token not found")
	}
	return err
}
