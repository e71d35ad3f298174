// Package sso is how others vouch for users of this cloud, and it for its
// users elsewhere: a relying party of OpenID Connect, a service provider and
// an identity provider of SAML 2.0.
//
// What comes out is an assertion: attributes with their values, of an identity
// provider that was verified. It knows no user, project or mapping, and stores
// nothing: what must outlive a request goes through the browser, sealed.
//
// Every address it calls is the operator's or was told by an identity provider
// that the operator trusts; nothing that a user sends is ever fetched.
//
// Invariants: an assertion is for us (audience, recipient), of now (within
// Skew), by the key that the provider's metadata names, and the answer to a
// question that this browser asked, unless the operator allows unsolicited ones.
// One that was encrypted is held to the same once it is in plain, and every
// refusal of it looks the same to who brought it.
package sso
