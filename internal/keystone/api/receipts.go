package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
)

const (
	receiptHeader    = "Openstack-Auth-Receipt"
	receiptFaultType = "receipt"
)

// receiptFault is the 401 of one who must authenticate by more methods: the
// receipt is in a header, what it says in the body.
func receiptFault(r keystone.Receipt) *fault.Fault {
	f := fault.Unauthorized("Insufficient auth methods received for %s.", r.User.ID).As(receiptFaultType).With(receiptHeader, r.ID)
	f.Body = view{"required_auth_methods": r.Required,
		"receipt": view{"methods": r.Methods, "issued_at": wireTime(r.IssuedAt), "expires_at": wireTime(r.ExpiresAt),
			"user": view{"id": r.User.ID, "name": r.User.Name, "domain": nameOf(r.UserDomain)}}}
	return f
}
