package api

import (
	"slices"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// limitRoutes are the limits and usage of a project in one answer.
func (a *API) limitRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/limits", Status: 200, Rule: rule("os_compute_api:limits", "@"),
			Queries: httpapi.Schemas{"2.1": "limits_query_2.1.json", "2.75": "limits_query_2.75.json"}, Do: httpapi.Get(a.showLimits)},
	}
}

// otherProjectLimits lets a caller see the limits of other projects.
var otherProjectLimits = rule("os_compute_api:limits:other_project", admin)

type limitsAnswer struct {
	Limits struct {
		Rate     []struct{}     `json:"rate"`
		Absolute map[string]int `json:"absolute"`
	} `json:"limits"`
}

// limitNames are what a resource's limit and usage are called; used is "" for what is not counted.
var limitNames = []struct{ resource, limit, used string }{
	{nova.QuotaRAM, "maxTotalRAMSize", "totalRAMUsed"},
	{nova.QuotaInstances, "maxTotalInstances", "totalInstancesUsed"},
	{nova.QuotaCores, "maxTotalCores", "totalCoresUsed"},
	{nova.QuotaKeyPairs, "maxTotalKeypairs", ""},
	{nova.QuotaFloatingIPs, "maxTotalFloatingIps", "totalFloatingIpsUsed"},
	{nova.QuotaMetadataItems, "maxServerMeta", ""},
	{nova.QuotaInjectedFiles, "maxPersonality", ""},
	{nova.QuotaInjectedFileContentBytes, "maxPersonalitySize", ""},
	{nova.QuotaSecurityGroups, "maxSecurityGroups", "totalSecurityGroupsUsed"},
	{nova.QuotaSecurityGroupRules, "maxSecurityGroupRules", ""},
	{nova.QuotaServerGroups, "maxServerGroups", "totalServerGroupsUsed"},
	{nova.QuotaServerGroupMembers, "maxServerGroupMembers", ""},
}

func (a *API) showLimits(c *httpapi.Call) (v limitsAnswer, err error) {
	projectID := c.Caller.ProjectID
	if c.Query.Has("tenant_id") {
		projectID = last(c.Query, "tenant_id")
		if err := c.Enforce(otherProjectLimits.Name, policy.Owned(c.Caller)); err != nil {
			return v, err
		}
	}
	limits, usage, err := a.svc.Quotas(c.Ctx(), projectID, "")
	v.Limits.Rate, v.Limits.Absolute = []struct{}{}, map[string]int{}
	hidden := hiddenQuotas(c.Version)
	for _, n := range limitNames {
		if slices.Contains(hidden, n.resource) {
			continue
		}
		v.Limits.Absolute[n.limit] = limits[n.resource]
		if n.used != "" {
			v.Limits.Absolute[n.used] = usage.Of(n.resource)
		}
	}
	if !c.Version.AtLeast("2.39") {
		v.Limits.Absolute["maxImageMeta"] = limits[nova.QuotaMetadataItems]
	}
	return v, err
}
