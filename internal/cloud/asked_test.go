package cloud_test

import (
	"cmp"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloudtest"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/uuid"
)

// asked is a good request of a route: everybody sends the same.
type asked struct {
	path   string                                     // the row's when empty
	body   string                                     // {name} stands for what path parameters stand for
	after  func(s *scenery)                           // for all
	before func(s *scenery, things map[string]string) // brings the server into the state that the request needs
	status int                                        // for who may; the row's when 0
	rule   string                                     // "y" or "n" of reader, member, admin, strangers, strangers, system, where rows have no rule of their own
}

// scenery is a cloud with things of the member's, of all kinds.
type scenery struct {
	*cloudtest.Cloud
	t      *testing.T
	shared map[string]string // by parameter, for requests that leave them as they are
	makers map[string]func(s *scenery) string
	count  int
	image  string
	agents string // the type of agents that is asked about
}

func newScenery(t *testing.T) *scenery {
	s := &scenery{Cloud: cloudtest.Start(t, 2), t: t, shared: map[string]string{}, makers: makers()}
	s.People()
	s.unlimited()
	var img struct{ ID string }
	s.As(cloudtest.Admin).Image().Post("/images", `{"name": "i", "disk_format": "raw", "container_format": "bare", "visibility": "public"}`).Want(201).Into(&img)
	s.As(cloudtest.Admin).Image().Upload("/images/"+img.ID+"/file", "an image").Want(204)
	s.image = img.ID
	return s
}

// unlimited takes the limits from all projects.
func (s *scenery) unlimited() {
	for kind, quotas := range map[string]string{"compute": `{"quota_set": {"instances": -1, "cores": -1, "ram": -1}}`,
		"network": `{"quota": {"network": -1, "subnet": -1, "port": -1, "router": -1, "floatingip": -1, "security_group": -1, "rbac_policy": -1, "subnetpool": -1}}`} {
		for _, project := range []string{"one", "two", "far"} {
			if kind == "compute" {
				s.As(cloudtest.Admin).Compute("2.1").Put("/os-quota-sets/"+s.IDs[project], quotas).Want(200)
			} else {
				s.As(cloudtest.Admin).Network().Put("/quotas/"+s.IDs[project], quotas).Want(200)
			}
		}
	}
}

// made is the ID in an answer {"kind": {"id": …}}.
func made(a cloudtest.Answer, status int) string {
	var out map[string]struct{ ID any }
	a.Want(status).Into(&out)
	for _, v := range out {
		return fmt.Sprint(v.ID)
	}
	return ""
}

func (s *scenery) name() string {
	s.count++
	return fmt.Sprint("N", s.count)
}

