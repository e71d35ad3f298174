package cloud

import (
	"context"

	"nacre/internal/keystone"
)

// credentialKeys is the directory of the keys that seal credentials.
const credentialKeys = "credential-keys"

// CredentialSetup makes the keys that seal credentials, where they are missing; it gives their directory.
func (a KeystoneAdmin) CredentialSetup() (dir string, err error) {
	_, err = fernetRepository(a.env, credentialKeys)
	return a.dir(credentialKeys), err
}

// CredentialRotate brings the staged key into use. It refuses while a
// credential is sealed with an older one: migrate first.
func (a KeystoneAdmin) CredentialRotate(ctx context.Context) (dir string, err error) {
	return a.dir(credentialKeys), a.change(ctx, func(svc identity) error { return svc.RotateCredentialKeys(ctx) })
}

// CredentialMigrate seals every credential with the key in use; it says how many were not.
func (a KeystoneAdmin) CredentialMigrate(ctx context.Context) (n int, err error) {
	err = a.change(ctx, func(svc identity) error {
		n, err = svc.MigrateCredentials(ctx)
		return err
	})
	return n, err
}

// TrustFlush removes trusts for good that were deleted or have expired; it says how many.
func (a KeystoneAdmin) TrustFlush(ctx context.Context, f keystone.TrustFlush) (n int64, err error) {
	err = a.change(ctx, func(svc identity) error {
		n, err = svc.FlushTrusts(ctx, f)
		return err
	})
	return n, err
}
