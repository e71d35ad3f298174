package keystone

import "net/url"

// Methods of authentication.
const (
	MethodPassword              = "password"
	MethodToken                 = "token"
	MethodTOTP                  = "totp"
	MethodOAuth1                = "oauth1"
	MethodApplicationCredential = "application_credential"
	MethodMapped                = "mapped" // what an identity provider says, by a protocol of any name
)

// Credentials are what a client proves its identity with.
type Credentials struct {
	Methods []string       // in the order asked, each once
	Proofs  map[string]any // by method, of the type that goes with it
	Receipt string         // of methods passed before; "" for none
}

// PasswordProof goes with MethodPassword.
type PasswordProof struct {
	User     Ref
	Password string
}

// TokenProof goes with MethodToken.
type TokenProof struct{ ID string }

// TOTPProof goes with MethodTOTP.
type TOTPProof struct {
	User     Ref
	Passcode string
}

// WithPassword are the credentials of one who gives a password.
func WithPassword(user Ref, password string) Credentials {
	return Credentials{Methods: []string{MethodPassword}, Proofs: map[string]any{MethodPassword: PasswordProof{user, password}}}
}

// ApplicationCredentialProof goes with MethodApplicationCredential.
type ApplicationCredentialProof struct {
	ID     string // "" if it is named by its name and user
	Name   string
	User   Ref
	Secret string
}

// OAuthProof goes with MethodOAuth1, and with the calls of OAuth 1.0: a
// request that a consumer signed.
type OAuthProof struct {
	Authorization string // the header
	URL           *url.URL
	ProjectID     string // the header Requested-Project-Id
}

// MappedProof goes with MethodMapped and with the protocols of identity
// providers: what one of them says of the user, verified.
type MappedProof struct {
	IdentityProvider string
	Protocol         string
	Issuer           string // as the assertion was signed by; "" if a proxy vouches for it
	Assertion        map[string][]string

	TokenID string // instead: of a federated user
}
