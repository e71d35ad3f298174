package rpcapi

import "nacre/internal/oslo/messaging"

// ServerTopic is where neutron-server answers.
const ServerTopic = "neutron-server"

// AgentTopic is where the neutron agent of a host listens.
func AgentTopic(host string) string { return "neutron-agent." + host }

// AllAgents is where every neutron agent listens; fanouts only.
const AllAgents = "neutron-agents"

var (
	// GetHostState asks neutron-server for the state of a host.
	GetHostState = messaging.Method[HostStateRequest, HostState]{Name: "host_state", Version: "1.0"}
	// SendReport tells neutron-server what the agent of a host found.
	SendReport = messaging.Method[Report, ReportReply]{Name: "report", Version: "1.0"}
	// TellChanged hints to an agent that its host's state has a newer revision; cast only.
	TellChanged = messaging.Method[Changed, struct{}]{Name: "changed", Version: "1.0"}
	// TellSets tells all agents what changed in sets that many hosts hold; fanout only.
	TellSets = messaging.Method[SetsChanged, struct{}]{Name: "sets_changed", Version: "1.0"}
)
