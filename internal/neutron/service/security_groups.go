package service

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// SecurityGroups lists the security groups that the caller may see; the
// project's default one is among them.
func (s *Service) SecurityGroups(ctx context.Context, q neutron.Query) ([]neutron.SecurityGroup, error) {
	if err := s.EnsureDefaultGroup(ctx, askedProject(ctx, q)); err != nil {
		return nil, err
	}
	q.ProjectID = scope(ctx)
	return s.store.SecurityGroups(ctx, q)
}

// askedProject is the project whose groups are listed: the filter's, else the caller's.
func askedProject(ctx context.Context, q neutron.Query) string {
	if asked := q.Values("project_id"); len(asked) > 0 && scope(ctx) == "" {
		project, _ := asked[0].(string)
		return project
	}
	return auth.Caller(ctx).ProjectID
}

// SecurityGroup finds a security group that the caller may see.
func (s *Service) SecurityGroup(ctx context.Context, id string) (neutron.SecurityGroup, error) {
	return s.store.SecurityGroup(ctx, id, scope(ctx))
}

// EnsureDefaultGroup makes a project's default group if it has none.
func (s *Service) EnsureDefaultGroup(ctx context.Context, project string) error {
	if project == "" {
		return nil
	}
	if id, err := s.store.DefaultGroup(ctx, project); err != nil || id != "" {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := s.ensureDefaultGroup(ctx, tx, project)
		return err
	})
}

// ensureDefaultGroup returns the id of a project's default group.
func (s *Service) ensureDefaultGroup(ctx context.Context, tx *store.Tx, project string) (string, error) {
	if id, err := tx.DefaultGroup(ctx, project); err != nil || id != "" {
		return id, err
	}
	if err := tx.Lock(ctx, "default_group:"+project); err != nil {
		return "", err
	}
	if id, err := tx.DefaultGroup(ctx, project); err != nil || id != "" {
		return id, err
	}
	g := neutron.SecurityGroup{ID: newID(), Name: neutron.DefaultGroup, Stateful: true, ProjectID: project, IsDefault: true,
		Standard: neutron.NewStandard("Default security group", s.clock.Now())}
	g.Rules = append(s.egressRules(g), s.ingressRules(g)...)
	g.Revision = 1
	return g.ID, tx.InsertSecurityGroup(ctx, g)
}

// egressRules let everything out.
func (s *Service) egressRules(g neutron.SecurityGroup) []neutron.SecurityGroupRule {
	var out []neutron.SecurityGroupRule
	for _, e := range []string{"IPv4", "IPv6"} {
		out = append(out, s.rule(g, e, "egress"))
	}
	return out
}

// ingressRules let the group's own members in.
func (s *Service) ingressRules(g neutron.SecurityGroup) []neutron.SecurityGroupRule {
	var out []neutron.SecurityGroupRule
	for _, e := range []string{"IPv4", "IPv6"} {
		r := s.rule(g, e, "ingress")
		r.RemoteGroupID = &g.ID
		out = append(out, r)
	}
	return out
}

func (s *Service) rule(g neutron.SecurityGroup, ethertype, direction string) neutron.SecurityGroupRule {
	return neutron.SecurityGroupRule{ID: newID(), ProjectID: g.ProjectID, SecurityGroupID: g.ID, EtherType: ethertype,
		Direction: direction, CreatedAt: g.CreatedAt, UpdatedAt: g.CreatedAt, GroupProjectID: g.ProjectID}
}

// CreateSecurityGroups makes security groups, all or none.
func (s *Service) CreateSecurityGroups(ctx context.Context, reqs []neutron.SecurityGroupRequest) (out []neutron.SecurityGroup, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			g, err := s.createSecurityGroup(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, g)
		}
		return nil
	})
	return out, err
}

func (s *Service) createSecurityGroup(ctx context.Context, tx *store.Tx, r neutron.SecurityGroupRequest) (neutron.SecurityGroup, error) {
	g := neutron.SecurityGroup{ID: newID(), Name: r.Name.Value, Stateful: r.Stateful.Or(true), ProjectID: r.ProjectID.Value,
		Standard: s.standard(r.Description)}
	g.Revision = 1
	if _, err := s.ensureDefaultGroup(ctx, tx, g.ProjectID); err != nil {
		return g, err
	}
	if err := s.count(ctx, tx, "security_group", g.ProjectID, 1); err != nil {
		return g, err
	}
	g.Rules = s.egressRules(g)
	if err := s.count(ctx, tx, "security_group_rule", g.ProjectID, len(g.Rules)); err != nil {
		return g, err
	}
	return g, tx.InsertSecurityGroup(ctx, g)
}

