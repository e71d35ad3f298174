package cloud

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	glance "nacre/internal/glance/service"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/config"
)

// Config is what an operator may decide about a cloud. The zero values of
// DefaultConfig give a working cloud on one machine.
type Config struct {
	StateDir        string            `yaml:"state_dir"`        // everything that must survive a restart
	Listen          string            `yaml:"listen"`           // address of all APIs
	Public          string            `yaml:"public_endpoint"`  // https://cloud.example: what clients are told instead, without a port
	PublicEndpoints map[string]string `yaml:"public_endpoints"` // https://cloud.example/identity: the same by service, without the version
	TLS             TLS               `yaml:"tls"`              // of all APIs
	Region          string            `yaml:"region"`
	Host            string            `yaml:"host"` // this host's name in Nova and Neutron; the machine's when empty

	Database  string            `yaml:"database"`  // URL with {name} for the service; sqlite files in StateDir when empty
	Databases map[string]string `yaml:"databases"` // URL by service, for those that Database does not fit
	Bus       string            `yaml:"bus"`       // "" in process, nats://…, amqp://user:password@host:5672/vhost
	Sockets   bool              `yaml:"sockets"`   // services of this process call each other over sockets too

	Processes []string `yaml:"processes"` // the only ones that run, beside services of others; all when empty

	Authtoken Authtoken `yaml:"keystone_authtoken"` // where Keystone runs, if it is none of the processes

	AdminPassword string `yaml:"admin_password"` // of the first run; NACRE_ADMIN_PASSWORD; random when empty

	VirtType           string        `yaml:"virt_type"`            // auto, kvm, qemu, fake
	FakeHosts          int           `yaml:"fake_hosts"`           // hosts of the fake driver, for scale tests
	LibvirtURI         string        `yaml:"libvirt_uri"`          // "" takes a running system libvirtd or starts one of our own
	PolicyDir          string        `yaml:"policy_dir"`           // holds <service>.yaml; StateDir/policy when empty
	OpsListen          string        `yaml:"ops_listen"`           // the operator's port: /metrics, /healthz, /explain; 127.0.0.1:9464 when empty
	Traces             string        `yaml:"traces"`               // OTLP/HTTP endpoint; "" records no traces
	GuestImage         string        `yaml:"guest_image"`          // qcow2 uploaded on the first run; the one found beside the binary when empty
	NoDefaults         bool          `yaml:"no_defaults"`          // first run makes no networks, flavors or image
	External           string        `yaml:"external"`             // CIDR of the external network "public"
	TunnelIP           string        `yaml:"tunnel_ip"`            // of this host, where others send VXLAN
	NetworkPrefix      string        `yaml:"network_prefix"`       // before the names of network namespaces; a second cloud on one machine needs one
	PortOffset         int           `yaml:"port_offset"`          // added to every port: a second cloud on one machine
	FailPoint          string        `yaml:"fail_point"`           // kill this process there; for tests of recovery
	PasswordHashRounds int           `yaml:"password_hash_rounds"` // bcrypt cost of passwords, [identity] password_hash_rounds
	TokenExpiry        time.Duration `yaml:"token_expiration"`     // of identity tokens
	TokenProvider      string        `yaml:"token_provider"`       // fernet, jws or uuid, [token] provider
	TokenStore         string        `yaml:"token_store"`          // where uuid tokens are kept: sql, or memcached://host:port,host:port
	AuthMethods        []string      `yaml:"auth_methods"`         // by which users may authenticate, [auth] methods; clouds that share Fernet keys need the same
	Federation         sso.Config    `yaml:"federation"`           // identity providers, and clouds that trust this one
	CertificateProxies []string      `yaml:"certificate_proxies"`  // addresses or networks that end TLS for the APIs, and whose header SSL-Client-Cert is believed

	Keystone KeystoneOptions `yaml:"keystone"`
	Glance   GlanceOptions   `yaml:"glance"`
	Nova     NovaOptions     `yaml:"nova"`
}

