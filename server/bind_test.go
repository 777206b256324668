package server

import (
	"net"
	"strings"
	"testing"
)

// An address that cannot be listened on is told with the key to change.
func TestAnAddressThatIsTakenIsToldWithWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, want := range map[string]string{
		taken.Addr().String(): "stop the program that listens there, or set metrics_address to another address",
		"192.0.2.1:0":         "none of this machine's addresses",
		"127.0.0.1:nowhere":   "expected HOST:PORT",
	} {
		ln, err := bind("metrics_address", addr)
		if err == nil {
			ln.Close()
			t.Errorf("%s was bound", addr)
			continue
		}
		if !strings.HasPrefix(err.Error(), "metrics_address: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", addr, err, want)
		}
	}
}