// UpdateSecurityGroup changes a security group.
func (s *Service) UpdateSecurityGroup(ctx context.Context, id string, r neutron.SecurityGroupRequest, m Match) (g neutron.SecurityGroup, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if g, err = tx.SecurityGroup(ctx, id, ""); err != nil {
			return err
		}
		if err := m.check(g.Revision); err != nil {
			return err
		}
		if g.IsDefault && r.Name.Set {
			return fault.Conflict("Updating default security group not allowed.").As("SecurityGroupCannotUpdateDefault")
		}
		if r.Stateful.Set && r.Stateful.Value != g.Stateful {
			if err := checkGroupFree(ctx, tx, id); err != nil {
				return err
			}
		}
		r.Name.To(&g.Name)
		r.Description.To(&g.Description)
		r.Stateful.To(&g.Stateful)
		g.Touch(s.clock.Now())
		return tx.UpdateSecurityGroup(ctx, g)
	})
	return g, err
}

func checkGroupFree(ctx context.Context, tx *store.Tx, id string) error {
	used, err := tx.GroupInUse(ctx, id)
	if err == nil && used {
		err = fault.Conflict("Security Group %s in use.", id).As("SecurityGroupInUse")
	}
	return err
}

// DeleteSecurityGroup removes a group that no port carries.
func (s *Service) DeleteSecurityGroup(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		g, err := tx.SecurityGroup(ctx, id, "")
		if err != nil {
			return err
		}
		if err := m.check(g.Revision); err != nil {
			return err
		}
		if err := checkGroupFree(ctx, tx, id); err != nil {
			return err
		}
		if g.IsDefault && !auth.Caller(ctx).Admin {
			return fault.Conflict("Insufficient rights for removing default security group.").As("SecurityGroupCannotRemoveDefault")
		}
		return tx.DeleteSecurityGroup(ctx, id)
	})
}

// SecurityGroupRules lists the rules that the caller may see.
func (s *Service) SecurityGroupRules(ctx context.Context, q neutron.Query) ([]neutron.SecurityGroupRule, error) {
	if err := s.EnsureDefaultGroup(ctx, askedProject(ctx, q)); err != nil {
		return nil, err
	}
	q.ProjectID = scope(ctx)
	return s.store.SecurityGroupRules(ctx, q)
}

// SecurityGroupRule finds a rule that the caller may see.
func (s *Service) SecurityGroupRule(ctx context.Context, id string) (neutron.SecurityGroupRule, error) {
	return s.store.SecurityGroupRule(ctx, id, scope(ctx))
}

// CreateSecurityGroupRules makes rules of one group, all or none.
func (s *Service) CreateSecurityGroupRules(ctx context.Context, reqs []neutron.SecurityGroupRuleRequest) (out []neutron.SecurityGroupRule, err error) {
	for _, r := range reqs {
		if r.SecurityGroupID.Value != reqs[0].SecurityGroupID.Value {
			return nil, fault.BadRequest("Only allowed to update rules for one security profile at a time").As("SecurityGroupNotSingleGroupRules")
		}
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			rule, err := s.newRule(ctx, tx, r)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(out, func(o neutron.SecurityGroupRule) bool { return sameRule(o, rule) }) {
				return fault.Conflict("Duplicate Security Group Rule in POST.").As("DuplicateSecurityGroupRuleInPost")
			}
			out = append(out, rule)
		}
		return s.insertRules(ctx, tx, out)
	})
	return out, err
}

func (s *Service) newRule(ctx context.Context, tx *store.Tx, r neutron.SecurityGroupRuleRequest) (neutron.SecurityGroupRule, error) {
	now := s.clock.Now()
	rule := neutron.SecurityGroupRule{ID: newID(), ProjectID: r.ProjectID.Value, SecurityGroupID: r.SecurityGroupID.Value,
		EtherType: r.EtherType.Or("IPv4"), Direction: r.Direction.Value, Protocol: r.Protocol.Value, PortRangeMin: r.PortRangeMin.Value,
		PortRangeMax: r.PortRangeMax.Value, RemoteIPPrefix: r.RemoteIPPrefix.Value, RemoteGroupID: r.RemoteGroupID.Value,
		Description: &r.Description.Value, CreatedAt: now, UpdatedAt: now}
	if err := checkRule(&rule); err != nil {
		return rule, err
	}
	if rule.RemoteGroupID != nil {
		if _, err := tx.SecurityGroup(ctx, *rule.RemoteGroupID, scope(ctx)); err != nil {
			return rule, err
		}
	}
	g, err := tx.SecurityGroup(ctx, rule.SecurityGroupID, scope(ctx))
	if err != nil {
		return rule, err
	}
	rule.GroupProjectID = g.ProjectID
	for _, o := range g.Rules {
		if sameRule(o, rule) {
			return rule, fault.Conflict("Security group rule already exists. Rule id is %s.", o.ID).As("SecurityGroupRuleExists")
		}
	}
	return rule, nil
}

func (s *Service) insertRules(ctx context.Context, tx *store.Tx, rules []neutron.SecurityGroupRule) error {
	if err := s.count(ctx, tx, "security_group_rule", rules[0].ProjectID, len(rules)); err != nil {
		return err
	}
	if err := tx.Lock(ctx, "security_group:"+rules[0].SecurityGroupID); err != nil {
		return err
	}
	return tx.InsertRules(ctx, rules)
}