// makers make what a path's parameter stands for.
func makers() map[string]func(s *scenery) string {
	return map[string]func(s *scenery) string{
		"network_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/networks", `{"network": {"name": "`+s.name()+`"}}`), 201)
		},
		"subnet_id": func(s *scenery) string {
			s.count++
			return made(s.As(cloudtest.Member).Network().Post("/subnets", fmt.Sprintf(`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "10.%d.%d.0/24"}}`,
				s.makers["network_id"](s), 100+s.count/250, s.count%250)), 201)
		},
		"subnetpool_id": func(s *scenery) string {
			s.count++
			return made(s.As(cloudtest.Member).Network().Post("/subnetpools", fmt.Sprintf(`{"subnetpool": {"name": "p", "prefixes": ["10.%d.%d.0/24"]}}`,
				10+s.count/250, s.count%250)), 201)
		},
		"port_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/ports", `{"port": {"network_id": "`+s.of("network_id")+`"}}`), 201)
		},
		"router_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/routers", `{"router": {"name": "r"}}`), 201)
		},
		"floatingip_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/floatingips", `{"floatingip": {"floating_network_id": "`+s.of("public")+`"}}`), 201)
		},
		"public": func(s *scenery) string {
			var out struct{ Networks []struct{ ID string } }
			s.As(cloudtest.Member).Network().Get("/networks?name=public").Want(200).Into(&out)
			return out.Networks[0].ID
		},
		"security_group_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/security-groups", `{"security_group": {"name": "g"}}`), 201)
		},
		"security_group_rule_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/security-group-rules", `{"security_group_rule": {"direction": "ingress", "protocol": "tcp", "security_group_id": "`+
				s.makers["security_group_id"](s)+`"}}`), 201)
		},
		"rbac_policy_id": func(s *scenery) string {
			return made(s.As(cloudtest.Member).Network().Post("/rbac-policies", fmt.Sprintf(`{"rbac_policy": {"object_type": "network", "action": "access_as_shared",
			"object_id": %q, "target_tenant": %q}}`, s.makers["network_id"](s), s.of("nobody"))), 201)
		},
		"quota_project_id": func(s *scenery) string { return s.IDs["one"] },
		"tenant_id":        func(s *scenery) string { return s.IDs["one"] },
		"id":               func(*scenery) string { return "default" },
		"fresh_network":    func(s *scenery) string { return s.makers["network_id"](s) },
		"nobody": func(s *scenery) string { // a project without users
			return made(s.As(cloudtest.Admin).Identity().Post("/projects", `{"project": {"name": "`+s.name()+`"}}`), 201)
		},
		"host": func(s *scenery) string {
			var out struct {
				Hypervisors []struct {
					Name string `json:"hypervisor_hostname"`
				}
			}
			s.As(cloudtest.Admin).Compute("2.93").Get("/os-hypervisors").Want(200).Into(&out)
			return out.Hypervisors[0].Name
		},
		"agent_id": func(s *scenery) string {
			var out struct {
				Agents []struct {
					ID   string
					Type string `json:"agent_type"`
				}
			}
			s.As(cloudtest.Admin).Network().Get("/agents").Want(200).Into(&out)
			for _, a := range out.Agents {
				if a.Type == s.agents {
					return a.ID
				}
			}
			s.t.Fatalf("no agent is a %s: %v", s.agents, out)
			return ""
		},
		"tag":           func(*scenery) string { return "t" },
		"key":           func(*scenery) string { return "k" },
		"volume_id":     func(*scenery) string { return uuid.New() },
		"console_token": func(*scenery) string { return uuid.New() },
		"flavor_id": func(s *scenery) string {
			id := made(s.As(cloudtest.Admin).Compute("2.93").Post("/flavors", `{"flavor": {"name": "`+s.name()+`", "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": false}}`), 200)
			for _, project := range []string{"one", "two", "far"} {
				s.As(cloudtest.Admin).Compute("2.93").Post("/flavors/"+id+"/action", `{"addTenantAccess": {"tenant": "`+s.IDs[project]+`"}}`).Want(200)
			}
			s.As(cloudtest.Admin).Compute("2.93").Post("/flavors/"+id+"/os-extra_specs", `{"extra_specs": {"k": "v"}}`).Want(200)
			return id
		},
		"flavor_extra_spec_key": func(*scenery) string { return "k" },
		"aggregate_id": func(s *scenery) string {
			return made(s.As(cloudtest.Admin).Compute("2.93").Post("/os-aggregates", `{"aggregate": {"name": "`+s.name()+`"}}`), 200)
		},
		"hypervisor_id": func(s *scenery) string {
			var out struct{ Hypervisors []struct{ ID string } }
			s.As(cloudtest.Admin).Compute("2.93").Get("/os-hypervisors").Want(200).Into(&out)
			return out.Hypervisors[0].ID
		},
		"service_id": func(s *scenery) string {
			var out struct{ Services []struct{ ID, Binary string } }
			s.As(cloudtest.Admin).Compute("2.93").Get("/os-services?binary=nova-compute").Want(200).Into(&out)
			return out.Services[0].ID
		},
		"server_id": func(s *scenery) string {
			id := made(s.As(cloudtest.Member).Compute("2.93").Post("/servers", fmt.Sprintf(`{"server": {"name": "s", "flavorRef": "42", "imageRef": %q, "metadata": {"k": "v"},
			"tags": ["t"], "networks": [{"uuid": %q}]}}`, s.image, s.of("wired"))), 202)
			s.await(id, "ACTIVE")
			return id
		},
		"wired": func(s *scenery) string {
			id := s.makers["network_id"](s)
			s.As(cloudtest.Member).Network().Post("/subnets", fmt.Sprintf(`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "10.240.0.0/16"}}`, id)).Want(201)
			return id
		},
		"uuid": func(s *scenery) string {
			id := uuid.New()
			s.As(cloudtest.Admin).Placement("1.39").Post("/resource_providers", `{"name": "`+s.name()+`", "uuid": "`+id+`"}`).Want(200)
			s.As(cloudtest.Admin).Placement("1.39").Put("/resource_providers/"+id+"/inventories", `{"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}}}`).Want(200)
			return id
		},
		"consumer_uuid":  func(*scenery) string { return uuid.New() },
		"resource_class": func(*scenery) string { return "VCPU" },
	}
}

