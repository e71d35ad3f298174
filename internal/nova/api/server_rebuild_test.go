package api_test

import (
	"fmt"
	"testing"
	"time"

	"nacre/internal/cloudtest"
)

func TestRebuild(t *testing.T) {
	e := newEstate(t)
	s := e.create(`"networks": "auto"`)
	old, member := e.As(cloudtest.Member).Compute("2.1"), e.As(cloudtest.Member).Compute("2.93")
	action := "/servers/" + s.Server.ID + "/action"
	settled := func() {
		t.Helper()
		cloudtest.Until(t, "server is rebuilt", time.Minute, func() bool {
			var now serverDoc
			member.Get("/servers/" + s.Server.ID).Want(200).Into(&now)
			return now.Server.Status == "ACTIVE"
		})
	}
	old.Post(action, fmt.Sprintf(`{"rebuild": {"imageRef": %q, "adminPass": "secret", "personality": [{"path": "/a", "contents": "YQ=="}]}}`, e.image)).
		Want(202, `"adminPass":"secret"`, `"status":"REBUILD"`)
	settled()
	member.Post(action, fmt.Sprintf(`{"rebuild": {"imageRef": %q, "name": "anew", "accessIPv6": "0:0:0:0:0:babe:220.12.22.2", "hostname": "anew", "description": null, "key_name": null,
		"metadata": {"k": "v"}, "user_data": "YQ=="}}`, e.image)).
		Want(202, `"user_data":"YQ=="`, `"key_name":null`, `"name":"anew"`, `"metadata":{"k":"v"}`, `"OS-EXT-STS:task_state":"rebuilding"`)
	settled()
	member.Get("/servers/"+s.Server.ID).Want(200, `"name":"anew"`, `"k":"v"`, `"accessIPv6":"::babe:dc0c:1602"`)
	var told struct{ Server map[string]any }
	e.As(cloudtest.Admin).Compute("2.93").Post(action, fmt.Sprintf(`{"rebuild": {"imageRef": %q}}`, e.image)).
		Want(202, `"OS-EXT-SRV-ATTR:hostname":"anew"`, `"user_data":"YQ=="`).Into(&told)
	if twice, ok := told.Server["OS-EXT-SRV-ATTR:user_data"]; ok {
		t.Errorf("user data is told a second time: %v", twice)
	}
	settled()
	member.Post(action, `{"rebuild": {"imageRef": "5c3200a8-7bf1-4de3-8e88-7d499b5f5b7a"}}`).Want(400, "Cannot find image for rebuild")
	member.Post(action, `{"rebuild": {"imageRef": "x"}}`).Want(400, "Invalid input for field/attribute imageRef")
	e.As(cloudtest.Reader).Compute("2.93").Post(action, fmt.Sprintf(`{"rebuild": {"imageRef": %q}}`, e.image)).Want(403, "os_compute_api:servers:rebuild")
}
