// Package token makes and reads Keystone's Fernet tokens.
//
// A token is a payload (who, scope, methods, expiry, audit IDs) packed as the
// original packs it, sealed with the newest key of a key repository of the
// original's form: files named by numbers, of which 0 is staged, the highest
// is primary and all open tokens. A token of the original is a token here and
// the other way round, if both have the same keys. The package knows neither
// users nor revocation, and does not look at the expiry.
package token
