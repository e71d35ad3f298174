package service

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var credentialAttributes = []string{"id", "user_id", "project_id", "type", "blob", "links"}

// Credential is a credential with its blob, or 404.
func (s *Service) Credential(ctx context.Context, id string) (keystone.Credential, error) {
	c, err := s.store.Credential(ctx, id)
	if err := missing(err, "credential", id); err != nil {
		return c, err
	}
	return s.unsealed(c)
}

// unsealed opens a credential's blob.
func (s *Service) unsealed(c keystone.Credential) (_ keystone.Credential, err error) {
	if c.Blob, err = s.credentialKeys.Decrypt(c.Sealed); err != nil {
		err = fmt.Errorf("credential %s: %w", c.ID, err)
	}
	return c, err
}

// sealed seals a credential's blob with the primary key.
func (s *Service) sealed(c keystone.Credential) (_ keystone.Credential, err error) {
	c.Sealed, c.KeyHash, err = s.credentialKeys.Encrypt(c.Blob, s.clock.Now())
	return c, err
}

// ReachableCredential is Credential for the caller's token, which cannot
// reach over its delegation.
func (s *Service) ReachableCredential(ctx context.Context, id string) (keystone.Credential, error) {
	c, err := s.Credential(ctx, id)
	if err != nil {
		return c, err
	}
	t, err := s.CallerToken(ctx)
	if err != nil {
		return c, err
	}
	return c, s.reaches(ctx, t, c.ProjectID)
}

