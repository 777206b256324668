package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// BenchmarkStart measures the real binary with 1,000 routes: from exec to the
// first answer, and what is resident at rest.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	binary := filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	port := harness.FreePort(b)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(thousandRoutes(port, dir)), 0o600); err != nil {
		b.Fatal(err)
	}
	var total time.Duration
	var resident float64
	for b.Loop() {
		cmd := exec.Command(binary, "-config", file)
		cmd.Env = []string{"HOME=" + dir}
		start := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		waitFor(b, port)
		total += time.Since(start)
		time.Sleep(2 * time.Second)
		resident = max(resident, residentMiB(b, cmd.Process.Pid))
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/start")
	b.ReportMetric(resident, "MiB-resident")
	b.ReportMetric(0, "ns/op")
}

func thousandRoutes(port, dir string) string {
	var s strings.Builder
	fmt.Fprintf(&s, `address: 127.0.0.1:%s
insecure_server: true
authenticate_service_url: https://authenticate.example.com
idp_provider: okta
idp_provider_url: https://example.okta.com
idp_client_id: 0oa1
idp_client_secret: secret
idp_service_account: eyJhcGlfa2V5IjoieCJ9
data_dir: %s/data
drain_delay: 0s
health_check_addr: 127.0.0.1:0
routes:
`, port, dir)
	for i := range 1000 {
		fmt.Fprintf(&s, "  - {from: \"https://app%d.example.com\", to: \"http://127.0.0.1:1\", pass_identity_headers: true, policy: [{allow: {or: [{groups: {has: team%d}}, {domain: {is: example.com}}]}}]}\n", i, i)
	}
	return s.String()
}

func waitFor(b *testing.B, port string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if resp, err := http.Get("http://127.0.0.1:" + port + "/ping"); err == nil {
			resp.Body.Close()
			return
		}
	}
	b.Fatal("the binary did not answer within 20 s")
}

// residentMiB is VmRSS of a process.
func residentMiB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("no /proc here")
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
