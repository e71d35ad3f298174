package keystone

// Delegated reports whether somebody has given the rights of the token on: by
// a trust, an application credential or an OAuth access token.
func (t Token) Delegated() bool { return t.Trust != nil || t.AppCred != nil || t.AccessToken != nil }
