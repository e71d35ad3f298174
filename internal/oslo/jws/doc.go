// Package jws signs and verifies Keystone's JWS tokens.
//
// A token is a JSON Web Token signed with ES256. Who has the public keys can
// tell without asking the identity service whether a token is genuine, whose
// it is, for which project and until when. It does not hold roles, as the
// original's does not, and a genuine token may have been revoked: what it
// allows is for the identity service to say.
//
// Keys lie as the original's [jwt_tokens] options have them: private.pem in a
// directory of private keys, any number of public ones in another. Beside them
// we keep next.pem, the private key that the next rotation brings into use,
// whose public half is handed out already.
package jws
