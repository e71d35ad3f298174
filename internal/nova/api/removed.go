package api

import (
	"strings"

	"nacre/internal/oslo/httpapi"
)

// removed are the operations that Nova had once and answers with 410 since.
const removed = `
GET POST              /os-agents
PUT DELETE            /os-agents/{agent_build_id}
GET POST              /os-cells
GET                   /os-cells/capacities
GET                   /os-cells/detail
GET                   /os-cells/info
POST                  /os-cells/sync_instances
GET PUT DELETE        /os-cells/{cell_id}
GET                   /os-cells/{cell_id}/capacities
POST                  /os-certificates
GET                   /os-certificates/{id}
GET POST              /os-cloudpipe
PUT                   /os-cloudpipe/{id}
GET                   /os-fixed-ips/{fixed_ip}
POST                  /os-fixed-ips/{fixed_ip}/action
GET                   /os-floating-ip-dns
PUT DELETE            /os-floating-ip-dns/{domain}
GET PUT DELETE        /os-floating-ip-dns/{domain}/entries/{name}
GET POST              /os-floating-ips-bulk
GET PUT               /os-floating-ips-bulk/{host_name}
GET                   /os-fping
GET                   /os-fping/{instance_id}
POST                  /os-networks
POST                  /os-networks/add
DELETE                /os-networks/{network_id}
POST                  /os-networks/{network_id}/action
GET POST              /os-security-group-default-rules
GET DELETE            /os-security-group-default-rules/{security_group_default_rule_id}
POST                  /os-tenant-networks
DELETE                /os-tenant-networks/{network_id}
GET POST              /servers/{server_id}/consoles
GET DELETE            /servers/{server_id}/consoles/{console_id}
GET                   /servers/{server_id}/os-virtual-interfaces
`

// removedRoutes answer 410 to whoever has a valid token.
func (a *API) removedRoutes() (t httpapi.Table) {
	for line := range strings.Lines(removed) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		path := fields[len(fields)-1]
		for _, method := range fields[:len(fields)-1] {
			t = append(t, httpapi.Route{Method: method, Path: path, Status: 410, Do: httpapi.Get(gone)})
		}
	}
	return t
}