// of is a thing that all requests share.
func (s *scenery) of(param string) string {
	if s.shared[param] == "" {
		s.shared[param] = s.makers[param](s)
	}
	return s.shared[param]
}

func (s *scenery) await(server, status string) {
	s.t.Helper()
	var out struct {
		Server struct {
			Status string
			Task   *string `json:"OS-EXT-STS:task_state"`
		}
	}
	cloudtest.Until(s.t, "server "+server+" is "+status, time.Minute, func() bool {
		s.As(cloudtest.Member).Compute("2.93").Get("/servers/" + server).Want(200).Into(&out)
		return out.Server.Status == status && out.Server.Task == nil
	})
}

// act has the member do something to a server, and waits for what comes of it.
func act(body, status string) func(s *scenery, things map[string]string) {
	return func(s *scenery, things map[string]string) {
		server := things["server_id"]
		s.As(cloudtest.Member).Compute("2.93").Post("/servers/"+server+"/action", body).Want(202)
		s.await(server, status)
	}
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// give has the administrator of a network ask for what the request is about to take away.
func give(method, path, body string) func(s *scenery, things map[string]string) {
	return func(s *scenery, things map[string]string) {
		a := s.As(cloudtest.Admin).Network().Do(method, s.fill(cloudtest.Admin, path, false, things), s.fill(cloudtest.Admin, body, false, things))
		if a.Status >= 300 {
			s.t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

// fill puts things into a path or body. Fresh things are made where the request changes them.
func (s *scenery) fill(p cloudtest.Persona, text string, fresh bool, things map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.Trim(m, "{}")
		if things[name] == "" {
			switch {
			case name == "port_id" && things["server_id"] != "":
				var out struct {
					All []struct {
						ID string `json:"port_id"`
					} `json:"interfaceAttachments"`
				}
				s.As(cloudtest.Member).Compute("2.93").Get("/servers/" + things["server_id"] + "/os-interface").Want(200).Into(&out)
				things[name] = out.All[0].ID
			case name == "keypair_name":
				things[name] = s.name()
				if p != cloudtest.None && p != cloudtest.System {
					s.As(p).Compute("2.93").Post("/os-keypairs", fmt.Sprintf(`{"keypair": {"name": %q, "type": "ssh", "public_key": %q}}`, things[name], publicKey)).Want(201)
				}
			case name == "alias":
				things[name] = map[bool]string{true: "router", false: "os-keypairs"}[strings.HasPrefix(text, "/v2.0")]
			case name == "network_label":
				var out struct {
					Server struct{ Addresses map[string]any }
				}
				s.As(cloudtest.Member).Compute("2.93").Get("/servers/" + things["server_id"]).Want(200).Into(&out)
				for label := range out.Server.Addresses {
					things[name] = label
				}
			case name == "request_id":
				var out struct {
					All []struct {
						ID string `json:"request_id"`
					} `json:"instanceActions"`
				}
				s.As(cloudtest.Member).Compute("2.93").Get("/servers/" + things["server_id"] + "/os-instance-actions").Want(200).Into(&out)
				things[name] = out.All[0].ID
			case name == "name" && !strings.HasPrefix(text, "/v2"): // of a class or a trait, by the path
				things[name] = "CUSTOM_" + strings.ToUpper(s.name())
				kind := strings.Split(text, "/")[1]
				s.As(cloudtest.Admin).Placement("1.39").Put("/"+kind+"/"+things[name], "").Want(201)
			case s.makers[name] == nil:
				return m
			case fresh || name == "fresh_network" || name == "agent_id":
				things[name] = s.makers[name](s)
			default:
				things[name] = s.of(name)
			}
		}
		return things[name]
	})
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4Si7oXfiYrz8zxPjXuJRRR8JmL9qzZBQkVsSnKXo3w me"

const tags = `{"tags": ["t"]}`

// requests are the bodies of routes that take one, and what else a route needs to be answered well.
var requests = map[string]asked{
	"nova DELETE /v2.1/os-quota-sets/{tenant_id}":                               {after: (*scenery).unlimited},
	"neutron DELETE /v2.0/quotas/{quota_project_id}":                            {after: (*scenery).unlimited},
	"nova POST /v2.1/servers/{server_id}/action resetNetwork":                   {body: `{"resetNetwork": null}`},
	"nova GET /v2.1/os-hypervisors/{hypervisor_id}/search":                      {path: "/v2.1/os-hypervisors/{host}/search"},
	"nova GET /v2.1/os-hypervisors/{hypervisor_id}/servers":                     {path: "/v2.1/os-hypervisors/{host}/servers"},
	"placement PUT /resource_classes/{name} -1.6":                               {body: `{"name": "CUSTOM_{fresh}"}`},
	"placement GET /allocation_candidates":                                      {path: "/allocation_candidates?resources=VCPU:1"},
	"placement GET /usages":                                                     {path: "/usages?project_id={tenant_id}", rule: "yyynnn"},
	"neutron GET /v2.0/quotas":                                                  {rule: "nnynnn"},
	"neutron DELETE /v2.0/agents/{agent_id}/dhcp-networks/{network_id}":         {before: give("POST", "/agents/{agent_id}/dhcp-networks", `{"network_id": "{network_id}"}`)},
	"neutron DELETE /v2.0/agents/{agent_id}/l3-routers/{router_id}":             {before: give("POST", "/agents/{agent_id}/l3-routers", `{"router_id": "{router_id}"}`)},
	"nova POST /v2.1/flavors":                                                   {body: `{"flavor": {"name": "{fresh}", "ram": 64, "vcpus": 1, "disk": 1}}`},
	"nova PUT /v2.1/flavors/{flavor_id}":                                        {body: `{"flavor": {"description": "d"}}`},
	"nova POST /v2.1/flavors/{flavor_id}/action addTenantAccess":                {body: `{"addTenantAccess": {"tenant": "{nobody}"}}`},
	"nova POST /v2.1/flavors/{flavor_id}/action removeTenantAccess":             {body: `{"removeTenantAccess": {"tenant": "{tenant_id}"}}`},
	"nova POST /v2.1/flavors/{flavor_id}/os-extra_specs":                        {body: `{"extra_specs": {"k": "v"}}`},
	"nova PUT /v2.1/flavors/{flavor_id}/os-extra_specs/{flavor_extra_spec_key}": {body: `{"k": "v"}`},
	"nova POST /v2.1/os-aggregates":                                             {body: `{"aggregate": {"name": "{fresh}"}}`},
	"nova PUT /v2.1/os-aggregates/{aggregate_id}":                               {body: `{"aggregate": {"name": "{fresh}"}}`},
	"nova POST /v2.1/os-aggregates/{aggregate_id}/action add_host":              {body: `{"add_host": {"host": "{host}"}}`},
	"nova POST /v2.1/os-aggregates/{aggregate_id}/action remove_host":           {body: `{"remove_host": {"host": "nowhere"}}`, status: 404},
	"nova POST /v2.1/os-aggregates/{aggregate_id}/action set_metadata":          {body: `{"set_metadata": {"metadata": {"k": "v"}}}`},
	"nova GET /v2.1/extensions/{alias}":                                         {},
	"nova GET /v2.1/os-console-auth-tokens/{console_token}":                     {status: 404},
	"nova POST /v2.1/os-keypairs":                                               {body: `{"keypair": {"name": "{fresh}", "type": "ssh", "public_key": "` + publicKey + `"}}`},
	"nova PUT /v2.1/os-quota-class-sets/{id}":                                   {body: `{"quota_class_set": {"cores": 50}}`},
	"nova PUT /v2.1/os-quota-sets/{tenant_id}":                                  {body: `{"quota_set": {"instances": -1}}`},
	"nova POST /v2.1/os-server-external-events":                                 {body: `{"events": [{"name": "network-changed", "server_uuid": "{server_id}"}]}`},
	"nova PUT /v2.1/os-services/{service_id} -2.52":                             {path: "/v2.1/os-services/enable", body: `{"host": "{host}", "binary": "nova-compute"}`},
	"nova PUT /v2.1/os-services/{service_id}":                                   {body: `{"status": "enabled"}`},
	"nova POST /v2.1/servers":                                                   {body: `{"server": {"name": "s", "flavorRef": "42", "imageRef": "{image}", "networks": "none"}}`},
	"nova PUT /v2.1/servers/{server_id}":                                        {body: `{"server": {"name": "s"}}`},
	"nova POST /v2.1/servers/{server_id}/action addSecurityGroup":               {body: `{"addSecurityGroup": {"name": "default"}}`},
	"nova POST /v2.1/servers/{server_id}/action forceDelete":                    {body: `{"forceDelete": null}`},
	"nova POST /v2.1/servers/{server_id}/action lock":                           {body: `{"lock": null}`},
	"nova POST /v2.1/servers/{server_id}/action os-getConsoleOutput":            {body: `{"os-getConsoleOutput": {}}`},
	"nova POST /v2.1/servers/{server_id}/action os-getSPICEConsole":             {body: `{"os-getSPICEConsole": {"type": "spice-html5"}}`, status: 400},
	"nova POST /v2.1/servers/{server_id}/action os-getSerialConsole":            {body: `{"os-getSerialConsole": {"type": "serial"}}`, status: 400},
	"nova POST /v2.1/servers/{server_id}/action os-getVNCConsole":               {body: `{"os-getVNCConsole": {"type": "novnc"}}`},
	"nova POST /v2.1/servers/{server_id}/action os-resetState":                  {body: `{"os-resetState": {"state": "active"}}`},
	"nova POST /v2.1/servers/{server_id}/action os-start":                       {body: `{"os-start": null}`, before: act(`{"os-stop": null}`, "SHUTOFF")},
	"nova POST /v2.1/servers/{server_id}/action os-stop":                        {body: `{"os-stop": null}`},
	"nova POST /v2.1/servers/{server_id}/action pause":                          {body: `{"pause": null}`},
	"nova POST /v2.1/servers/{server_id}/action reboot":                         {body: `{"reboot": {"type": "HARD"}}`},
	"nova POST /v2.1/servers/{server_id}/action rebuild":                        {body: `{"rebuild": {"imageRef": "{image}"}}`},
	"nova POST /v2.1/servers/{server_id}/action removeSecurityGroup":            {body: `{"removeSecurityGroup": {"name": "default"}}`},
	"nova POST /v2.1/servers/{server_id}/action resume":                         {body: `{"resume": null}`, before: act(`{"suspend": null}`, "SUSPENDED")},
	"nova POST /v2.1/servers/{server_id}/action suspend":                        {body: `{"suspend": null}`},
	"nova POST /v2.1/servers/{server_id}/action unlock":                         {body: `{"unlock": null}`},
	"nova POST /v2.1/servers/{server_id}/action unpause":                        {body: `{"unpause": null}`, before: act(`{"pause": null}`, "PAUSED")},
	"nova GET /v2.1/servers/{server_id}/ips/{network_label}":                    {},
	"nova POST /v2.1/servers/{server_id}/metadata":                              {body: `{"metadata": {"k": "v"}}`},
	"nova PUT /v2.1/servers/{server_id}/metadata":                               {body: `{"metadata": {"k": "v"}}`},
	"nova PUT /v2.1/servers/{server_id}/metadata/{key}":                         {body: `{"meta": {"k": "v"}}`},
	"nova POST /v2.1/servers/{server_id}/os-interface":                          {body: `{"interfaceAttachment": {"net_id": "{wired}"}}`},
	"nova GET /v2.1/servers/{server_id}/os-volume_attachments/{volume_id}":      {status: 404},
	"nova POST /v2.1/servers/{server_id}/remote-consoles":                       {body: `{"remote_console": {"protocol": "vnc", "type": "novnc"}}`},
	"nova PUT /v2.1/servers/{server_id}/tags":                                   {body: tags},
	"nova PUT /v2.1/servers/{server_id}/tags/{tag}":                             {status: 204},
	"neutron PUT /v2.0/agents/{agent_id}":                                       {body: `{"agent": {"description": "d"}}`},
	"neutron POST /v2.0/agents/{agent_id}/dhcp-networks":                        {body: `{"network_id": "{network_id}"}`},
	"neutron POST /v2.0/agents/{agent_id}/l3-routers":                           {body: `{"router_id": "{router_id}"}`},
	"neutron POST /v2.0/floatingips":                                            {body: `{"floatingip": {"floating_network_id": "{public}"}}`},
	"neutron PUT /v2.0/floatingips/{floatingip_id}":                             {body: `{"floatingip": {"description": "d"}}`},
	"neutron POST /v2.0/networks":                                               {body: `{"network": {"name": "n"}}`},
	"neutron PUT /v2.0/networks/{network_id}":                                   {body: `{"network": {"description": "d"}}`},
	"neutron POST /v2.0/ports":                                                  {body: `{"port": {"network_id": "{network_id}"}}`, rule: "nyynnn"},
	"neutron PUT /v2.0/ports/{port_id}":                                         {body: `{"port": {"description": "d"}}`},
	"neutron GET /v2.0/quotas/{quota_project_id}":                               {rule: "yyynnn"},
	"neutron PUT /v2.0/quotas/{quota_project_id}":                               {body: `{"quota": {"network": -1}}`},
	"neutron GET /v2.0/quotas/{quota_project_id}/default":                       {rule: "yyynnn"},
	"neutron GET /v2.0/quotas/{quota_project_id}/details":                       {rule: "yyynnn"},
	"neutron GET /v2.0/quotas/{quota_project_id}/details.json":                  {rule: "yyynnn"},
	"neutron POST /v2.0/rbac-policies":                                          {body: `{"rbac_policy": {"object_type": "network", "action": "access_as_shared", "object_id": "{fresh_network}", "target_tenant": "{nobody}"}}`, rule: "nyynnn"},
	"neutron PUT /v2.0/rbac-policies/{rbac_policy_id}":                          {body: `{"rbac_policy": {"target_tenant": "{nobody}"}}`},
	"neutron POST /v2.0/routers":                                                {body: `{"router": {"name": "r"}}`},
	"neutron PUT /v2.0/routers/{router_id}":                                     {body: `{"router": {"description": "d"}}`},
	"neutron PUT /v2.0/routers/{router_id}/add_extraroutes":                     {body: `{"router": {"routes": []}}`},
	"neutron PUT /v2.0/routers/{router_id}/remove_extraroutes":                  {body: `{"router": {"routes": []}}`},
	"neutron PUT /v2.0/routers/{router_id}/add_router_interface":                {body: `{"subnet_id": "{subnet_id}"}`},
	"neutron PUT /v2.0/routers/{router_id}/remove_router_interface": {body: `{"subnet_id": "{subnet_id}"}`,
		before: give("PUT", "/routers/{router_id}/add_router_interface", `{"subnet_id": "{subnet_id}"}`)},
	"neutron POST /v2.0/security-group-rules":                               {body: `{"security_group_rule": {"direction": "ingress", "protocol": "udp", "security_group_id": "{security_group_id}"}}`, rule: "nyynnn"},
	"neutron POST /v2.0/security-groups":                                    {body: `{"security_group": {"name": "g"}}`},
	"neutron PUT /v2.0/security-groups/{security_group_id}":                 {body: `{"security_group": {"description": "d"}}`},
	"neutron POST /v2.0/subnetpools":                                        {body: `{"subnetpool": {"name": "p", "prefixes": ["10.9.0.0/24"]}}`},
	"neutron PUT /v2.0/subnetpools/{subnetpool_id}":                         {body: `{"subnetpool": {"description": "d"}}`},
	"neutron PUT /v2.0/subnetpools/{subnetpool_id}/add_prefixes":            {body: `{"prefixes": ["172.30.0.0/24"]}`},
	"neutron PUT /v2.0/subnetpools/{subnetpool_id}/remove_prefixes":         {body: `{"prefixes": ["172.30.0.0/24"]}`},
	"neutron POST /v2.0/subnets":                                            {body: `{"subnet": {"network_id": "{network_id}", "ip_version": 4, "cidr": "10.8.0.0/24"}}`, rule: "nyynnn"},
	"neutron PUT /v2.0/subnets/{subnet_id}":                                 {body: `{"subnet": {"description": "d"}}`},
	"placement POST /allocations":                                           {body: `{"{consumer_uuid}": {"allocations": {"{uuid}": {"resources": {"VCPU": 1}}}, "project_id": "p", "user_id": "u", "consumer_generation": null, "consumer_type": "INSTANCE"}}`},
	"placement PUT /allocations/{consumer_uuid}":                            {body: `{"allocations": {"{uuid}": {"resources": {"VCPU": 1}}}, "project_id": "p", "user_id": "u", "consumer_generation": null, "consumer_type": "INSTANCE"}`},
	"placement DELETE /allocations/{consumer_uuid}":                         {status: 404},
	"placement POST /reshaper":                                              {body: `{"inventories": {}, "allocations": {}}`},
	"placement POST /resource_classes":                                      {body: `{"name": "CUSTOM_{fresh}"}`},
	"placement POST /resource_providers":                                    {body: `{"name": "{fresh}"}`, status: 200},
	"placement PUT /resource_providers/{uuid}":                              {body: `{"name": "{fresh}"}`},
	"placement PUT /resource_providers/{uuid}/aggregates":                   {body: `{"aggregates": [], "resource_provider_generation": 1}`},
	"placement POST /resource_providers/{uuid}/inventories":                 {body: `{"resource_class": "DISK_GB", "total": 4, "resource_provider_generation": 1}`},
	"placement PUT /resource_providers/{uuid}/inventories":                  {body: `{"resource_provider_generation": 1, "inventories": {}}`},
	"placement PUT /resource_providers/{uuid}/inventories/{resource_class}": {body: `{"resource_provider_generation": 1, "total": 8}`},
	"placement PUT /resource_providers/{uuid}/traits":                       {body: `{"resource_provider_generation": 1, "traits": []}`},
	"placement PUT /resource_classes/{name}":                                {status: 204},
	"placement PUT /traits/{name}":                                          {status: 204},
}

// ownerless parameters name what belongs to no project: strangers are as near to it as members.
var ownerless = []string{"flavor_id", "alias", "keypair_name", "id", "hypervisor_id", "agent_id", "uuid", "name", "consumer_uuid"}

// TestPersonasAsk sends a good request of every route of Nova, Neutron and
// Placement as every persona. Who may by the original's defaults is served as
// the row says; who may not is told 403, or 404 where there is nothing to see.
func TestPersonasAsk(t *testing.T) {
	s := newScenery(t)
	want := readPersonas(t)
	for _, service := range []string{"nova", "neutron", "placement"} {
		api := s.APIs[service]
		for _, r := range api.Table() {
			if r.Public {
				continue
			}
			name := strings.TrimSpace(service + " " + r.Method + " " + r.Path + " " + r.Action)
			q, known := requests[name+" -"+r.Max]
			if !known {
				q = requests[name]
			}
			if q.body == "" && (r.Method == "POST" || r.TakesBody()) && r.Status != 410 && !strings.HasSuffix(r.Path, "/tags") {
				t.Errorf("%s has no request", name)
				continue
			}
			for _, p := range cloudtest.Personas {
				s.ask(name, service, r, q, p, may(r, q, p, want[service+" "+r.Rule.Name]))
			}
		}
	}
}

// may is whether a persona may send a request, by the original's defaults.
func may(r httpapi.Route, q asked, p cloudtest.Persona, e expected) bool {
	column := slices.Index([]cloudtest.Persona{cloudtest.Reader, cloudtest.Member, cloudtest.Admin, cloudtest.OtherProject, cloudtest.OtherDomain, cloudtest.System}, p)
	switch {
	case p == cloudtest.None:
		return false
	case q.rule != "":
		return q.rule[column] == 'y'
	case r.Rule.Name == "":
		return true
	}
	param, _, _ := strings.Cut(r.Path[strings.IndexByte(r.Path+"{", '{'):], "}")
	own := param == "" || slices.Contains(ownerless, param[1:])
	if own && (p == cloudtest.OtherProject || p == cloudtest.OtherDomain) {
		p = cloudtest.Member
	}
	return e[p]
}

func (s *scenery) ask(name, service string, r httpapi.Route, q asked, p cloudtest.Persona, allowed bool) {
	s.t.Helper()
	changes := r.Method != "GET" && allowed
	things := map[string]string{"image": s.image, "fresh": s.name()}
	switch {
	case strings.Contains(r.Path, "l3-"):
		s.agents = "L3 agent"
	case strings.Contains(r.Path, "dhcp-"):
		s.agents = "DHCP agent"
	default:
		s.agents = "Linux bridge agent"
	}
	path := s.fill(p, cmp.Or(q.path, r.Path), changes, things)
	body := s.fill(p, q.body, changes, things)
	if q.body == "" && strings.HasSuffix(r.Path, "/tags") && r.Method != "GET" && r.Method != "DELETE" {
		body = tags
	}
	if service == "neutron" && strings.HasSuffix(r.Path, "/tags/{tag}") && r.Method != "PUT" && allowed {
		give("PUT", strings.TrimPrefix(path, "/v2.0"), "")(s, things)
	}
	if q.before != nil && allowed {
		q.before(s, things)
	}
	req := httptest.NewRequest(r.Method, "http://127.0.0.1"+path, strings.NewReader(body))
	if token := s.Token(p); token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	req.Header.Set("Content-Type", "application/json")
	if kind := map[string]string{"nova": "compute", "placement": "placement"}[service]; kind != "" {
		req.Header.Set("OpenStack-API-Version", kind+" "+cmp.Or(r.Max, "latest"))
	}
	w := httptest.NewRecorder()
	s.APIs[service].ServeHTTP(w, req)
	refused := w.Code == 401 || w.Code == 403 || w.Code == 404 ||
		p == cloudtest.System && strings.Contains(w.Body.String(), "Running without keystone AuthN requires that project_id is specified")
	switch {
	case p == cloudtest.None && w.Code != 401,
		allowed && w.Code != cmp.Or(q.status, r.Status),
		!allowed && !refused:
		s.t.Errorf("%s as %s: %d %.300s; may: %v", name, p, w.Code, w.Body, allowed)
	}
	if q.after != nil && w.Code < 300 {
		q.after(s)
	}
}
