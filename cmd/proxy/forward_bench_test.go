package main

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// BenchmarkForwardCPU measures the real binary in a process of its own: CPU time
// per forwarded request of 1 KiB over kept connections, for a public route, for
// somebody signed in with 100 groups whose identity is passed on, and, where
// nginx is installed, for nginx in front of the same upstream. CPU time and the
// ratios travel between machines; requests a second do not.
func BenchmarkForwardCPU(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(kibibyte) }))
	b.Cleanup(upstream.Close)
	p := startMeasured(b, upstream.URL)
	b.Run("public", func(b *testing.B) { p.load(b, "public.localhost:"+p.port, nil) })
	b.Run("signed-in", func(b *testing.B) { p.load(b, "app.localhost:"+p.port, p.cookies) })
	if path, err := exec.LookPath("nginx"); err == nil {
		n := startNginx(b, path, upstream.URL)
		b.Run("nginx", func(b *testing.B) { n.load(b, "app.localhost", nil) })
	}
}

var kibibyte = []byte(strings.Repeat("x", 1024))

// measured is a proxy process under load.
type measured struct {
	pids    []int
	port    string
	cookies http.Header
}

func startMeasured(b *testing.B, upstream string) *measured {
	dir := b.TempDir()
	port := harness.FreePort(b)
	front := "https://authenticate.localhost:" + port
	okta, groups := oktaWithGroups(b, front)
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(`address: 127.0.0.1:%[1]s
insecure_server: true
authenticate_service_url: %[2]s
idp_provider: okta
idp_provider_url: %[3]s
idp_client_id: %[4]s
data_dir: %[5]s
drain_delay: 0s
health_check_addr: 127.0.0.1:0
pass_identity_headers: true
jwt_claims_headers: [email]
routes:
  - {from: "https://public.localhost:%[1]s", to: "%[6]s", allow_public_unauthenticated_access: true}
  - {from: "https://app.localhost:%[1]s", to: "%[6]s", policy: [{allow: {or: [{groups: {has: %[7]s}}]}}]}
`, port, front, okta.URL(), harness.ClientID, dir, upstream, groups[50])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	account := base64.StdEncoding.EncodeToString([]byte(`{"api_key":"` + harness.APIToken + `"}`))
	cmd := exec.Command(buildBinary(b, dir), "-config", file)
	cmd.Env = []string{"HOME=" + dir, "IDP_CLIENT_SECRET=" + harness.ClientSecret, "IDP_SERVICE_ACCOUNT=" + account}
	start(b, cmd)
	waitFor(b, port)
	browser := harness.NewBrowser(b)
	browser.Plain = true
	if p := browser.SignIn("https://app.localhost:"+port+"/", "alice@example.com", harness.AlicePassword); p.Status != 200 {
		b.Fatalf("sign-in: %d at %s\n%s", p.Status, p.URL, p.Body)
	}
	m := &measured{pids: []int{cmd.Process.Pid}, port: port, cookies: http.Header{}}
	for name, value := range browser.Cookies("app.localhost") {
		m.cookies.Add("Cookie", name+"="+value)
	}
	return m
}

// oktaWithGroups runs a stand-in where alice is in 100 groups.
func oktaWithGroups(b *testing.B, front string) (*oktatest.Okta, []string) {
	var groups []oktatest.Group
	var names []string
	for i := range 100 {
		name := fmt.Sprintf("team-%d", i)
		groups, names = append(groups, oktatest.Group{Name: name}), append(names, name)
	}
	okta, err := oktatest.New(oktatest.Options{
		Groups: groups, APITokens: []string{harness.APIToken},
		People:  []oktatest.Person{{Login: "alice@example.com", Password: harness.AlicePassword, FirstName: "Alice", LastName: "Liddell", Groups: names}},
		Clients: []oktatest.Client{{ID: harness.ClientID, Secret: harness.ClientSecret, RedirectURIs: []string{front + "/oauth2/callback"}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(okta.Close)
	return okta, names
}

func buildBinary(b *testing.B, dir string) string {
	binary := filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func start(b *testing.B, cmd *exec.Cmd) {
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
}

// startNginx runs one worker with keep-alive to the upstream.
func startNginx(b *testing.B, path, upstream string) *measured {
	dir := b.TempDir()
	port := harness.FreePort(b)
	conf := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log /dev/null;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  keepalive_requests 1000000;
  upstream u { server %[3]s; keepalive 64; keepalive_requests 1000000; }
  server { listen 127.0.0.1:%[2]s; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}`, dir, port, strings.TrimPrefix(upstream, "http://"))
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file, "-p", dir)
	start(b, cmd)
	waitFor(b, port)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
	if err != nil {
		b.Skip("no /proc here")
	}
	m := &measured{port: port}
	for _, field := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		m.pids = append(m.pids, pid)
	}
	return m
}

// load asks over 16 kept connections and reports the process's CPU time.
func (m *measured) load(b *testing.B, host string, header http.Header) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	b.Cleanup(transport.CloseIdleConnections)
	b.SetParallelism(8)
	before := cpuTime(b, m.pids)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest("GET", "http://127.0.0.1:"+m.port+"/", nil)
			if err != nil {
				b.Error(err)
				return
			}
			req.Host = host
			for name, values := range header {
				req.Header[name] = values
			}
			resp, err := transport.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			n, _ := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 || n != int64(len(kibibyte)) {
				b.Errorf("answer %d with %d bytes", resp.StatusCode, n)
				return
			}
		}
	})
	b.StopTimer()
	used := cpuTime(b, m.pids) - before
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/req")
}

// cpuTime is user and system time of processes so far; the kernel counts it in
// hundredths of a second.
func cpuTime(b *testing.B, pids []int) time.Duration {
	var ticks int64
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Skip("no /proc here")
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		for _, f := range fields[11:13] {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
