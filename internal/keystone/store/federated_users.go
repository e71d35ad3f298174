package store

import (
	"context"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	federatedUsers      = db.Table[keystone.FederatedUser]("federated_users")
	expiringMemberships = db.Table[keystone.ExpiringMembership]("expiring_memberships")
)

// FederatedUser is the user whom an identity provider knows by that ID, or ErrNoRow.
func (r reads) FederatedUser(ctx context.Context, idpID, protocolID, uniqueID string) (keystone.User, error) {
	f, err := db.One(ctx, r.q, federatedUsers.Select("idp_id = ? AND protocol_id = ? AND unique_id = ?", idpID, protocolID, uniqueID))
	if err != nil {
		return keystone.User{}, err
	}
	return r.User(ctx, f.UserID)
}

// FederatedIDs lists as whom identity providers know users.
func (r reads) FederatedIDs(ctx context.Context, userIDs ...string) ([]keystone.FederatedUser, error) {
	return db.All(ctx, r.q, federatedUsers.Select("").In("user_id", userIDs).OrderBy("idp_id", "protocol_id", "unique_id"))
}

// federatedUserIDs are those of users whom a provider knows in that way.
func (r reads) federatedUserIDs(ctx context.Context, fs keystone.Filters) (map[string]bool, error) {
	q := federatedUsers.Select("")
	for _, column := range []string{"idp_id", "protocol_id", "unique_id"} {
		if v, ok := fs.Equal(column); ok {
			q.Where(column+" = ?", v)
		}
	}
	rows, err := db.All(ctx, r.q, q)
	ids := map[string]bool{}
	for _, f := range rows {
		if fs.Match(f.Attribute) {
			ids[f.UserID] = true
		}
	}
	return ids, err
}

// ExpiringMemberships lists those of a user or a group, expired ones included; "" is any.
func (r reads) ExpiringMemberships(ctx context.Context, userID, groupID string) ([]keystone.ExpiringMembership, error) {
	return db.All(ctx, r.q, expiringMemberships.Select("").
		WhereIf(userID != "", "user_id = ?", userID).
		WhereIf(groupID != "", "group_id = ?", groupID).OrderBy("user_id", "group_id", "idp_id"))
}

// LivingMemberships lists expiring memberships that have not expired, with when they do.
func (r reads) LivingMemberships(ctx context.Context, userID, groupID string) (ms []keystone.Membership, ends []time.Time, err error) {
	rows, err := r.ExpiringMemberships(ctx, userID, groupID)
	if err != nil {
		return nil, nil, err
	}
	return r.living(ctx, rows)
}

// living leaves out those that have expired.
func (r reads) living(ctx context.Context, rows []keystone.ExpiringMembership) (ms []keystone.Membership, ends []time.Time, err error) {
	if len(rows) == 0 {
		return nil, nil, nil
	}
	idps, err := r.IdentityProviders(ctx, nil)
	lasts := map[string]time.Duration{}
	for _, p := range idps {
		lasts[p.ID] = r.as.ttl
		if p.AuthorizationTTL != nil && *p.AuthorizationTTL != 0 {
			lasts[p.ID] = time.Duration(*p.AuthorizationTTL) * time.Minute
		}
	}
	now := r.as.now()
	for _, row := range rows {
		if end := row.LastVerified.Add(lasts[row.IDPID]); end.After(now) {
			ms, ends = append(ms, keystone.Membership{UserID: row.UserID, GroupID: row.GroupID}), append(ends, end)
		}
	}
	return ms, ends, err
}

// InsertFederatedUser writes as whom an identity provider knows a user;
// ErrDuplicate if it knows somebody else so.
func (tx *Tx) InsertFederatedUser(ctx context.Context, f keystone.FederatedUser) error {
	return federatedUsers.Insert(ctx, tx.tx, f)
}

// UnlinkFederatedUser forgets as whom identity providers know a user.
func (tx *Tx) UnlinkFederatedUser(ctx context.Context, userID string) error {
	return tx.exec(ctx, []any{userID}, "DELETE FROM federated_users WHERE user_id = ?")
}

// SetExpiringMembership records that an identity provider has said it now.
func (tx *Tx) SetExpiringMembership(ctx context.Context, m keystone.ExpiringMembership) error {
	return expiringMemberships.Upsert(ctx, tx.tx, m, []string{"user_id", "group_id", "idp_id"})
}

// RemoveExpiringMembership removes what an identity provider does not say any more.
func (tx *Tx) RemoveExpiringMembership(ctx context.Context, m keystone.ExpiringMembership) error {
	_, err := db.Exec(ctx, tx.tx, "DELETE FROM expiring_memberships WHERE user_id = ? AND group_id = ? AND idp_id = ?", m.UserID, m.GroupID, m.IDPID)
	return err
}

// DeleteFederatedUsers removes the users of an identity provider, or of one of
// its protocols, unless another provider or protocol knows them too.
func (tx *Tx) DeleteFederatedUsers(ctx context.Context, idpID, protocolID string) error {
	gone, err := db.All(ctx, tx.q, federatedUsers.Select("idp_id = ?", idpID).WhereIf(protocolID != "", "protocol_id = ?", protocolID))
	if err != nil {
		return err
	}
	for _, f := range gone {
		if _, err := db.Exec(ctx, tx.tx, "DELETE FROM federated_users WHERE idp_id = ? AND protocol_id = ? AND unique_id = ?",
			f.IDPID, f.ProtocolID, f.UniqueID); err != nil {
			return err
		}
		left, err := tx.FederatedIDs(ctx, f.UserID)
		if err != nil {
			return err
		}
		u, err := tx.User(ctx, f.UserID)
		if err == nil && len(left) == 0 && u.DisplayName != "" {
			err = tx.DeleteUser(ctx, f.UserID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var usedAssertions = db.Table[keystone.UsedAssertion]("used_assertions")

// UseAssertion records an assertion, and forgets those that have ended;
// ErrDuplicate if it was used before. Tokens do not depend on it, so the
// revision stays.
func (s *Store) UseAssertion(ctx context.Context, a keystone.UsedAssertion) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, "DELETE FROM used_assertions WHERE ends_at < ?", s.as.now()); err != nil {
			return err
		}
		return usedAssertions.Insert(ctx, tx, a)
	})
}
