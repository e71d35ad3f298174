package original

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

// revocations are taken so that what was revoked stays so. What an event is
// about and we do not know is left out of it: it revokes more then, not less.
func (r *reader) revocations(ctx context.Context) error {
	type row struct {
		ID           int64      `bun:"id"`
		Domain       *string    `bun:"domain_id"`
		Project      *string    `bun:"project_id"`
		User         *string    `bun:"user_id"`
		Role         *string    `bun:"role_id"`
		Trust        *string    `bun:"trust_id"`
		Consumer     *string    `bun:"consumer_id"`
		AccessToken  *string    `bun:"access_token_id"`
		IssuedBefore time.Time  `bun:"issued_before"`
		ExpiresAt    *time.Time `bun:"expires_at"`
		RevokedAt    time.Time  `bun:"revoked_at"`
		Audit        *string    `bun:"audit_id"`
		Chain        *string    `bun:"audit_chain_id"`
	}
	found, err := rows[row](ctx, r, "revocation_event", `SELECT id, domain_id, project_id, user_id, role_id, trust_id, consumer_id, access_token_id, issued_before,
		expires_at, revoked_at, audit_id, audit_chain_id FROM revocation_event ORDER BY id`)
	if err != nil {
		return err
	}
	wider := 0
	for _, e := range found {
		if e.Role != nil || e.AccessToken != nil || e.Chain != nil {
			wider++
		}
		r.out.Revocations = append(r.out.Revocations, keystone.Revocation{ID: strconv.FormatInt(e.ID, 10), UserID: text(e.User), ProjectID: text(e.Project),
			DomainID: text(e.Domain), AuditID: text(e.Audit), TrustID: text(e.Trust), ConsumerID: text(e.Consumer), IssuedBefore: e.IssuedBefore,
			ExpiresAt: e.ExpiresAt, RevokedAt: e.RevokedAt})
	}
	if wider > 0 {
		r.report.Left = append(r.report.Left, fmt.Sprintf("%d revocations by role, access token or chain of tokens: they revoke all tokens of their user, project or domain that are as old", wider))
	}
	return nil
}

// idMappings keep the public IDs of users and groups of directories (LDAP).
func (r *reader) idMappings(ctx context.Context) (err error) {
	r.out.IDMappings, err = rows[keystone.IDMapping](ctx, r, "id_mapping", `SELECT public_id, domain_id, local_id, entity_type FROM id_mapping ORDER BY public_id`)
	return err
}

// rest counts what has no counterpart here.
func (r *reader) rest(ctx context.Context) error {
	n, err := db.Scan[int](ctx, r.db, `SELECT COUNT(*) FROM token`)
	if err == nil {
		r.left(n[0], "stored tokens (uuid): their users log in again")
	}
	return err
}
