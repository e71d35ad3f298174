package service

import (
	"context"
	"errors"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// What becomes of a resource, in the words of events.
const (
	created = "created"
	updated = "updated"
	deleted = "deleted"
)

// Formats of notifications, [DEFAULT] notification_format.
const (
	NotificationsBasic = "basic" // what has changed
	NotificationsCADF  = "cadf"  // and who changed it
)

// DefaultNotificationOptOut is the original's [DEFAULT]
// notification_opt_out: nobody hears of logins that fail no rule.
var DefaultNotificationOptOut = []string{"identity.authenticate.success", "identity.authenticate.pending", "identity.authenticate.failed"}

// auditTypes are CADF's types of the resources that it knows.
var auditTypes = map[string]string{
	"group": "group", "project": "project", "role": "role", "user": "account/user", "domain": "domain", "region": "region",
	"endpoint": "endpoint", "service": "service", "policy": "policy", "OS-TRUST:trust": "trust", "OS-OAUTH1:access_token": "credential",
	"OS-OAUTH1:request_token": "credential", "OS-OAUTH1:consumer": "account", "application_credential": "credential",
}

// basicEvent is an event in the basic format.
type basicEvent struct {
	Resource  string `json:"resource_info"`
	RequestID string `json:"request_id,omitempty"`
	GlobalID  string `json:"global_request_id,omitempty"`
	actor
}

// actor is who was put into a resource or taken out of it.
type actor struct {
	ActorID        string `json:"actor_id,omitempty"`
	ActorType      string `json:"actor_type,omitempty"`
	ActorOperation string `json:"actor_operation,omitempty"`
}

// notify tells of a change, once it is made: that of the resource with this ID.
func (s *Service) notify(ctx context.Context, tx *store.Tx, resource, operation, id string) {
	s.notifyActor(ctx, tx, resource, operation, id, actor{})
}

// notifyProject is notify for a project: for one that is a domain, as both.
func (s *Service) notifyProject(ctx context.Context, tx *store.Tx, operation string, p keystone.Project) {
	s.notify(ctx, tx, "project", operation, p.ID)
	if p.IsDomain {
		s.notify(ctx, tx, "domain", operation, p.ID)
	}
}

// notifyMember tells that a user has come into a group or left it.
func (s *Service) notifyMember(ctx context.Context, tx *store.Tx, operation string, m keystone.Membership) {
	s.notifyActor(ctx, tx, "group", updated, m.GroupID, actor{m.UserID, "user", operation})
}

func (s *Service) notifyActor(ctx context.Context, tx *store.Tx, resource, operation, id string, who actor) {
	event := "identity." + resource + "." + operation
	if s.optedOut(event) {
		return
	}
	s.events.AfterCommit(ctx, tx, event, func(ctx context.Context) any {
		if s.cfg.NotificationFormat == NotificationsBasic {
			r := auth.RequestOf(ctx)
			return basicEvent{id, r.ID, r.GlobalID, who}
		}
		e := s.auditEvent(ctx, operation+"."+resource, outcomeSuccess)
		e.Target = auditResource{Type: "unknown", ID: id}
		if kind := auditTypes[resource]; kind != "" {
			e.Target.Type = "data/security/" + kind
		}
		e.Resource, e.actor = id, who
		return e
	})
}

// notifyGrant tells that a role was given or taken away.
func (s *Service) notifyGrant(ctx context.Context, tx *store.Tx, operation string, a keystone.Assignment) {
	event := "identity.role_assignment." + operation
	if s.optedOut(event) {
		return
	}
	s.events.AfterCommit(ctx, tx, event, func(ctx context.Context) any {
		e := s.auditEvent(ctx, operation+".role_assignment", outcomeSuccess)
		e.auditGrant = &auditGrant{Role: a.RoleID, Inherited: a.Inherited}
		switch a.ActorKind {
		case keystone.ActorUser:
			e.User = a.ActorID
		case keystone.ActorGroup:
			e.Group = a.ActorID
		}
		switch a.TargetKind {
		case keystone.TargetProject:
			e.Project = a.TargetID
		case keystone.TargetDomain:
			e.Domain = a.TargetID
		}
		return e
	})
}

// notifyDomainContents tells of all that goes with a domain.
func (s *Service) notifyDomainContents(ctx context.Context, tx *store.Tx, id string) error {
	in := keystone.Filters{{Name: "domain_id", Value: id}}
	projects, err1 := tx.Projects(ctx, in)
	groups, err2 := tx.Groups(ctx, in)
	users, err3 := tx.Users(ctx, in)
	roles, err4 := tx.Roles(ctx, in)
	idps, err5 := tx.IdentityProviders(ctx, in)
	if err := firstError(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	for _, p := range projects {
		s.notify(ctx, tx, "project", deleted, p.ID)
	}
	for _, g := range groups {
		s.notify(ctx, tx, "group", deleted, g.ID)
	}
	for _, u := range users {
		if err := s.notifyUserDeleted(ctx, tx, u.ID); err != nil {
			return err
		}
	}
	for _, r := range roles {
		s.notify(ctx, tx, "role", deleted, r.ID)
	}
	for _, p := range idps {
		s.notify(ctx, tx, identityProviderResource, deleted, p.ID)
	}
	return nil
}

// notifyUserDeleted tells of a user who goes, and of what goes along.
func (s *Service) notifyUserDeleted(ctx context.Context, tx *store.Tx, id string) error {
	if err := s.notifyAppCredentialsDeleted(ctx, tx, id); err != nil {
		return err
	}
	rules, err := tx.AccessRules(ctx, id, nil)
	for _, r := range rules {
		s.notify(ctx, tx, "access_rule", deleted, r.ID)
	}
	s.notify(ctx, tx, "user", deleted, id)
	return err
}

// notifyAppCredentialsDeleted tells that all of a user's go.
func (s *Service) notifyAppCredentialsDeleted(ctx context.Context, tx *store.Tx, userID string) error {
	all, err := tx.ApplicationCredentials(ctx, userID, nil)
	for _, c := range all {
		s.notify(ctx, tx, "application_credential", deleted, c.ID)
	}
	return err
}

// notifyLogin tells that somebody has tried to prove an identity: u is the
// user, as far as that was found out, and err why it did not go well. Logins
// are always told in CADF.
func (s *Service) notifyLogin(ctx context.Context, u keystone.User, vouched *auditCredential, err error) {
	outcome := outcomeSuccess
	var reason *auditReason
	switch more := (*keystone.MoreMethods)(nil); {
	case errors.As(err, &more):
		outcome = outcomePending
	case err != nil:
		f, ok := fault.Of(err)
		if !ok {
			return // the database's fault, not the user's
		}
		outcome, reason = outcomeFailure, reasonOf(f)
	}
	const event = "identity.authenticate"
	if s.events == nil || s.optedOut(event+"."+outcome) {
		return
	}
	e := s.auditEvent(ctx, "authenticate", outcome)
	e.Reason, e.Initiator.Credential = reason, vouched
	if u.ID != "" {
		if known, err := s.store.User(ctx, u.ID); err == nil {
			u = known
		}
		e.Initiator.is(u.ID, u.Name)
	}
	s.events.Publish(context.WithoutCancel(ctx), event, e)
}

// optedOut reports whether the operator wants to hear nothing of such events.
func (s *Service) optedOut(event string) bool {
	return slices.Contains(s.cfg.NotificationOptOut, event)
}