// Credentials lists the credentials that the caller's token can reach.
func (s *Service) Credentials(ctx context.Context, fs keystone.Filters) ([]keystone.Credential, error) {
	t, err := s.CallerToken(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Credentials(ctx, fs)
	if err != nil {
		return nil, err
	}
	out := make([]keystone.Credential, 0, len(rows))
	for _, c := range rows {
		if s.reaches(ctx, t, c.ProjectID) != nil {
			continue
		}
		if c, err = s.unsealed(c); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// credentialsOf lists a user's credentials of one type.
func (s *Service) credentialsOf(ctx context.Context, userID, typ string) ([]keystone.Credential, error) {
	rows, err := s.store.Credentials(ctx, keystone.Filters{{Name: "user_id", Value: userID}, {Name: "type", Value: typ}})
	for i := range rows {
		if rows[i], err = s.unsealed(rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, err
}

// CreateCredential keeps a secret. An EC2 credential made with a delegated
// token gives tokens of that delegation only.
func (s *Service) CreateCredential(ctx context.Context, a keystone.Attributes) (keystone.Credential, error) {
	c := keystone.Credential{ID: uuid.Hex(), UserID: a.Text("user_id"), ProjectID: a.Text("project_id"), Type: a.Text("type"), Blob: a.Text("blob")}
	a.Normalized().MergeExtra(&c.Extra, credentialAttributes...)
	t, err := s.CallerToken(ctx)
	if err != nil {
		return c, err
	}
	if strings.EqualFold(c.Type, keystone.CredentialEC2) {
		if err := unrestricted(t, "credentials."); err != nil {
			return c, err
		}
	}
	if err := s.reaches(ctx, t, c.ProjectID); err != nil {
		return c, err
	}
	if strings.EqualFold(c.Type, keystone.CredentialEC2) {
		if err := bindEC2(&c, t); err != nil {
			return c, err
		}
	}
	return s.keepCredential(ctx, c)
}

// keepCredential writes a new credential, within the user's limit.
func (s *Service) keepCredential(ctx context.Context, c keystone.Credential) (keystone.Credential, error) {
	c, err := s.sealed(c)
	if err != nil {
		return c, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Credential, error) {
		if limit := s.cfg.CredentialUserLimit; limit > 0 {
			have, err := tx.Credentials(ctx, keystone.Filters{{Name: "user_id", Value: c.UserID}})
			if err != nil {
				return c, err
			}
			if len(have) >= limit {
				return c, fault.Forbidden("Unable to create additional credentials, maximum of %d already exceeded for user.", limit)
			}
		}
		s.notify(ctx, tx, "credential", created, c.ID)
		return c, duplicate(tx.InsertCredential(ctx, c), "credential", "Duplicate entry found with ID %s", c.ID)
	})
}

// bindEC2 gives an EC2 credential the ID that its access key has, and writes
// into it what its maker's token was delegated by.
func bindEC2(c *keystone.Credential, t keystone.Token) error {
	blob, err := ec2Blob(c.Blob)
	if err != nil {
		return err
	}
	c.ID = keystone.EC2CredentialID(blob.Text("access"))
	if !t.Delegated() {
		return nil
	}
	switch {
	case t.Trust != nil:
		blob["trust_id"] = t.Trust.ID
	case t.AppCred != nil:
		blob["app_cred_id"] = t.AppCred.ID
	case t.AccessToken != nil:
		blob["access_token_id"] = t.AccessToken.ID
	}
	text, err := json.Marshal(blob)
	c.Blob = string(text)
	return err
}

// ec2Blob reads the blob of an EC2 credential, which must name an access key.
func ec2Blob(text string) (keystone.Attributes, error) {
	if !json.Valid([]byte(text)) {
		return nil, fault.BadRequest("Invalid blob in credential")
	}
	var blob keystone.Attributes
	if err := json.Unmarshal([]byte(text), &blob); err != nil || len(blob) == 0 {
		return nil, expecting("blob", "credential")
	}
	if blob.Text("access") == "" {
		return nil, expecting("access", "credential")
	}
	return blob, nil
}

// UpdateCredential changes a credential. What it was delegated by stays.
func (s *Service) UpdateCredential(ctx context.Context, id string, a keystone.Attributes) (keystone.Credential, error) {
	t, err := s.CallerToken(ctx)
	if err != nil {
		return keystone.Credential{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Credential, error) {
		c, err := tx.Credential(ctx, id)
		if err = missing(err, "credential", id); err == nil {
			c, err = s.unsealed(c)
		}
		if err != nil {
			return c, err
		}
		was := c
		a.SetText("user_id", &c.UserID)
		a.SetText("project_id", &c.ProjectID)
		a.SetText("type", &c.Type)
		a.SetText("blob", &c.Blob)
		a.MergeExtra(&c.Extra, credentialAttributes...)
		if err := firstError(s.reaches(ctx, t, was.ProjectID), sameBinding(was, c), sameID(a, id),
			s.reaches(ctx, t, c.ProjectID)); err != nil {
			return c, err
		}
		if strings.EqualFold(c.Type, keystone.CredentialEC2) && c.ProjectID == "" {
			return c, expecting("project_id", "credential")
		}
		if c, err = s.sealed(c); err != nil {
			return c, err
		}
		s.notify(ctx, tx, "credential", updated, id)
		return c, tx.UpdateCredential(ctx, c)
	})
}

// sameBinding refuses a new blob that would free an EC2 credential of what
// bounds it, or that makes one which names a delegation.
func sameBinding(was, now keystone.Credential) error {
	if was.Blob == now.Blob && was.Type == now.Type || !strings.EqualFold(now.Type, keystone.CredentialEC2) && !strings.EqualFold(was.Type, keystone.CredentialEC2) {
		return nil
	}
	blob, err := ec2Blob(now.Blob)
	if err != nil {
		return err
	}
	old := keystone.Attributes{}
	if strings.EqualFold(was.Type, keystone.CredentialEC2) {
		if old, err = ec2Blob(was.Blob); err != nil {
			return err
		}
	}
	for _, key := range []string{"trust_id", "app_cred_id", "access_token_id", "access_id"} {
		if !reflect.DeepEqual(old[key], blob[key]) {
			return fault.BadRequest("%s can not be updated for credential", key)
		}
	}
	return nil
}

// DeleteCredential removes a credential.
func (s *Service) DeleteCredential(ctx context.Context, id string) error {
	return s.remove(ctx, "credential", "credential", id, (*store.Tx).DeleteCredential)
}

// MigrateCredentials seals with the primary key what another one has sealed,
// and says how many there were: the original's credential_migrate.
func (s *Service) MigrateCredentials(ctx context.Context) (n int, err error) {
	primary, err := s.credentialKeys.PrimaryHash()
	if err != nil {
		return 0, err
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.SealedByOthers(ctx, primary)
		n = len(rows)
		for _, c := range rows {
			if c, err = s.unsealed(c); err == nil {
				c, err = s.sealed(c)
			}
			if err != nil {
				return err
			}
			if err := tx.UpdateCredential(ctx, c); err != nil {
				return err
			}
		}
		return err
	})
	return n, err
}

// RotateCredentialKeys makes the staged key the primary one: the original's
// credential_rotate. It refuses while a credential needs an older key, for
// that one may be removed.
func (s *Service) RotateCredentialKeys(ctx context.Context) error {
	primary, err := s.credentialKeys.PrimaryHash()
	if err != nil {
		return err
	}
	rows, err := s.store.SealedByOthers(ctx, primary)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return fmt.Errorf("%d credentials are not sealed with the primary key: migrate the credentials before the keys are rotated", len(rows))
	}
	return s.credentialKeys.Rotate()
}
