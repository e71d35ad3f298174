package service

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
)

func invalidDomainConfig(format string, a ...any) error {
	return fault.Forbidden("Invalid domain specific configuration: %s.", fmt.Sprintf(format, a...))
}

// domainOptionKnown refuses a group or an option that a domain cannot have.
func domainOptionKnown(group, option string) error {
	switch {
	case group == "":
		return nil
	case !keystone.DomainGroupKnown(group):
		return invalidDomainConfig("Group %s is not supported for domain specific configurations", group)
	case option != "" && !keystone.DomainOptionKnown(group, option):
		return invalidDomainConfig("Option %s in group %s is not supported for domain specific configurations", option, group)
	}
	return nil
}

// checkedConfig reads what a client wants, which must be something that a domain can have.
func checkedConfig(config map[string]any) (keystone.DomainConfig, error) {
	if len(config) == 0 {
		return nil, invalidDomainConfig("No options specified")
	}
	out := keystone.DomainConfig{}
	for _, group := range slices.Sorted(maps.Keys(config)) {
		options, _ := config[group].(map[string]any)
		if len(options) == 0 {
			return nil, invalidDomainConfig("The value of group %s specified in the config should be a dictionary of options", group)
		}
		for _, option := range slices.Sorted(maps.Keys(options)) {
			if err := domainOptionKnown(group, option); err != nil {
				return nil, err
			}
		}
		out[group] = options
	}
	return out, nil
}

// noDomainOption is the 404 for a part of a domain's configuration.
func noDomainOption(domainID, group, option string) error {
	what := "any options"
	if option != "" {
		what = fmt.Sprintf("option %s in group %s", option, group)
	} else if group != "" {
		what = "group " + group
	}
	return fault.NotFound("Could not find %s in domain configuration for domain %s.", what, domainID)
}

// DomainConfig is what of a domain's own configuration may be shown: all of
// it, a group, or an option without its group.
func (s *Service) DomainConfig(ctx context.Context, domainID, group, option string) (map[string]any, error) {
	if err := domainOptionKnown(group, option); err != nil {
		return nil, err
	}
	config, err := domainConfigIn(ctx, s.store, domainID, group, option)
	if err != nil {
		return nil, err
	}
	if len(config) == 0 {
		return nil, noDomainOption(domainID, group, option)
	}
	return configView(config, group, option), nil
}

// configView is a configuration on the wire.
func configView(config keystone.DomainConfig, group, option string) map[string]any {
	if option != "" {
		return map[string]any{option: config[group][option]}
	}
	out := map[string]any{}
	for g, options := range config {
		out[g] = options
	}
	return out
}

// optionRows is where a domain's options are read.
type optionRows interface {
	DomainOptions(ctx context.Context, domainID, group, option string) ([]keystone.DomainOption, error)
}

func domainConfigIn(ctx context.Context, q optionRows, domainID, group, option string) (keystone.DomainConfig, error) {
	rows, err := q.DomainOptions(ctx, domainID, group, option)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(o keystone.DomainOption) bool { return o.Secret })
	return optionsOf(rows)
}

func optionsOf(rows []keystone.DomainOption) (keystone.DomainConfig, error) {
	out := keystone.DomainConfig{}
	for _, o := range rows {
		var value any
		if err := json.Unmarshal([]byte(o.Value), &value); err != nil {
			return nil, fmt.Errorf("option %s of domain %s: %w", o.Option, o.DomainID, err)
		}
		if out[o.Group] == nil {
			out[o.Group] = map[string]any{}
		}
		out[o.Group][o.Option] = value
	}
	return out, nil
}

// CreateDomainConfig replaces a domain's whole configuration; isNew is false
// if there was one.
func (s *Service) CreateDomainConfig(ctx context.Context, domainID string, config map[string]any) (shown map[string]any, isNew bool, err error) {
	checked, err := checkedConfig(config)
	if err != nil {
		return nil, false, err
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := domainIn(ctx, tx, domainID); err != nil {
			return err
		}
		had, err := tx.DomainOptions(ctx, domainID, "", "")
		if err != nil {
			return err
		}
		operation := updated
		if isNew = len(had) == 0; isNew {
			operation = created
		}
		if err := tx.RemoveDomainOptions(ctx, domainID, "", ""); err != nil {
			return err
		}
		s.notify(ctx, tx, "domain_config", operation, domainID)
		shown, err = setConfig(ctx, tx, domainID, checked)
		return err
	})
	return shown, isNew, err
}

// setConfig writes options and gives what may be shown of all.
func setConfig(ctx context.Context, tx *store.Tx, domainID string, config keystone.DomainConfig) (map[string]any, error) {
	for group, options := range config {
		for option, value := range options {
			text, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			if err := tx.SetDomainOption(ctx, keystone.DomainOption{DomainID: domainID, Group: group, Option: option, Value: string(text),
				Secret: keystone.SensitiveDomainOption(group, option)}); err != nil {
				return nil, err
			}
		}
	}
	all, err := domainConfigIn(ctx, tx, domainID, "", "")
	return configView(all, "", ""), err
}

