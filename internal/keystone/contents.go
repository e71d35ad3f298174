package keystone

// Contents is all that an identity service knows, to be written into an empty
// one. What is in other nouns (tags, roles of trusts) is there.
type Contents struct {
	Projects            []Project // domains among them
	Users               []User
	Passwords           []Password
	Logins              []Login
	Groups              []Group
	Memberships         []Membership
	Roles               []Role
	Implications        []Implication
	Assignments         []Assignment
	Regions             []Region
	Services            []Service
	Endpoints           []Endpoint
	EndpointGroups      []EndpointGroup
	ProjectEndpoints    []ProjectEndpoint
	ProjectGroups       []ProjectEndpointGroup
	Policies            []Policy
	PolicyAssociations  []PolicyAssociation
	DomainOptions       []DomainOption
	RegisteredLimits    []RegisteredLimit
	Limits              []Limit
	Credentials         []Credential
	AccessRules         []AccessRule
	AppCredentials      []ApplicationCredential
	Trusts              []Trust
	Consumers           []Consumer
	RequestTokens       []RequestToken
	AccessTokens        []AccessToken
	IdentityProviders   []IdentityProvider
	Protocols           []Protocol
	Mappings            []Mapping
	ServiceProviders    []ServiceProvider
	FederatedUsers      []FederatedUser
	ExpiringMemberships []ExpiringMembership
	Revocations         []Revocation
	IDMappings          []IDMapping
}

// Count says how many there are of something.
type Count struct {
	What string
	N    int
}

// Counts says how much there is of what an operator knows.
func (c Contents) Counts() []Count {
	domains := 0
	for _, p := range c.Projects {
		if p.IsDomain {
			domains++
		}
	}
	return []Count{{"domains", domains}, {"projects", len(c.Projects) - domains}, {"users", len(c.Users)}, {"groups", len(c.Groups)}, {"roles", len(c.Roles)},
		{"role assignments", len(c.Assignments)}, {"regions", len(c.Regions)}, {"services", len(c.Services)}, {"endpoints", len(c.Endpoints)},
		{"endpoint groups", len(c.EndpointGroups)}, {"policies", len(c.Policies)}, {"options of domains", len(c.DomainOptions)},
		{"registered limits", len(c.RegisteredLimits)}, {"limits", len(c.Limits)}, {"credentials", len(c.Credentials)},
		{"application credentials", len(c.AppCredentials)}, {"trusts", len(c.Trusts)}, {"OAuth consumers", len(c.Consumers)},
		{"identity providers", len(c.IdentityProviders)}, {"service providers", len(c.ServiceProviders)}, {"revocations", len(c.Revocations)},
		{"IDs of users and groups of directories", len(c.IDMappings)}}
}
