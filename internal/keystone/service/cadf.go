package service

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strconv"

	"nacre/internal/keystone"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Outcomes of what an event tells of.
const (
	outcomeSuccess = "success"
	outcomeFailure = "failure"
	outcomePending = "pending"
)

// auditEvent is an event of the Cloud Auditing Data Federation, DMTF DSP0262,
// with what the original lays beside its attributes.
type auditEvent struct {
	Type        string         `json:"typeURI"`
	EventType   string         `json:"eventType"`
	ID          string         `json:"id"`
	Time        string         `json:"eventTime"`
	Action      string         `json:"action"`
	Outcome     string         `json:"outcome"`
	Reason      *auditReason   `json:"reason,omitempty"`
	Initiator   auditInitiator `json:"initiator"`
	Target      auditResource  `json:"target"`
	Observer    auditResource  `json:"observer"`
	Resource    string         `json:"resource_info,omitempty"`
	actor                      // of a group that somebody came into or left
	*auditGrant                // of a role that was given or taken away
}

type auditResource struct {
	Type string `json:"typeURI"`
	ID   string `json:"id"`
}

type auditReason struct {
	Type string `json:"reasonType"`
	Code string `json:"reasonCode"`
}

// auditInitiator is who asked for it, and from where.
type auditInitiator struct {
	Type       string           `json:"typeURI"`
	ID         string           `json:"id"`
	Host       auditHost        `json:"host"`
	UserID     string           `json:"user_id,omitempty"`
	Name       string           `json:"name,omitempty"`
	UserName   string           `json:"username,omitempty"`
	ProjectID  string           `json:"project_id,omitempty"`
	DomainID   string           `json:"domain_id,omitempty"`
	RequestID  string           `json:"request_id,omitempty"`
	GlobalID   string           `json:"global_request_id,omitempty"`
	Credential *auditCredential `json:"credential,omitempty"`
}

type auditHost struct {
	Address string `json:"address,omitempty"`
	Agent   string `json:"agent,omitempty"`
}

// auditCredential is what an identity provider vouched with.
type auditCredential struct {
	Type             string   `json:"type"`
	Token            string   `json:"token"`
	IdentityProvider string   `json:"identity_provider"`
	User             string   `json:"user"`
	Groups           []string `json:"groups"`
}

// auditGrant is a role assignment.
type auditGrant struct {
	Role      string `json:"role"`
	Inherited bool   `json:"inherited_to_projects"`
	User      string `json:"user,omitempty"`
	Group     string `json:"group,omitempty"`
	Project   string `json:"project,omitempty"`
	Domain    string `json:"domain,omitempty"`
}

const (
	cadfEvent   = "http://schemas.dmtf.org/cloud/audit/1.0/event"
	cadfUser    = "service/security/account/user"
	cadfService = "service/security"
	cadfTime    = "2006-01-02T15:04:05.000000-0700"
	samlAudit   = "http://docs.oasis-open.org/security/saml/v2.0"
)

// auditEvent is an event of now, by the caller, about an account. This
// service's own ID is that of its entry in the catalogue.
func (s *Service) auditEvent(ctx context.Context, action, outcome string) auditEvent {
	var observer string
	if self, err := s.store.Services(ctx, keystone.Filters{{Name: "type", Value: "identity"}}); err == nil && len(self) > 0 {
		observer = self[0].ID
	}
	return auditEvent{Type: cadfEvent, EventType: "activity", ID: uuid.New(), Time: s.clock.Now().Format(cadfTime), Action: action, Outcome: outcome,
		Initiator: initiatorOf(ctx), Target: auditResource{cadfUser, uuid.New()}, Observer: auditResource{cadfService, cmp.Or(observer, uuid.New())}}
}

// initiatorOf is the caller.
func initiatorOf(ctx context.Context) auditInitiator {
	r, c := auth.RequestOf(ctx), auth.Caller(ctx)
	i := auditInitiator{Type: cadfUser, ID: uuid.New(), Host: auditHost{r.Address, r.Agent}, ProjectID: c.ProjectID, DomainID: c.DomainID,
		RequestID: r.ID, GlobalID: r.GlobalID}
	if c.UserID != "" {
		i.is(c.UserID, c.UserName)
	}
	return i
}

// auditNamespace is where the original names users whose IDs are no UUIDs.
const auditNamespace = "4332ecab-770b-4288-a680-b9aca3b1b153"

// is says who the initiator is.
func (i *auditInitiator) is(id, name string) {
	i.ID, i.UserID, i.Name, i.UserName = id, id, name, name
	if !uuid.Valid(id) {
		i.ID = uuid.Named(auditNamespace, id)
	}
}

// reasonOf is why something was refused: the operator's part of the fault, for
// listeners are operators.
func reasonOf(f *fault.Fault) *auditReason {
	text := f.Message
	if cause := errors.Unwrap(f); cause != nil {
		text = cause.Error()
	}
	return &auditReason{text, strconv.Itoa(f.Status)}
}

// vouchedBy is the credential of a user whom an identity provider vouches for.
// auditID is that of the token that says so, if not an assertion.
func vouchedBy(idp, userID, auditID string, groups []string) *auditCredential {
	return &auditCredential{Type: samlAudit, Token: masked(cmp.Or(auditID, "unknown")), IdentityProvider: idp,
		User: cmp.Or(userID, "unknown"), Groups: append([]string{}, groups...)}
}

// masked shows an eighth of a text at each end, as pycadf does.
func masked(text string) string {
	n := min(32, int(math.RoundToEven(float64(len(text))/8)))
	return text[:n] + " xxxxxxxx " + text[len(text)-n:]
}
