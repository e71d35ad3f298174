package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var credentials = db.Table[keystone.Credential]("credentials")

// Credential is the credential with that ID, still sealed, or ErrNoRow.
func (r reads) Credential(ctx context.Context, id string) (keystone.Credential, error) {
	return db.One(ctx, r.q, credentials.Select("id = ?", id))
}

// Credentials lists the credentials that pass the filters, still sealed.
func (r reads) Credentials(ctx context.Context, fs keystone.Filters) ([]keystone.Credential, error) {
	return list(ctx, r.q, credentials, fs, "user_id", "type")
}

// SealedByOthers lists the credentials that another key than that one has sealed.
func (r reads) SealedByOthers(ctx context.Context, keyHash string) ([]keystone.Credential, error) {
	return db.All(ctx, r.q, credentials.Select("key_hash <> ?", keyHash).OrderBy("id"))
}

// InsertCredential writes a new credential; ErrDuplicate if the ID is taken.
func (tx *Tx) InsertCredential(ctx context.Context, c keystone.Credential) error {
	return credentials.Insert(ctx, tx.tx, c)
}

// UpdateCredential writes all of a credential.
func (tx *Tx) UpdateCredential(ctx context.Context, c keystone.Credential) error {
	return update(ctx, tx, credentials, c)
}

// DeleteCredential removes a credential, or is ErrNoRow.
func (tx *Tx) DeleteCredential(ctx context.Context, id string) error {
	return tx.remove(ctx, "credentials", id)
}
