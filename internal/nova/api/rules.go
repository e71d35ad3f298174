package api

import "nacre/internal/oslo/policy"

// detailRules are asked about parts of an answer or of a request, beside the rule of a route.
var detailRules = []policy.Rule{
	otherProjectLimits, actionEvents, actionDetails,
}