// UpdateDomainConfig changes a domain's configuration: any part of it, or, if
// group says so, only a group, or only an option, which must be there.
func (s *Service) UpdateDomainConfig(ctx context.Context, domainID, group, option string, config map[string]any) (map[string]any, error) {
	if option != "" {
		config = map[string]any{group: config}
	}
	checked, err := checkedConfig(config)
	if err == nil {
		err = domainOptionKnown(group, option)
	}
	if err == nil {
		err = onlyThat(checked, group, option)
	}
	if err != nil {
		return nil, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (map[string]any, error) {
		if _, err := domainIn(ctx, tx, domainID); err != nil {
			return nil, err
		}
		if group != "" {
			had, err := tx.DomainOptions(ctx, domainID, group, option)
			if err != nil {
				return nil, err
			}
			if len(had) == 0 {
				return nil, noDomainOption(domainID, group, option)
			}
		}
		shown, err := setConfig(ctx, tx, domainID, checked)
		if err == nil && len(shown) == 0 {
			return nil, noDomainOption(domainID, "", "")
		}
		s.notify(ctx, tx, "domain_config", updated, domainID)
		return shown, err
	})
}

// onlyThat refuses a configuration that holds another group or option than the path names.
func onlyThat(config keystone.DomainConfig, group, option string) error {
	if group == "" {
		return nil
	}
	options, ok := config[group]
	switch {
	case option != "" && len(options) != 1:
		return invalidDomainConfig("Trying to update option %s in group %s, so that, and only that, option must be specified  in the config", option, group)
	case len(config) != 1:
		return invalidDomainConfig("Trying to update group %s, so that, and only that, group must be specified in the config", group)
	case !ok:
		return invalidDomainConfig("request to update group %s, but config provided contains group %s instead", group, slices.Sorted(maps.Keys(config))[0])
	}
	if _, ok := options[option]; option != "" && !ok {
		return invalidDomainConfig("Trying to update option %s in group %s, but config provided contains option %s instead",
			option, group, slices.Sorted(maps.Keys(options))[0])
	}
	return nil
}

// DeleteDomainConfig removes a domain's configuration, or a group or an option of it, which must be there.
func (s *Service) DeleteDomainConfig(ctx context.Context, domainID, group, option string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := domainIn(ctx, tx, domainID); err != nil {
			return err
		}
		if err := domainOptionKnown(group, option); err != nil {
			return err
		}
		for _, part := range []string{"", option} {
			if group == "" {
				break
			}
			had, err := tx.DomainOptions(ctx, domainID, group, part)
			if err != nil {
				return err
			}
			if len(had) == 0 {
				return noDomainOption(domainID, group, part)
			}
		}
		s.notify(ctx, tx, "domain_config", deleted, domainID)
		return tx.RemoveDomainOptions(ctx, domainID, group, option)
	})
}

// DefaultDomainConfig is what holds for a domain without a configuration of its own.
func (s *Service) DefaultDomainConfig(group, option string) (map[string]any, error) {
	if err := domainOptionKnown(group, option); err != nil {
		return nil, err
	}
	if keystone.SensitiveDomainOption(group, option) {
		return nil, invalidDomainConfig("Reading the default for option %s in group %s is not supported", option, group)
	}
	return configView(keystone.DomainDefaults(group), group, option), nil
}

// complianceGroup is a group that everybody may read, of the default domain only.
const complianceGroup = "security_compliance"

// ComplianceConfig tells what a new password must be like.
func (s *Service) ComplianceConfig(domainID, option string) (map[string]any, error) {
	if domainID != keystone.DefaultDomainID {
		return nil, invalidDomainConfig("Reading security compliance information for any domain other than the default domain is not allowed or supported.")
	}
	c := s.cfg.Compliance
	all := map[string]any{"password_regex": orNull(c.PasswordRegex), "password_regex_description": orNull(c.PasswordRegexDescription)}
	if option == "" {
		return map[string]any{complianceGroup: all}, nil
	}
	value, ok := all[option]
	if !ok {
		return nil, invalidDomainConfig("Reading security compliance values other than password_regex and password_regex_description is not allowed.")
	}
	return map[string]any{option: value}, nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// reference is where an option wants the value of a sensitive one.
var reference = regexp.MustCompile(`%\((\w+)\)s|%%`)

// FullDomainConfig is a domain's own configuration for use inside the service:
// with its secrets, and with references to them filled in.
func (s *Service) FullDomainConfig(ctx context.Context, domainID string) (keystone.DomainConfig, error) {
	rows, err := s.store.DomainOptions(ctx, domainID, "", "")
	if err != nil {
		return nil, err
	}
	return fullConfig(ctx, rows)
}

// fullConfig is what all the options of one domain come to.
func fullConfig(ctx context.Context, rows []keystone.DomainOption) (keystone.DomainConfig, error) {
	config, err := optionsOf(rows)
	if err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	for _, o := range rows {
		if o.Secret {
			secrets[o.Option] = fmt.Sprint(config[o.Group][o.Option])
		}
	}
	for _, o := range rows {
		text, isText := config[o.Group][o.Option].(string)
		if isText && !o.Secret {
			config[o.Group][o.Option] = fillIn(ctx, text, secrets, o)
		}
	}
	return config, nil
}

// fillIn puts secrets in the place of their references; a text with an unknown one stays.
func fillIn(ctx context.Context, text string, secrets map[string]string, o keystone.DomainOption) string {
	known := true
	out := reference.ReplaceAllStringFunc(text, func(m string) string {
		if m == "%%" {
			return "%"
		}
		v, ok := secrets[reference.FindStringSubmatch(m)[1]]
		known = known && ok
		return v
	})
	if known {
		return out
	}
	slog.WarnContext(ctx, "domain option refers to an option that is not set", "domain", o.DomainID, "group", o.Group, "option", o.Option)
	return text
}