// Authtoken is the original's section [keystone_authtoken].
type Authtoken struct {
	AuthURL           string        `yaml:"auth_url"` // with /v3
	Username          string        `yaml:"username"` // of a service, who may validate tokens
	Password          string        `yaml:"password"`
	UserDomainName    string        `yaml:"user_domain_name"`    // Default when empty
	ProjectName       string        `yaml:"project_name"`        // service when empty
	ProjectDomainName string        `yaml:"project_domain_name"` // Default when empty
	TokenCacheTime    time.Duration `yaml:"token_cache_time"`    // for which a token that was revoked may pass; 0 asks at every call
	ServiceTokenRoles []string      `yaml:"service_token_roles"` // any of which makes a token in X-Service-Token one of a service, with which expired tokens of users pass; service when empty
}

// DefaultConfig is what `nacre up` without options uses.
func DefaultConfig() Config {
	return Config{StateDir: "/var/lib/nacre", Listen: "127.0.0.1", Region: "RegionOne", VirtType: "auto", External: "172.24.4.0/24", TunnelIP: "127.0.0.1",
		Keystone: defaultKeystone(), Glance: GlanceOptions{Config: glance.DefaultConfig()}, Nova: defaultNova(), TokenExpiry: time.Hour, PasswordHashRounds: 12, TokenProvider: "fernet", TokenStore: "sql",
		AuthMethods: slices.Clone(token.DefaultMethods)}
}

var _ config.Checker = &Config{}

// certificateProxies are the networks of certificate_proxies.
func (c *Config) certificateProxies() (nets []netip.Prefix, err error) {
	for _, text := range c.CertificateProxies {
		net, err := netip.ParsePrefix(text)
		if addr, aerr := netip.ParseAddr(text); aerr == nil {
			net, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network", text)
		}
		nets = append(nets, net)
	}
	return nets, nil
}

