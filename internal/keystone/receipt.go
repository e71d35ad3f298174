package keystone

import "time"

// Receipt tells a user who needs several methods of authentication which have
// been passed and which are missing. It is shown with the next attempt.
type Receipt struct {
	ID         string // the receipt itself
	User       User
	UserDomain Project
	Methods    []string
	Required   [][]string // rules of the user that the methods go some way to meet
	IssuedAt   time.Time
	ExpiresAt  time.Time
}

// MoreMethods is the error of one who has passed too few methods.
type MoreMethods struct{ Receipt Receipt }

// Error is for the operator; the client reads the receipt.
func (e *MoreMethods) Error() string {
	return "user " + e.Receipt.User.ID + " must authenticate by more methods"
}
