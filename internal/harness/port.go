package harness

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports of tests lie below those that systems hand out by themselves (Linux from
// 32768, others from 49152), or any connection could take one between two uses.
const firstPort, lastPort = 12000, 32000

// FreePort is a port of 127.0.0.1 for servers that must know theirs before they
// listen, or come back to it. It is the caller's until the test ends: no other
// caller gets it, in this process or another (who holds the port's UDP side has
// it), and no system gives it away.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		claim, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		ln, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			_ = claim.Close()
			continue
		}
		_ = ln.Close()
		t.Cleanup(func() { _ = claim.Close() })
		return port
	}
	t.Fatal("no port of 127.0.0.1 is free")
	return ""
}