// Check completes what follows from other options and reports every mistake.
func (c *Config) Check() error {
	var errs []error
	errs = append(errs, checkProcesses(c.Processes, c.Authtoken.AuthURL != ""))
	if c.StateDir == "" {
		errs = append(errs, errors.New("state_dir is empty"))
	} else if abs, err := filepath.Abs(c.StateDir); err == nil {
		c.StateDir = abs
	}
	if net.ParseIP(c.Listen) == nil {
		errs = append(errs, fmt.Errorf("listen: %q is not an IP address", c.Listen))
	}
	errs = append(errs, c.checkPublic(), c.checkPublicEndpoints(), c.TLS.check(c.publicHost()))
	if abs, err := filepath.Abs(c.TLS.CA); err == nil && c.TLS.CA != "" {
		c.TLS.CA = abs // openrc says it to shells elsewhere
	}
	if c.Region == "" || strings.ContainsAny(c.Region, "/ ") {
		errs = append(errs, fmt.Errorf("region: %q is not a region's name", c.Region))
	}
	switch c.VirtType {
	case "auto", "kvm", "qemu", "fake":
	default:
		errs = append(errs, fmt.Errorf("virt_type: %q is none of auto, kvm, qemu, fake", c.VirtType))
	}
	if _, _, err := net.ParseCIDR(c.External); err != nil {
		errs = append(errs, fmt.Errorf("external: %q is not a network such as 172.24.4.0/24", c.External))
	}
	if c.FakeHosts < 0 || c.FakeHosts > 0 && c.VirtType != "fake" {
		errs = append(errs, errors.New("fake_hosts goes with virt_type fake"))
	}
	if _, err := c.certificateProxies(); err != nil {
		errs = append(errs, fmt.Errorf("certificate_proxies: %w", err))
	}
	if net.ParseIP(c.TunnelIP) == nil {
		errs = append(errs, fmt.Errorf("tunnel_ip: %q is not an IP address", c.TunnelIP))
	}
	if c.PasswordHashRounds < 4 || c.PasswordHashRounds > 31 {
		errs = append(errs, errors.New("password_hash_rounds is not within 4 and 31"))
	}
	if !slices.Contains([]string{"fernet", "jws", "uuid"}, c.TokenProvider) {
		errs = append(errs, fmt.Errorf("token_provider: %q is none of fernet, jws, uuid", c.TokenProvider))
	}
	if c.TokenStore != "sql" && len(c.memcached()) == 0 {
		errs = append(errs, fmt.Errorf("token_store: %q is neither sql nor memcached://host:port", c.TokenStore))
	}
	if err := c.Federation.Check(); err != nil {
		errs = append(errs, err)
	}
	for _, protocol := range c.Federation.Protocols() { // whoever configured one wants it offered
		if !slices.Contains(c.AuthMethods, protocol) {
			c.AuthMethods = append(c.AuthMethods, protocol)
		}
	}
	if len(c.AuthMethods) == 0 {
		errs = append(errs, errors.New("auth_methods is empty: nobody could authenticate"))
	}
	if err := c.Keystone.check(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Glance.check(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Nova.check(); err != nil {
		errs = append(errs, fmt.Errorf("nova: %w", err))
	}
	if c.Database != "" && !strings.Contains(c.Database, "{name}") {
		errs = append(errs, errors.New("database has no {name}: each service needs a database of its own"))
	}
	if c.Host == "" {
		name, err := os.Hostname()
		if err != nil {
			errs = append(errs, err)
		}
		c.Host = name
	}
	if c.OpsListen == "" {
		c.OpsListen = net.JoinHostPort("127.0.0.1", fmt.Sprint(opsPort+c.PortOffset))
	}
	return errors.Join(errs...)
}

// checkPublic refuses what is no address of all APIs.
func (c *Config) checkPublic() error {
	if c.Public == "" {
		return nil
	}
	c.Public = strings.TrimSuffix(c.Public, "/")
	u, ok := publicAddress(c.Public)
	if !ok || u.Path != "" || u.Port() != "" {
		return fmt.Errorf("public_endpoint: %q is not an address such as https://cloud.example, without a port", c.Public)
	}
	if u.Scheme == "http" && c.TLS.Cert != "" {
		return fmt.Errorf("public_endpoint: %q, but the APIs are served over https", c.Public)
	}
	return nil
}

// publicAddress takes apart what clients may be told; ok if it is that.
func publicAddress(text string) (u *url.URL, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, false
	}
	return u, u.String() == u.Scheme+"://"+u.Host+u.EscapedPath()
}

// checkPublicEndpoints refuses what is no address of a service's API.
func (c *Config) checkPublicEndpoints() error {
	var errs []error
	c.PublicEndpoints = maps.Clone(c.PublicEndpoints)
	for _, name := range slices.Sorted(maps.Keys(c.PublicEndpoints)) {
		s, err := ByName(name)
		address := strings.TrimSuffix(c.PublicEndpoints[name], "/")
		c.PublicEndpoints[name] = address
		_, ok := publicAddress(address)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("public_endpoints: %w", err))
		case !ok:
			errs = append(errs, fmt.Errorf("public_endpoints: %s: %q is not an address such as https://cloud.example/%[1]s", name, address))
		case s.Catalog.Path != "" && strings.HasSuffix(address, s.Catalog.Path):
			errs = append(errs, fmt.Errorf("public_endpoints: %s: %q is to be without %s", name, address, s.Catalog.Path))
		}
	}
	return errors.Join(errs...)
}

// publicHost is the name or address by which clients know this cloud.
func (c *Config) publicHost() string {
	if u, err := url.Parse(c.Public); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return c.Listen
}

// whole reports whether this is a cloud of ours alone, which makes users and
// catalogue for itself. Beside services of others an operator says what there is.
func (c *Config) whole() bool { return len(c.Processes) == 0 }

// PolicyFile holds what the operator changes in a service's policy. A flag may
// change the state directory after the file of options was checked.
func (c *Config) PolicyFile(service string) string {
	return filepath.Join(cmp.Or(c.PolicyDir, filepath.Join(c.StateDir, "policy")), service+".yaml")
}

// memcached lists the servers that keep tokens, if such do.
func (c *Config) memcached() []string {
	list, ok := strings.CutPrefix(c.TokenStore, "memcached://")
	if !ok || list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
