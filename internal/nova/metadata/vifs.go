package metadata

import "nacre/internal/nova"

// InterfacesOf describes a server's ports, one subnet for each fixed address.
func InterfacesOf(vifs []nova.VIF) (out []Interface) {
	for _, v := range vifs {
		out = append(out, interfaceOf(v))
	}
	return out
}

func interfaceOf(v nova.VIF) Interface {
	out := Interface{PortID: v.PortID, NetworkID: v.NetworkID, Device: v.Tap, Type: v.Type, MAC: v.MAC, MTU: v.MTU}
	for _, ip := range v.FixedIPs {
		s := Subnet{Version: ip.Version, CIDR: ip.CIDR, DHCP: ip.DHCP, IPv6AddressMode: ip.IPv6Mode, Gateway: ip.Gateway,
			Addresses: []string{ip.Address}, DNS: ip.DNS}
		for _, r := range ip.Routes {
			s.Routes = append(s.Routes, Route(r))
		}
		out.Subnets = append(out.Subnets, s)
	}
	return out
}

// DevicesOf lists the ports that carry a tag.
func DevicesOf(vifs []nova.VIF) (out []Device) {
	for _, v := range vifs {
		if v.Tag != "" {
			out = append(out, Device{Type: "nic", MAC: v.MAC, Tags: []string{v.Tag}})
		}
	}
	return out
}

// FirstAddresses are the first fixed and the first floating IPv4 address, "" for none.
func FirstAddresses(vifs []nova.VIF) (local, public string) {
	for _, a := range (nova.Server{NetworkInfo: vifs}).Addresses() {
		switch {
		case a.Version != 4:
		case a.Floating && public == "":
			public = a.Address
		case !a.Floating && local == "":
			local = a.Address
		}
	}
	return local, public
}
