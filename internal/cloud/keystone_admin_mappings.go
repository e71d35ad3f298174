package cloud

import (
	"context"

	"nacre/internal/keystone"
)

// MappingPurge forgets the public IDs that f selects, in the domain with that
// name if there is one; it says how many.
func (a KeystoneAdmin) MappingPurge(ctx context.Context, domainName string, f keystone.IDMappingFilter) (n int64, err error) {
	err = a.change(ctx, func(svc identity) error {
		n, err = svc.PurgeMappings(ctx, domainName, f)
		return err
	})
	return n, err
}

// MappingPopulate records the public IDs of all users of a domain; it says how
// many users there are.
func (a KeystoneAdmin) MappingPopulate(ctx context.Context, domainName string) (n int, err error) {
	err = a.change(ctx, func(svc identity) error {
		n, err = svc.PopulateMappings(ctx, domainName)
		return err
	})
	return n, err
}
