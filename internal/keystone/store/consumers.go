package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	consumers     = db.Table[keystone.Consumer]("consumers")
	requestTokens = db.Table[keystone.RequestToken]("request_tokens")
	accessTokens  = db.Table[keystone.AccessToken]("access_tokens")
)

// Consumer is the consumer with that ID, or ErrNoRow.
func (r reads) Consumer(ctx context.Context, id string) (keystone.Consumer, error) {
	return db.One(ctx, r.q, consumers.Select("id = ?", id))
}

// Consumers lists all consumers.
func (r reads) Consumers(ctx context.Context) ([]keystone.Consumer, error) {
	return db.All(ctx, r.q, consumers.Select("").OrderBy("id"))
}

// InsertConsumer writes a new consumer.
func (tx *Tx) InsertConsumer(ctx context.Context, c keystone.Consumer) error {
	return consumers.Insert(ctx, tx.tx, c)
}

// UpdateConsumer writes all of a consumer.
func (tx *Tx) UpdateConsumer(ctx context.Context, c keystone.Consumer) error {
	return update(ctx, tx, consumers, c)
}

// DeleteConsumer removes a consumer with its tokens, or is ErrNoRow.
func (tx *Tx) DeleteConsumer(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM request_tokens WHERE consumer_id = ?",
		"DELETE FROM access_tokens WHERE consumer_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "consumers", id)
}

// RequestToken is the request token with that ID, or ErrNoRow.
func (r reads) RequestToken(ctx context.Context, id string) (keystone.RequestToken, error) {
	return db.One(ctx, r.q, requestTokens.Select("id = ?", id))
}

// InsertRequestToken writes a new request token.
func (tx *Tx) InsertRequestToken(ctx context.Context, t keystone.RequestToken) error {
	return requestTokens.Insert(ctx, tx.tx, t)
}

// UpdateRequestToken writes all of a request token.
func (tx *Tx) UpdateRequestToken(ctx context.Context, t keystone.RequestToken) error {
	return update(ctx, tx, requestTokens, t)
}

// DeleteRequestToken removes a request token, or is ErrNoRow.
func (tx *Tx) DeleteRequestToken(ctx context.Context, id string) error {
	return tx.remove(ctx, "request_tokens", id)
}

// AccessToken is the access token with that ID, or ErrNoRow.
func (r reads) AccessToken(ctx context.Context, id string) (keystone.AccessToken, error) {
	return db.One(ctx, r.q, accessTokens.Select("id = ?", id))
}

// AccessTokens lists those that a user has granted.
func (r reads) AccessTokens(ctx context.Context, userID string) ([]keystone.AccessToken, error) {
	return db.All(ctx, r.q, accessTokens.Select("authorizing_user_id = ?", userID).OrderBy("id"))
}

// InsertAccessToken writes a new access token.
func (tx *Tx) InsertAccessToken(ctx context.Context, t keystone.AccessToken) error {
	return accessTokens.Insert(ctx, tx.tx, t)
}

// DeleteAccessToken removes an access token, or is ErrNoRow.
func (tx *Tx) DeleteAccessToken(ctx context.Context, id string) error {
	return tx.remove(ctx, "access_tokens", id)
}
