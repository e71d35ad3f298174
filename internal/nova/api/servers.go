package api

import "nacre/internal/oslo/httpapi"

// serverRoutes are the servers themselves.
func (a *API) serverRoutes() httpapi.Table {
	return httpapi.Table{}
}
