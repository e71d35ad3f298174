package api_test

import (
	"fmt"
	"log/slog"
	"testing"

	"nacre/internal/glance/service"
)

// BenchmarkList lists a page of an API that has that many images.
func BenchmarkList(b *testing.B) {
	slog.SetLogLoggerLevel(slog.LevelError)
	cloud := start(b, service.DefaultConfig())
	have := 0
	for _, n := range []int{1, 200, 10_000} {
		for ; have < n; have++ {
			cloud.create(b, "member", fmt.Sprintf(`{"name": "image%d", "hw_disk_bus": "virtio", "tags": ["t"]}`, have))
		}
		for _, query := range []string{"", "?limit=1000", "?name=image0", "?tag=t&limit=25"} {
			b.Run(fmt.Sprintf("%d%s", n, query), func(b *testing.B) {
				for b.Loop() {
					cloud.do(b, "member", "GET", "/v2/images"+query, "", nil).want(b, 200, "")
				}
			})
		}
	}
}
