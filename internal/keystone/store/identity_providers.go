package store

import (
	"context"
	"errors"
	"fmt"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	identityProviders = db.Table[keystone.IdentityProvider]("identity_providers")
	remoteIDs         = db.Table[keystone.RemoteID]("idp_remote_ids")
	protocols         = db.Table[keystone.Protocol]("federation_protocols")
)

// ErrDuplicateRemoteID is an ErrDuplicate about the name of an identity provider.
var ErrDuplicateRemoteID = fmt.Errorf("remote ID: %w", db.ErrDuplicate)

// IdentityProvider is the identity provider with that ID, or ErrNoRow.
func (r reads) IdentityProvider(ctx context.Context, id string) (keystone.IdentityProvider, error) {
	return whole(ctx, r, func(ctx context.Context, r reads) (keystone.IdentityProvider, error) {
		p, err := db.One(ctx, r.q, identityProviders.Select("id = ?", id))
		if err != nil {
			return p, err
		}
		names, err := db.All(ctx, r.q, remoteIDs.Select("idp_id = ?", id).OrderBy("remote_id"))
		p.RemoteIDs = []string{}
		for _, n := range names {
			p.RemoteIDs = append(p.RemoteIDs, n.RemoteID)
		}
		return p, err
	})
}

// IdentityProviders lists the identity providers that pass the filters.
func (r reads) IdentityProviders(ctx context.Context, fs keystone.Filters) ([]keystone.IdentityProvider, error) {
	return whole(ctx, r, func(ctx context.Context, r reads) ([]keystone.IdentityProvider, error) {
		rows, err := list(ctx, r.q, identityProviders, fs, "id", "domain_id")
		if err != nil || len(rows) == 0 {
			return rows, err
		}
		names, err := db.All(ctx, r.q, remoteIDs.Select("").OrderBy("remote_id"))
		of := map[string][]string{}
		for _, n := range names {
			of[n.IDPID] = append(of[n.IDPID], n.RemoteID)
		}
		for i := range rows {
			rows[i].RemoteIDs = append([]string{}, of[rows[i].ID]...)
		}
		return rows, err
	})
}

// IdentityProviderByRemoteID is the ID of the identity provider that calls itself so, or ErrNoRow.
func (r reads) IdentityProviderByRemoteID(ctx context.Context, name string) (string, error) {
	row, err := db.One(ctx, r.q, remoteIDs.Select("remote_id = ?", name))
	return row.IDPID, err
}

// InsertIdentityProvider writes a new identity provider; ErrDuplicate if the
// ID, ErrDuplicateRemoteID if one of its names is taken.
func (tx *Tx) InsertIdentityProvider(ctx context.Context, p keystone.IdentityProvider) error {
	if err := identityProviders.Insert(ctx, tx.tx, p); err != nil {
		return err
	}
	return tx.setRemoteIDs(ctx, p)
}

// UpdateIdentityProvider writes all of an identity provider; ErrDuplicateRemoteID
// if one of its names is taken.
func (tx *Tx) UpdateIdentityProvider(ctx context.Context, p keystone.IdentityProvider) error {
	if err := update(ctx, tx, identityProviders, p); err != nil {
		return err
	}
	if _, err := db.Exec(ctx, tx.tx, "DELETE FROM idp_remote_ids WHERE idp_id = ?", p.ID); err != nil {
		return err
	}
	return tx.setRemoteIDs(ctx, p)
}

func (tx *Tx) setRemoteIDs(ctx context.Context, p keystone.IdentityProvider) error {
	for _, name := range p.RemoteIDs {
		err := remoteIDs.Insert(ctx, tx.tx, keystone.RemoteID{RemoteID: name, IDPID: p.ID})
		if errors.Is(err, db.ErrDuplicate) {
			return ErrDuplicateRemoteID
		} else if err != nil {
			return err
		}
	}
	return nil
}

// DeleteIdentityProvider removes an identity provider with its protocols and users.
func (tx *Tx) DeleteIdentityProvider(ctx context.Context, id string) error {
	if err := tx.DeleteFederatedUsers(ctx, id, ""); err != nil {
		return err
	}
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM expiring_memberships WHERE idp_id = ?",
		"DELETE FROM idp_remote_ids WHERE idp_id = ?",
		"DELETE FROM federation_protocols WHERE idp_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "identity_providers", id)
}

// Protocol is a protocol of an identity provider, or ErrNoRow.
func (r reads) Protocol(ctx context.Context, idpID, id string) (keystone.Protocol, error) {
	return db.One(ctx, r.q, protocols.Select("idp_id = ? AND id = ?", idpID, id))
}

// Protocols lists the protocols of an identity provider.
func (r reads) Protocols(ctx context.Context, idpID string) ([]keystone.Protocol, error) {
	return db.All(ctx, r.q, protocols.Select("idp_id = ?", idpID).OrderBy("id"))
}

// InsertProtocol writes a new protocol; ErrDuplicate if the provider has one of that ID.
func (tx *Tx) InsertProtocol(ctx context.Context, p keystone.Protocol) error {
	return protocols.Insert(ctx, tx.tx, p)
}

// UpdateProtocol writes all of a protocol.
func (tx *Tx) UpdateProtocol(ctx context.Context, p keystone.Protocol) error {
	return update(ctx, tx, protocols, p)
}

// DeleteProtocol removes a protocol with its users, or is ErrNoRow.
func (tx *Tx) DeleteProtocol(ctx context.Context, idpID, id string) error {
	if err := tx.DeleteFederatedUsers(ctx, idpID, id); err != nil {
		return err
	}
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM federation_protocols WHERE idp_id = ? AND id = ?", idpID, id)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
