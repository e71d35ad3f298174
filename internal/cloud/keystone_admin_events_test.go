package cloud_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/messaging"
)

// TestAdminEvents: what bootstrap makes and changes is told on the bus of the cloud, once.
func TestAdminEvents(t *testing.T) {
	broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	t.Cleanup(broker.Shutdown)
	if !broker.ReadyForConnections(time.Minute) {
		t.Fatal("the broker is not ready")
	}
	bus, err := messaging.DialNATS(broker.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	heard := make(chan messaging.Event, 100)
	if _, err := bus.Listen(func(e messaging.Event) { heard <- e }); err != nil {
		t.Fatal(err)
	}
	cfg := cloud.DefaultConfig()
	cfg.StateDir, cfg.Host, cfg.Bus, cfg.PasswordHashRounds = t.TempDir(), "host1", broker.ClientURL(), 4
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	admin := cloud.NewKeystoneAdmin(cfg)
	told := func(password, url string) (types []string) {
		t.Helper()
		err := admin.Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: password, Region: "r",
			Services: []service.BootstrapService{{Name: "keystone", Type: "identity", Public: url}}})
		if err != nil {
			t.Fatal(err)
		}
		cloudtest.Until(t, "the broker has taken all that came by the connection of the bootstrap", time.Minute, func() bool { return broker.NumClients() == 1 })
		if err := bus.Notify(context.Background(), messaging.Event{Type: "mark"}); err != nil {
			t.Fatal(err)
		}
		for e := range heard {
			if e.Type == "mark" {
				return types
			}
			if e.PublisherID != "identity.host1" || strings.Contains(string(e.Payload), password) {
				t.Errorf("%+v: %s", e, e.Payload)
			}
			types = append(types, strings.TrimPrefix(e.Type, "identity."))
		}
		return nil
	}
	for _, tc := range []struct {
		password, url string
		want          string
	}{
		{"first", "http://a", "project.created domain.created role.created role.created role.created role.created role.created " +
			"project.created project.created user.created region.created service.created endpoint.created"},
		{"first", "http://a", ""}, {"second", "http://a", "user.updated"}, {"second", "http://b", "endpoint.updated"},
	} {
		if got := told(tc.password, tc.url); !slices.Equal(got, strings.Fields(tc.want)) {
			t.Errorf("%v, want %s", got, tc.want)
		}
	}
	broker.Shutdown()
	if err := admin.Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "third"}); err != nil {
		t.Errorf("without the broker: %v", err)
	}
}