// sameRule tells whether two rules of a group let the same traffic through.
func sameRule(a, b neutron.SecurityGroupRule) bool {
	return a.Direction == b.Direction && a.EtherType == b.EtherType && text(a.Protocol) == text(b.Protocol) &&
		number(a.PortRangeMin) == number(b.PortRangeMin) && number(a.PortRangeMax) == number(b.PortRangeMax) &&
		text(a.RemoteIPPrefix) == text(b.RemoteIPPrefix) && text(a.RemoteGroupID) == text(b.RemoteGroupID)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}

// DeleteSecurityGroupRule removes a rule.
func (s *Service) DeleteSecurityGroupRule(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.SecurityGroupRule(ctx, id, "")
		if err != nil {
			return err
		}
		if err := m.check(r.Revision); err != nil {
			return err
		}
		r.UpdatedAt = s.clock.Now()
		return tx.DeleteRule(ctx, r)
	})
}

// checkRule refuses a rule that contradicts itself and completes it.
func checkRule(r *neutron.SecurityGroupRule) error {
	if p := text(r.Protocol); r.EtherType == "IPv6" && (p == "icmp" || p == "icmpv6" || p == "1") {
		name := "ipv6-icmp"
		r.Protocol = &name
	}
	if err := checkRulePorts(r); err != nil {
		return err
	}
	if err := checkRulePrefix(r); err != nil {
		return err
	}
	if p := text(r.Protocol); r.EtherType == "IPv4" && slices.Contains(onlyIPv6, p) {
		return fault.BadRequest("Invalid ethertype IPv4 for protocol %s.", p).As("SecurityGroupEthertypeConflictWithProtocol")
	}
	if r.RemoteIPPrefix != nil && r.RemoteGroupID != nil {
		return fault.BadRequest("Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.").As("SecurityGroupMultipleRemoteEntites")
	}
	return nil
}

var (
	onlyIPv6  = []string{"ipv6-encap", "ipv6-frag", "ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "41", "43", "44", "58", "59", "60"}
	withPorts = []string{"dccp", "sctp", "tcp", "udp", "udplite", "33", "132", "6", "17", "136"}
	icmp      = []string{"icmp", "icmpv6", "ipv6-icmp", "1", "58"}
)

func checkRulePorts(r *neutron.SecurityGroupRule) error {
	low, high, proto := r.PortRangeMin, r.PortRangeMax, text(r.Protocol)
	switch {
	case low == nil && high == nil:
		return nil
	case proto == "":
		return fault.BadRequest("Must also specify protocol if port range is given.").As("SecurityGroupProtocolRequiredWithPorts")
	case slices.Contains(icmp, proto):
		return checkICMP(low, high)
	case !slices.Contains(withPorts, proto):
		return fault.BadRequest("Ports cannot be specified for protocol %s. Ports are only supported for ['dccp', 'sctp', 'tcp', 'udp', 'udplite'].", proto).As("SecurityGroupInvalidProtocolForPort")
	case number(low) == 0 || number(high) == 0:
		return fault.BadRequest("Invalid value for port 0").As("SecurityGroupInvalidPortValue")
	case low == nil || high == nil || *low > *high:
		return fault.BadRequest("For TCP/UDP protocols, port_range_min must be <= port_range_max").As("SecurityGroupInvalidPortRange")
	}
	return nil
}

func checkICMP(low, high *int) error {
	for _, f := range []struct {
		name, attr string
		value      *int
	}{{"type", "port_range_min", low}, {"code", "port_range_max", high}} {
		if f.value != nil && *f.value > 255 {
			return fault.BadRequest("Invalid value for ICMP %s (%s) %d. It must be 0 to 255.", f.name, f.attr, *f.value).As("SecurityGroupInvalidIcmpValue")
		}
	}
	if low == nil {
		return fault.BadRequest("ICMP code (port-range-max) %s is provided but ICMP type (port-range-min) is missing.", strconv.Itoa(*high)).As("SecurityGroupMissingIcmpType")
	}
	return nil
}

func checkRulePrefix(r *neutron.SecurityGroupRule) error {
	if r.RemoteIPPrefix == nil {
		return nil
	}
	p, err := netip.ParsePrefix(*r.RemoteIPPrefix)
	if err != nil {
		return fmt.Errorf("remote prefix: %w", err)
	}
	if r.EtherType != "IPv"+strconv.Itoa(version(p.Addr())) {
		return fault.BadRequest("Conflicting value ethertype %s for CIDR %s", r.EtherType, p).As("SecurityGroupRuleParameterConflict")
	}
	normal := p.Masked().String()
	r.NormalizedCIDR = &normal
	return nil
}

// GroupOwner is the project of a security group, whoever may see it.
func (s *Service) GroupOwner(ctx context.Context, id string) (string, error) {
	g, err := s.store.SecurityGroup(ctx, id, "")
	return g.ProjectID, err
}
