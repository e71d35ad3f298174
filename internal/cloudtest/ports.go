package cloudtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"nacre/internal/cloud"
)

// freeOffset finds a port offset at which all ports of a cloud are free now. But
// for 35357, which few clouds have, they are below those that the kernel gives to
// connections, so that none of these takes one before the cloud does.
func freeOffset(t testing.TB) int {
	t.Helper()
	for range 100 {
		offset := 10000 + rand.IntN(13000)
		if allFree(offset) {
			return offset
		}
	}
	t.Fatal("no free ports for a cloud")
	return 0
}

func allFree(offset int) bool {
	for _, port := range cloud.Ports() {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+offset))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
