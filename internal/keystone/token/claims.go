package token

import "nacre/internal/oslo/jws"

// claimsOf says p in the words of a JWS token.
func claimsOf(p Payload) jws.Claims {
	c := jws.Claims{Subject: p.UserID, Issued: p.IssuedAt.Unix(), Expires: p.ExpiresAt.Unix(), Methods: p.Methods, AuditIDs: p.AuditIDs,
		DomainID: p.DomainID, ProjectID: p.ProjectID, TrustID: p.TrustID, AccessTokenID: p.AccessTokenID, AppCredID: p.AppCredID,
		Thumbprint: p.Thumbprint, IdentityProvider: p.IdentityProvider, Protocol: p.Protocol}
	if p.System {
		c.System = "all"
	}
	if c.Methods == nil {
		c.Methods = []string{}
	}
	if c.AuditIDs == nil {
		c.AuditIDs = []string{}
	}
	if p.Federated() {
		c.Groups = []jws.Group{}
		for _, id := range p.GroupIDs {
			c.Groups = append(c.Groups, jws.Group{ID: id})
		}
	}
	return c
}

// payloadOf is what claims say; ErrInvalid if no token of ours can.
func payloadOf(c jws.Claims) (Payload, error) {
	p := Payload{UserID: c.Subject, IssuedAt: c.IssuedAt(), ExpiresAt: c.ExpiresAt(), Methods: c.Methods, AuditIDs: c.AuditIDs,
		System: c.System == "all", DomainID: c.DomainID, ProjectID: c.ProjectID, TrustID: c.TrustID, AccessTokenID: c.AccessTokenID,
		AppCredID: c.AppCredID, Thumbprint: c.Thumbprint, IdentityProvider: c.IdentityProvider, Protocol: c.Protocol}
	if c.Groups != nil {
		p.GroupIDs = []string{}
		for _, g := range c.Groups {
			p.GroupIDs = append(p.GroupIDs, g.ID)
		}
	}
	if _, err := p.version(); err != nil || c.Validate() != nil || c.System != "" && !p.System || (c.Groups != nil) != p.Federated() {
		return Payload{}, ErrInvalid
	}
	return p, nil
}
