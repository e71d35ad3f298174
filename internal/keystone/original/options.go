package original

import (
	"context"
	"encoding/json"
	"fmt"
)

// options are names of resource options by what they are called in the database.
var options = map[string]string{
	"1000": "ignore_change_password_upon_first_use", "1001": "ignore_password_expiry", "1002": "ignore_lockout_failure_attempts",
	"1003": "lock_password", "1004": "ignore_user_inactivity", "MFAR": "multi_factor_auth_rules", "MFAE": "multi_factor_auth_enabled",
	"IMMU": "immutable",
}

// optionsOf reads the options of users, projects or roles, by ID.
func (r *reader) optionsOf(ctx context.Context, kind string) (map[string]map[string]any, error) {
	type row struct {
		ID     string  `bun:"id"`
		Option string  `bun:"option_id"`
		Value  *string `bun:"option_value"`
	}
	table := kind + "_option"
	found, err := rows[row](ctx, r, table, `SELECT `+kind+`_id AS id, option_id, option_value FROM `+table)
	if err != nil {
		return nil, err
	}
	out, unknown := map[string]map[string]any{}, 0
	for _, o := range found {
		name := options[o.Option]
		var v any
		if name == "" {
			unknown++
			continue
		}
		if err := json.Unmarshal([]byte(text(o.Value)), &v); err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", table, o.ID, err)
		}
		if out[o.ID] == nil {
			out[o.ID] = map[string]any{}
		}
		out[o.ID][name] = v
	}
	r.left(unknown, "options of %ss that are not known", kind)
	return out, nil
}

// orEmpty is a map that is no nil.
func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
