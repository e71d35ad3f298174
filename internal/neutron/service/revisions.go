package service

import (
	"strconv"
	"strings"

	"nacre/internal/neutron"
)

// Match is the condition of an If-Match header: "" or revision_number=N.
type Match string

// check refuses a change of a resource that has changed since the caller saw it.
func (m Match) check(current int) error {
	if m == "" {
		return nil
	}
	wanted, ok := strings.CutPrefix(string(m), "revision_number=")
	if n, err := strconv.Atoi(wanted); !ok || err != nil {
		return neutron.Invalid("Bad format for If-Match")
	} else if n != current {
		return neutron.StaleRevision(wanted, current)
	}
	return nil
}
