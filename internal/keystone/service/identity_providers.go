package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/pprint"
	"nacre/internal/oslo/uuid"
)

// What events call the resources of federation.
const (
	identityProviderResource = "OS-FEDERATION:identity_provider"
	protocolResource         = "OS-FEDERATION:protocol"
	mappingResource          = "OS-FEDERATION:mapping"
	serviceProviderResource  = "OS-FEDERATION:service_provider"
)

// IdentityProvider is an identity provider, or 404.
func (s *Service) IdentityProvider(ctx context.Context, id string) (keystone.IdentityProvider, error) {
	p, err := s.store.IdentityProvider(ctx, id)
	return p, missing(err, "Identity Provider", id)
}

// IdentityProviders lists identity providers.
func (s *Service) IdentityProviders(ctx context.Context, fs keystone.Filters) ([]keystone.IdentityProvider, error) {
	return s.store.IdentityProviders(ctx, fs)
}

// CreateIdentityProvider makes an identity provider, and a domain for its
// users if none is named.
func (s *Service) CreateIdentityProvider(ctx context.Context, id string, a keystone.Attributes) (keystone.IdentityProvider, error) {
	a = a.Normalized()
	if err := shortID(id); err != nil {
		return keystone.IdentityProvider{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.IdentityProvider, error) {
		p := keystone.IdentityProvider{ID: id, DomainID: a.Text("domain_id"), RemoteIDs: []string{}}
		if p.DomainID == "" {
			p.DomainID = uuid.Hex()
			s.notify(ctx, tx, "domain", created, p.DomainID)
			if err := tx.InsertProject(ctx, keystone.Project{ID: p.DomainID, Name: p.DomainID, IsDomain: true, Enabled: true,
				Description: "Auto generated federated domain for Identity Provider: " + id, Tags: []string{}, Options: map[string]any{}, Extra: map[string]any{}}); err != nil {
				return p, err
			}
		} else if _, err := domainIn(ctx, tx, p.DomainID); err != nil {
			return p, err
		}
		applyIdentityProvider(&p, a)
		s.notify(ctx, tx, identityProviderResource, created, id)
		return p, idpConflict(tx.InsertIdentityProvider(ctx, p), p)
	})
}

// shortID refuses an ID of the client's own that is longer than IDs are.
func shortID(id string) error {
	if utf8.RuneCountInString(id) > 64 {
		return fault.BadRequest("Invalid input for field 'id': %s is too long", pprint.Repr(id))
	}
	return nil
}

func applyIdentityProvider(p *keystone.IdentityProvider, a keystone.Attributes) {
	a.SetFlag("enabled", &p.Enabled)
	setNullable(a, "description", &p.Description)
	if a.Has("authorization_ttl") {
		p.AuthorizationTTL = nil
		if n, ok := a["authorization_ttl"].(json.Number); ok {
			ttl64, _ := n.Int64()
			ttl := int(ttl64)
			p.AuthorizationTTL = &ttl
		}
	}
	if a.Has("remote_ids") {
		p.RemoteIDs = append([]string{}, slices.Sorted(slices.Values(a.Strings("remote_ids")))...)
	}
}

// setNullable puts a string that was given into to; null is nil.
func setNullable(a keystone.Attributes, name string, to **string) {
	if !a.Has(name) {
		return
	}
	*to = nil
	if text, ok := a[name].(string); ok {
		*to = &text
	}
}

func idpConflict(err error, p keystone.IdentityProvider) error {
	if errors.Is(err, store.ErrDuplicateRemoteID) {
		return duplicate(err, "identity_provider", "Duplicate remote ID: %s", strings.Join(p.RemoteIDs, ", "))
	}
	return duplicate(err, "identity_provider", "Duplicate entry: %s", p.ID)
}

// UpdateIdentityProvider changes an identity provider.
func (s *Service) UpdateIdentityProvider(ctx context.Context, id string, a keystone.Attributes) (keystone.IdentityProvider, error) {
	a = a.Normalized()
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.IdentityProvider, error) {
		p, err := tx.IdentityProvider(ctx, id)
		if err != nil {
			return p, missing(err, "Identity Provider", id)
		}
		applyIdentityProvider(&p, a)
		s.notify(ctx, tx, identityProviderResource, updated, id)
		return p, idpConflict(tx.UpdateIdentityProvider(ctx, p), p)
	})
}

// DeleteIdentityProvider removes an identity provider with its protocols and
// the users who came by it. Its domain stays.
func (s *Service) DeleteIdentityProvider(ctx context.Context, id string) error {
	return s.remove(ctx, identityProviderResource, "Identity Provider", id, (*store.Tx).DeleteIdentityProvider)
}

// Protocol is a protocol of an identity provider, or 404.
func (s *Service) Protocol(ctx context.Context, idpID, id string) (keystone.Protocol, error) {
	p, err := s.store.Protocol(ctx, idpID, id)
	return p, noProtocol(err, idpID, id)
}

func noProtocol(err error, idpID, id string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Could not find federated protocol %s for Identity Provider: %s.", id, idpID)
	} else if err != nil {
		return fmt.Errorf("protocol %s of %s: %w", id, idpID, err)
	}
	return nil
}

// Protocols lists the protocols of an identity provider; of an unknown one, none.
func (s *Service) Protocols(ctx context.Context, idpID string) ([]keystone.Protocol, error) {
	return s.store.Protocols(ctx, idpID)
}

// CreateProtocol gives an identity provider a protocol.
func (s *Service) CreateProtocol(ctx context.Context, idpID, id string, a keystone.Attributes) (keystone.Protocol, error) {
	if err := shortID(id); err != nil {
		return keystone.Protocol{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Protocol, error) {
		p := keystone.Protocol{ID: id, IDPID: idpID}
		if err := applyProtocol(ctx, tx, &p, a); err != nil {
			return p, err
		}
		if _, err := tx.IdentityProvider(ctx, idpID); err != nil {
			return p, missing(err, "Identity Provider", idpID)
		}
		s.notify(ctx, tx, protocolResource, created, idpID+"/"+id)
		return p, duplicate(tx.InsertProtocol(ctx, p), "federation_protocol", "Duplicate entry found with ID %s", id)
	})
}

func applyProtocol(ctx context.Context, tx *store.Tx, p *keystone.Protocol, a keystone.Attributes) error {
	a.SetText("mapping_id", &p.MappingID)
	setNullable(a, "remote_id_attribute", &p.RemoteIDAttribute)
	_, err := tx.Mapping(ctx, p.MappingID)
	if errors.Is(err, db.ErrNoRow) {
		return fault.BadRequest("Invalid mapping id: %s", p.MappingID)
	}
	return err
}

// UpdateProtocol changes a protocol.
func (s *Service) UpdateProtocol(ctx context.Context, idpID, id string, a keystone.Attributes) (keystone.Protocol, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Protocol, error) {
		p, err := tx.Protocol(ctx, idpID, id)
		if err != nil {
			return p, noProtocol(err, idpID, id)
		}
		if err := applyProtocol(ctx, tx, &p, a); err != nil {
			return p, err
		}
		s.notify(ctx, tx, protocolResource, updated, idpID+"/"+id)
		return p, tx.UpdateProtocol(ctx, p)
	})
}

// DeleteProtocol takes a protocol from an identity provider, and the users who came by it.
func (s *Service) DeleteProtocol(ctx context.Context, idpID, id string) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, protocolResource, deleted, idpID+"/"+id)
		return tx.DeleteProtocol(ctx, idpID, id)
	})
	return noProtocol(err, idpID, id)
}
