package keystone

// ServiceProvider is another cloud that trusts what we say of our users.
type ServiceProvider struct {
	ID               string  `bun:"id,pk"`
	Enabled          bool    `bun:"enabled"`
	Description      *string `bun:"description"`
	AuthURL          string  `bun:"auth_url"` // where it gives tokens to our users
	SPURL            string  `bun:"sp_url"`   // where it takes assertions
	RelayStatePrefix string  `bun:"relay_state_prefix"`
}

// RelayStatePrefix is that of service providers which name none.
const RelayStatePrefix = "ss:mem:"

// Attribute is what a list can be filtered by.
func (p ServiceProvider) Attribute(name string) any {
	switch name {
	case "id":
		return p.ID
	case "enabled":
		return p.Enabled
	}
	return nil
}
