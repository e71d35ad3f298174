package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var domainOptions = db.Table[keystone.DomainOption]("domain_options")

// DomainOptions lists the options that a domain has of its own; an empty
// domain, group or option is any.
func (r reads) DomainOptions(ctx context.Context, domainID, group, option string) ([]keystone.DomainOption, error) {
	return db.All(ctx, r.q, domainOptions.Select("").WhereIf(domainID != "", "domain_id = ?", domainID).WhereIf(group != "", "option_group = ?", group).
		WhereIf(option != "", "option_name = ?", option).OrderBy("option_group", "option_name"))
}

// SetDomainOption writes an option in the place of the one that was there.
func (tx *Tx) SetDomainOption(ctx context.Context, o keystone.DomainOption) error {
	return domainOptions.Upsert(ctx, tx.tx, o, []string{"domain_id", "option_group", "option_name"})
}

// RemoveDomainOptions removes options of a domain; an empty group or option is any.
func (tx *Tx) RemoveDomainOptions(ctx context.Context, domainID, group, option string) error {
	_, err := db.Exec(ctx, tx.tx, "DELETE FROM domain_options WHERE domain_id = ? AND (? = '' OR option_group = ?) AND (? = '' OR option_name = ?)",
		domainID, group, group, option, option)
	return err
}
