package api

import (
	"encoding/json"
	"strings"

	"nacre/internal/nova/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// extraSpecRoutes are the extra specs of flavors.
func (a *API) extraSpecRoutes() httpapi.Table {
	const all, one = "/flavors/{flavor_id}/os-extra_specs", "/flavors/{flavor_id}/os-extra_specs/{flavor_extra_spec_key}"
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Rule: specsRule, Do: httpapi.Get(a.listExtraSpecs)},
		{Method: "POST", Path: all, Status: 200, Rule: rule("os_compute_api:os-flavor-extra-specs:create", admin),
			Bodies: httpapi.Schemas{"2.1": "flavor_extra_specs_create.json"}, Do: httpapi.JSON(a.createExtraSpecs)},
		{Method: "GET", Path: one, Status: 200, Rule: rule("os_compute_api:os-flavor-extra-specs:show", reader), Do: httpapi.Get(a.showExtraSpec)},
		{Method: "PUT", Path: one, Status: 200, Rule: rule("os_compute_api:os-flavor-extra-specs:update", admin),
			Bodies: httpapi.Schemas{"2.1": "flavor_extra_specs_update.json"}, Do: httpapi.JSON(a.updateExtraSpec)},
		{Method: "DELETE", Path: one, Status: 200, Rule: rule("os_compute_api:os-flavor-extra-specs:delete", admin), Do: httpapi.Get(a.deleteExtraSpec)},
	}
}

type extraSpecsView struct {
	ExtraSpecs map[string]string `json:"extra_specs"`
}

// extraSpecs are values as sent: strings or numbers.
type extraSpecs map[string]json.RawMessage

// texts turns numbers into strings, and checks what 2.86 checks.
func (s extraSpecs) texts(v httpapi.Version) (map[string]string, error) {
	out := make(map[string]string, len(s))
	for key, raw := range s {
		value := string(raw)
		if strings.HasPrefix(value, `"`) {
			if err := json.Unmarshal(raw, &value); err != nil {
				return nil, err
			}
		}
		if len(value) > 255 && raw[0] != '"' {
			return nil, fault.BadRequest("Invalid input received: extra_specs value has %d characters, more than 255.", len(value))
		}
		if v.AtLeast("2.86") {
			if err := checkExtraSpec(key, value); err != nil {
				return nil, err
			}
		}
		out[key] = value
	}
	return out, nil
}

func (a *API) listExtraSpecs(c *httpapi.Call) (extraSpecsView, error) {
	f, err := a.svc.Flavor(c.Ctx(), c.Param("flavor_id"))
	return extraSpecsView{specsOf(f)}, err
}

func (a *API) showExtraSpec(c *httpapi.Call) (map[string]string, error) {
	f, err := a.svc.Flavor(c.Ctx(), c.Param("flavor_id"))
	if err != nil {
		return nil, err
	}
	key := c.Param("flavor_extra_spec_key")
	value, ok := f.ExtraSpecs[key]
	if !ok {
		return nil, service.NoExtraSpec(f.FlavorID, key)
	}
	return map[string]string{key: value}, nil
}

// createExtraSpecs answers with the body as it was sent.
func (a *API) createExtraSpecs(c *httpapi.Call, body struct {
	ExtraSpecs extraSpecs `json:"extra_specs"`
}) (json.RawMessage, error) {
	specs, err := body.ExtraSpecs.texts(c.Version)
	if err != nil {
		return nil, err
	}
	return c.Body, a.svc.SetExtraSpecs(c.Ctx(), c.Param("flavor_id"), specs)
}

func (a *API) updateExtraSpec(c *httpapi.Call, body extraSpecs) (json.RawMessage, error) {
	specs, err := body.texts(c.Version)
	if err != nil {
		return nil, err
	}
	if _, ok := specs[c.Param("flavor_extra_spec_key")]; !ok {
		return nil, fault.BadRequest("Request body and URI mismatch")
	}
	return c.Body, a.svc.SetExtraSpecs(c.Ctx(), c.Param("flavor_id"), specs)
}

func (a *API) deleteExtraSpec(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteExtraSpec(c.Ctx(), c.Param("flavor_id"), c.Param("flavor_extra_spec_key"))
}
