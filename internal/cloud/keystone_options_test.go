package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone/service"
	"nacre/internal/oslo/config"
)

// TestKeystoneOptions: what the file says reaches the service, what it leaves out is the original's default.
func TestKeystoneOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nacre.yaml")
	text := "keystone:\n  v2: true\n  allow_expired_window: 0\n  notification_opt_out: []\n  list_limits: {identity: 7}\n  enforcement_model: strict_two_level\n  security_compliance:\n    lockout_failure_attempts: 5\n    password_regex: '^(?=.*\\d).+$'\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	if err := config.Load(file, false, &c); err != nil {
		t.Fatal(err)
	}
	got := c.Keystone.apply(service.Config{})
	if got.ListLimits["identity"] != 7 || got.EnforcementModel != "strict_two_level" || got.MaxProjectTreeDepth != 5 || got.EmptyCatalogUnfiltered ||
		got.Compliance.LockoutFailureAttempts != 5 || got.Compliance.LockoutDuration.Minutes() != 30 || got.Compliance.PasswordRegex != `^(?=.*\d).+$` {
		t.Errorf("%+v", got)
	}
	if !c.Keystone.V2 || DefaultConfig().Keystone.V2 || got.NotificationFormat != "cadf" || got.NotificationOptOut == nil || len(got.NotificationOptOut) != 0 {
		t.Errorf("%+v", got)
	}
	for want, seconds := range map[time.Duration]int{service.NoExpired: 0, time.Minute: 60, service.DefaultAllowExpired: defaultKeystone().AllowExpiredWindow} {
		if k := (KeystoneOptions{AllowExpiredWindow: seconds}); k.apply(service.Config{}).AllowExpired != want || c.Keystone.AllowExpiredWindow != 0 {
			t.Errorf("allow_expired_window of %d is not %s", seconds, want)
		}
	}
	c.Keystone.NotificationFormat, c.Keystone.AllowExpiredWindow = "odd", -1
	c.Keystone.EnforcementModel, c.Keystone.SecurityCompliance.PasswordRegex, c.Keystone.SecurityCompliance.LockoutDuration = "odd", "(", -1
	err := c.Check()
	for _, want := range []string{"enforcement_model", "notification_format", "password_regex", "lockout_duration", "allow_expired_window"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not reported: %v", want, err)
		}
	}
}
