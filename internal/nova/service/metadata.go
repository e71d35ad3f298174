package service

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/nova/metadata"
)

// MetadataInstance is what the guest of a server may know about itself.
func (s *Service) MetadataInstance(ctx context.Context, id string) (metadata.Instance, error) {
	srv, err := s.store.Server(ctx, id)
	if err != nil {
		return metadata.Instance{}, notFound(err, id)
	}
	i := metadata.Instance{ID: srv.ID, ProjectID: srv.ProjectID, Name: srv.Name, Hostname: s.fullHostname(srv), AvailabilityZone: srv.Zone,
		Flavor: srv.Flavor.Name, ReservationID: srv.ReservationID, LaunchIndex: srv.LaunchIndex, Metadata: srv.Metadata, EC2: ec2Of(srv),
		Interfaces: metadata.InterfacesOf(srv.NetworkInfo), Devices: metadata.DevicesOf(srv.NetworkInfo)}
	if srv.KeyName != "" {
		i.Keys = []metadata.Key{{Name: srv.KeyName, Type: keyType(srv.KeyData), Data: srv.KeyData}}
	}
	if srv.UserData != "" {
		if i.UserData, err = base64.StdEncoding.DecodeString(srv.UserData); err != nil {
			return i, fmt.Errorf("user data of %s: %w", id, err)
		}
	}
	i.Password, err = s.store.ServerPassword(ctx, id)
	return i, err
}

// SecurityGroupNames lists the groups on a server's ports.
func (s *Service) SecurityGroupNames(ctx context.Context, id string) (names []string, err error) {
	groups, err := s.networks.SecurityGroups(ctx, []string{id}, false)
	for _, g := range groups[id] {
		names = append(names, g.Name)
	}
	return names, err
}

func (s *Service) fullHostname(srv nova.Server) string {
	if s.cfg.DHCPDomain == "-" {
		return srv.Hostname
	}
	return srv.Hostname + "." + s.cfg.DHCPDomain
}

// keyType tells a certificate from an SSH key.
func keyType(data string) string {
	if strings.HasPrefix(strings.TrimSpace(data), "-----BEGIN CERTIFICATE") {
		return nova.KeypairX509
	}
	return nova.KeypairSSH
}

// ec2Of names server, image and devices as EC2 would. An image's name is made of the beginning of its ID.
func ec2Of(srv nova.Server) metadata.EC2 {
	e := metadata.EC2{InstanceID: fmt.Sprintf("i-%08x", srv.Number), ImageID: ec2Image("ami", srv.ImageID),
		KernelID: ec2Image("aki", srv.KernelID), RamdiskID: ec2Image("ari", srv.RamdiskID), Devices: map[string]string{}}
	root := srv.RootDeviceName
	if root == "" {
		root = "/dev/sda1"
	}
	e.Devices["root"], e.Devices["ami"] = root, strings.TrimPrefix(root, "/dev/")
	e.LocalIPv4, e.PublicIPv4 = metadata.FirstAddresses(srv.NetworkInfo)
	return e
}

func ec2Image(kind, id string) string {
	if len(id) < 8 {
		return ""
	}
	return kind + "-" + id[:8]
}
