package server_test

import (
	"net/http"
	"testing"

	"sallyport/internal/harness"
)

// T40: a page elsewhere whose name points to this machine reads nothing of what is
// for operators.
func TestNamesOfOthersReachNoListenerForOperators(t *testing.T) {
	debug := "127.0.0.1:" + harness.FreePort(t)
	w := harness.Start(t, harness.Options{Extra: "debug_address: " + debug})
	for _, addr := range []string{"http://" + w.Server.MetricsAddr() + "/metrics", "http://" + debug + "/debug/pprof/"} {
		for host, want := range map[string]int{
			"": 200, "localhost": 200, "LOCALHOST:9090": 200, "127.0.0.1:1": 200, "[::1]:9090": 200, "machine": 200, "a.localhost": 200,
			"evil.test": 421, "127.0.0.1.evil.test": 421, "localhost.evil.test:9090": 421, "evil.test.": 421, "evillocalhost.test": 421, "a@b": 421,
		} {
			req, err := http.NewRequest("GET", addr, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host // "" is the address itself
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s as %q: %d, want %d", addr, host, resp.StatusCode, want)
			}
		}
	}
}
