package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/fault"
)

// mfaRules are the sets of methods of which the user must pass one whole.
// Methods that are not offered are left out, as in the original, so that
// nobody is locked out by a method that was switched off; a rule of nothing
// else is none.
func (s *Service) mfaRules(u keystone.User) (rules [][]string) {
	if on, ok := u.Options["multi_factor_auth_enabled"].(bool); ok && !on {
		return nil
	}
	given, _ := u.Options["multi_factor_auth_rules"].([]any)
	for _, g := range given {
		if rule := s.mfaRule(g); len(rule) > 0 {
			rules = append(rules, rule)
		}
	}
	return rules
}

func (s *Service) mfaRule(given any) (rule []string) {
	names, _ := given.([]any)
	for _, n := range names {
		name, ok := n.(string)
		if !ok {
			return nil
		}
		if s.offers(name) && !slices.Contains(rule, name) {
			rule = append(rule, name)
		}
	}
	return rule
}

// enough refuses with a receipt who must pass more methods.
func (s *Service) enough(ctx context.Context, p proof) error {
	rules := s.mfaRules(p.user)
	met := func(rule []string) bool {
		return !slices.ContainsFunc(rule, func(m string) bool { return !slices.Contains(p.methods, m) })
	}
	if len(rules) == 0 || slices.ContainsFunc(rules, met) {
		return nil
	}
	r, err := s.issueReceipt(ctx, p, rules)
	if err != nil {
		return err
	}
	return &keystone.MoreMethods{Receipt: r}
}

// issueReceipt says what was passed. It is dated after any event that revokes
// the user's tokens.
func (s *Service) issueReceipt(ctx context.Context, p proof, rules [][]string) (r keystone.Receipt, err error) {
	now := s.clock.Now().Truncate(time.Second)
	r = keystone.Receipt{User: p.user, Methods: p.methods, Required: [][]string{}, IssuedAt: now, ExpiresAt: now.Add(s.cfg.ReceiptExpiration)}
	for _, rule := range rules {
		if slices.ContainsFunc(rule, func(m string) bool { return slices.Contains(p.methods, m) }) {
			r.Required = append(r.Required, rule)
		}
	}
	if r.UserDomain, err = s.store.Project(ctx, p.user.DomainID); err != nil {
		return r, err
	}
	events, err := s.store.RevocationsOf(ctx, "", []string{p.user.ID})
	if err != nil {
		return r, err
	}
	r.IssuedAt = after(events, keystone.Token{User: r.User, UserDomain: r.UserDomain, IssuedAt: r.IssuedAt})
	r.ID, err = s.receipts.Issue(token.Receipt{UserID: r.User.ID, Methods: r.Methods, IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt})
	return r, err
}

// showReceipt adds to p the methods that the same user passed before. What was
// passed before a password was changed does not count.
func (s *Service) showReceipt(ctx context.Context, id string, p *proof) error {
	notFound := fault.Unauthorized("Could not find auth receipt: %s.", id)
	r, err := s.receipts.Read(id)
	if errors.Is(err, token.ErrInvalid) {
		return notFound
	} else if err != nil {
		return err
	}
	if r.UserID != p.user.ID || !s.clock.Now().Before(r.ExpiresAt) {
		return notFound
	}
	events, err := s.store.RevocationsOf(ctx, "", []string{p.user.ID})
	if err != nil {
		return err
	}
	t := keystone.Token{User: p.user, UserDomain: keystone.Project{ID: p.user.DomainID}, IssuedAt: r.IssuedAt}
	if !after(events, t).Equal(t.IssuedAt) {
		return notFound
	}
	p.used(r.Methods...)
	return nil
}

// after is the first date at or after that of t at which no event covers it.
func after(events []keystone.Revocation, t keystone.Token) time.Time {
	for _, e := range events {
		if e.Covers(t) {
			t.IssuedAt = e.IssuedBefore.Add(time.Second)
		}
	}
	return t.IssuedAt
}
