package harness

import (
	"net"
	"strconv"
	"testing"
)

func TestPortIsItsCallersUntilTheTestEnds(t *testing.T) {
	mine := map[string]bool{}
	t.Run("inner", func(t *testing.T) {
		for range 200 {
			port := FreePort(t)
			if n, _ := strconv.Atoi(port); mine[port] || n < firstPort || n >= lastPort {
				t.Errorf("port %s, given before: %t", port, mine[port])
			}
			mine[port] = true
			ln, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatalf("the caller cannot listen: %v", err)
			}
			_ = ln.Close()
			if other, err := net.ListenPacket("udp", "127.0.0.1:"+port); err == nil {
				_ = other.Close()
				t.Errorf("port %s is not held against others", port)
			}
		}
	})
	for port := range mine {
		claim, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		if err != nil {
			t.Errorf("port %s is held after its test: %v", port, err)
			continue
		}
		_ = claim.Close()
	}
}
